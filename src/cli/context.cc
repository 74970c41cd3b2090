#include "cli/context.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "app/replay.h"

namespace tidecast {

bool Context::use_color(std::FILE* stream) const {
  if (color != "auto") return color == "always";
  return ::isatty(::fileno(stream)) == 1 && std::getenv("NO_COLOR") == nullptr;
}

int exit_code(const Status& status) {
  switch (status.code()) {
    case Code::kOk: return 0;
    case Code::kInvalidArgument: return 2;
    case Code::kNotFound: return 3;
    case Code::kFailedPrecondition: return 4;
    case Code::kUnavailable: return 5;
    default: return 1;
  }
}

Result<Definition> load(const Context& context) {
  Definition definition = TRY(load_definition(context.definition));
  if (!context.data.empty()) definition.data = std::filesystem::absolute(context.data);
  return definition;
}

Result<Workbench> open_workbench(const Context& context, const std::string& who) {
  Definition definition = TRY(load(context));
  Workbench bench;
  bench.project = TRY(Project::open(std::move(definition), who, DataFolder::kMustExist));
  if (const std::optional<ProcessingTime> now = TRY(bench.project->simulated_now())) {
    bench.clock = std::make_unique<SimulatedClock>(*now);
  } else {
    bench.clock = std::make_unique<SystemClock>();
  }
  bench.endpoints = make_endpoints(*bench.project);
  const TimelineObserver print = [quiet = context.quiet || context.json](const TimelineEvent& event,
                                                                         std::optional<double>) {
    if (!quiet) fmt::print(" {}  {:<14} {}\n", short_time(event.at.ms()), event.subject, event.text);
  };
  bench.scheduler = std::make_unique<Scheduler>(*bench.project, *bench.clock, *bench.endpoints, nullptr,
                                                SchedulerOptions{.binary = context.binary}, print);
  TRY(bench.scheduler->restore());
  return bench;
}

std::string actor() {
  const passwd* user = ::getpwuid(::geteuid());
  return user != nullptr ? fmt::format("cli:{}", user->pw_name) : fmt::format("cli:{}", ::geteuid());
}

std::string short_time(std::int64_t ms) {
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const Civil c = civil_of(ms);
  return fmt::format("{:02} {} {:02}:{:02}", c.day, kMonths[c.month - 1], c.hour, c.minute);
}

namespace {

bool is_number(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789.,+-e%") == std::string::npos;
}

}  // namespace

std::string Table::text() const {
  const std::size_t columns = rows_[0].size();
  std::vector<std::size_t> width(columns);
  std::vector<bool> right(columns, rows_.size() > 1);
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    for (std::size_t c = 0; c < columns; ++c) {
      width[c] = std::max(width[c], rows_[r][c].size());
      if (r > 0 && rows_[r][c] != "-" && !is_number(rows_[r][c])) right[c] = false;
    }
  }
  std::string out;
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t c = 0; c < columns; ++c) {
      if (c > 0) line += "  ";
      line += right[c] ? fmt::format("{:>{}}", row[c], width[c]) : fmt::format("{:<{}}", row[c], width[c]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

}  // namespace tidecast
