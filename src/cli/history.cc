// History, and the proof that what is stored is what was read.
#include <unistd.h>

#include "app/backfill.h"
#include "cli/context.h"
#include "cli/signals.h"

namespace tidecast {

Status backfill_command(const Context& context, const BackfillArguments& arguments) {
  BackfillOptions options{.source = arguments.source, .file = arguments.file, .stop = stop_is_wanted};
  SystemClock clock;
  if (const auto from = TRY(time_argument("--from", arguments.from, clock.now())))
    options.from = EventTime::from_ms(from->ms());
  if (const auto until = TRY(time_argument("--until", arguments.until, clock.now())))
    options.until = EventTime::from_ms(until->ms());
  if (options.from && options.until) TRY(check_range(options.from->ms(), options.until->ms()));
  const std::unique_ptr<Project> project =
      TRY(Project::open(TRY(load(context)), "tidecast backfill", DataFolder::kMayBeNew));
  catch_signals();
  const bool draws = !context.quiet && !context.json && ::isatty(STDERR_FILENO) != 0;
  const Status status = backfill(*project, clock, options, [&](const BackfillProgress& at) {
    if (!draws) return;
    constexpr int kWidth = 30;
    const int full = static_cast<int>(at.done * kWidth);
    fmt::print(stderr, "\r [{:#<{}}{:.<{}}] {:3.0f} %  {} records", "", full, "", kWidth - full, at.done * 100,
               at.books.read);
    std::fflush(stderr);
  });
  if (draws) fmt::print(stderr, "\r\033[K");
  const Books books = project->features().books();
  json::object windows;
  for (const FeatureGroup& group : project->features().groups())
    windows[group.name] = project->features().rows(group.name);
  if (context.json) {
    fmt::print("{}\n", to_text(json::object{{"complete", status.ok()},
                                            {"events", json::object{{"read", books.read},
                                                                    {"stored", books.stored},
                                                                    {"duplicate", books.duplicate},
                                                                    {"late", books.late},
                                                                    {"dead", books.dead}}},
                                            {"windows", std::move(windows)}}));
  } else if (!context.quiet) {
    fmt::print("{} read = {} stored + {} duplicate + {} late + {} dead; {} rows.\n", books.read, books.stored,
               books.duplicate, books.late, books.dead, to_text(windows));
    if (status.ok())
      fmt::print("That is history. Go on live: tidecast run{}\n",
                 project->definition().forecast ? "; a first model at once: tidecast train" : "");
  }
  return status;
}

Status verify_command(const Context& context, const std::string& from, const std::string& until) {
  const SystemClock clock;
  const auto text = [&](const char* name, const std::string& given) -> Result<std::string> {
    const auto time = TRY(time_argument(name, given, clock.now()));
    return time ? to_rfc3339(*time) : std::string();
  };
  const std::string begin = TRY(text("--from", from)), end = TRY(text("--until", until));
  Connection connection = TRY(connect(context, "tidecast verify"));
  const json::object answer = TRY(connection.commands().verify(begin, end));
  if (context.json) {
    fmt::print("{}\n", to_text(answer));
  } else {
    Table table({"group", "compared", "equal", "missing", "extra", "different", "erased"});
    for (const json::value& group : answer.at("groups").as_array()) {
      std::vector<std::string> row{std::string(group.at("group").as_string())};
      for (const char* name : {"compared", "equal", "missing", "extra", "different", "erased"})
        row.push_back(to_text(group.at(name)));
      table.add(std::move(row));
    }
    fmt::print("{}", table.text());
    for (const json::value& group : answer.at("groups").as_array())
      for (const json::value& difference : group.at("differences").as_array())
        fmt::print("{}: {}\n", std::string_view(group.at("group").as_string()),
                   std::string_view(difference.as_string()));
    fmt::print("{} records of the archive, computed anew by SQL.\n", to_text(answer.at("records")));
  }
  if (answer.at("compared") == 0) {
    std::uint64_t correctable = 0;
    for (const json::value& group : answer.at("groups").as_array())
      correctable += group.at("correctable").to_number<std::uint64_t>();
    return failed_precondition(
        "nothing to compare in {}..{}: {}", begin.empty() ? "the beginning" : begin, end.empty() ? "now" : end,
        correctable == 0
            ? "no row, and no record whose window can change no more"
            : fmt::format("late records may still correct all of its rows ({}); allowed_lateness says for how long",
                          correctable));
  }
  return answer.at("ok").as_bool() ? ok() : data_loss("stored rows are not what the archive gives");
}

}  // namespace tidecast
