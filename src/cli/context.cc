#include "cli/context.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "app/server_file.h"
#include "storage/file.h"

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

Result<Connection> connect(const Context& context, const std::string& who) {
  Connection connection;
  if (!context.server.empty()) {
    connection.client = TRY(connect_to(context.server));
    return connection;
  }
  Definition definition = TRY(load(context));
  Result<std::unique_ptr<Commands>> running = connect_to_server_of(definition.data);
  if (running.ok()) {
    connection.client = std::move(*running);
    return connection;
  }
  const TimelineObserver print = [quiet = context.quiet || context.json](const TimelineEvent& event,
                                                                         std::optional<double>) {
    if (!quiet) fmt::print(" {}  {:<14} {}\n", short_time(event.at.ms()), event.subject, event.text);
  };
  Result<std::unique_ptr<Offline>> offline = Offline::open(std::move(definition), who, context.binary, print);
  // Locked, and the server that should be there does not answer: both are worth saying.
  if (!offline.ok() && offline.code() == Code::kUnavailable && running.code() != Code::kNotFound)
    return unavailable("{}\n{}", offline.message(), running.message());
  connection.offline = TRY(std::move(offline));
  return connection;
}

bool is_special(const std::filesystem::path& file) {
  std::error_code ignored;
  const std::filesystem::file_status status = std::filesystem::status(file, ignored);
  return std::filesystem::exists(status) && !std::filesystem::is_regular_file(status);
}

Status write_output(const std::filesystem::path& file, std::string_view bytes) {
  if (!is_special(file)) {
    std::error_code error;
    const std::filesystem::path real = std::filesystem::weakly_canonical(file, error);
    if (error) return unavailable("{}: {}", file.string(), error.message());
    return write_file_atomically(real, bytes);
  }
  return TRY(FileWriter::create(file)).write(bytes);
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

Result<std::optional<ProcessingTime>> time_argument(std::string_view name, const std::string& text,
                                                    ProcessingTime now) {
  if (text.empty()) return std::optional<ProcessingTime>();
  if (text == "now") return std::optional(now);
  if (text.front() == '-')
    if (const auto ago = parse_duration(std::string_view(text).substr(1)); ago.ok()) return std::optional(now - *ago);
  const auto time = parse_rfc3339(text.size() == 10 ? text + "T00:00:00Z" : text);
  if (!time.ok())
    return invalid_argument("{}: found '{}', allowed: RFC 3339 like 2026-05-06T12:00:00Z, a date, now, or -3h", name,
                            text);
  return std::optional(ProcessingTime::from_ms(*time));
}

Status check_range(std::int64_t from_ms, std::int64_t until_ms) {
  if (from_ms <= until_ms) return ok();
  return invalid_argument("found --from {} after --until {}; allowed: --from before --until", to_rfc3339(from_ms),
                          to_rfc3339(until_ms));
}

}  // namespace tidecast
