#include "app/replay.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>

#include "cli/context.h"
#include "cli/signals.h"
#include "storage/file.h"

namespace tidecast {
namespace {

constexpr const char* kRed = "\033[31m";
constexpr const char* kGreen = "\033[32m";
constexpr const char* kPlain = "\033[0m";

// The rest of a line that has `indent` columns already, broken at spaces so that it stays within kColumns.
void print_wrapped(std::string_view text, std::size_t indent) {
  constexpr std::size_t kColumns = 118;
  while (text.size() > kColumns - indent) {
    std::size_t cut = text.rfind(' ', kColumns - indent);
    if (cut == std::string_view::npos || cut == 0) cut = kColumns - indent;
    fmt::print("{}\n{:{}}", text.substr(0, cut), "", indent);
    text.remove_prefix(std::min(text.size(), cut + 1));
  }
  fmt::print("{}\n", text);
}

// What a replay looks like in a terminal: a line an event, in simulated time, and a line of progress that redraws in
// place.
class ReplayView {
 public:
  ReplayView(const Context& context, std::optional<std::uint64_t> total)
      : quiet_(context.quiet || context.json),
        color_(context.use_color(stdout)),
        progress_(!quiet_ && ::isatty(STDOUT_FILENO) == 1),
        total_(total),
        began_(std::chrono::steady_clock::now()) {}

  void set_total(std::optional<std::uint64_t> total) { total_ = total; }

  void event(std::int64_t at_ms, const std::string& kind, const std::string& label, const std::string& text,
             std::optional<double> wall_seconds) {
    if (quiet_) return;
    clear_progress();
    const char* color = !color_                                   ? ""
                        : kind == "breach" || label == "ALARM"    ? kRed
                        : kind == "alarm" || kind == "deployment" ? kGreen
                                                                  : "";
    std::string line = text;
    if (wall_seconds && kind == "deployment")
      line += fmt::format("; smoke request {:.1f} ms", *wall_seconds * 1000);
    else if (wall_seconds)
      line += fmt::format("  {:.1f} s", *wall_seconds);
    fmt::print(" {}  {}{:<12}{}  ", short_time(at_ms), color, label, *color == '\0' ? "" : kPlain);
    print_wrapped(line, 28);
    std::fflush(stdout);
  }

  void progress(const LoopProgress& at) {
    if (!progress_) return;
    const auto now = std::chrono::steady_clock::now();
    if (now - drawn_ < 100ms) return;
    drawn_ = now;
    const double seconds = std::chrono::duration<double>(now - began_).count();
    if (first_done_ < 0) first_done_ = at.done, first_read_ = at.books.read;
    const double rate = static_cast<double>(at.books.read - first_read_) / std::max(seconds, 1e-3);
    const double speed = at.done - first_done_;
    const int left = speed > 0 ? static_cast<int>((1 - at.done) * seconds / speed) : 0;
    constexpr int kWidth = 26;
    const int full = static_cast<int>(at.done * kWidth);
    std::string bar;
    for (int i = 0; i < kWidth; ++i) bar += i < full ? "█" : "░";
    clear_progress();
    fmt::print(" {}  {:<14} {}  {:>3.0f} %  {:.0f} events/s  about {} s left", short_time(at.now.ms()), "replaying",
               bar, at.done * 100, rate, left);
    std::fflush(stdout);
    drawn_any_ = true;
  }

  void clear_progress() {
    if (drawn_any_) fmt::print("\r\033[K");
    drawn_any_ = false;
  }

 private:
  bool quiet_, color_, progress_;
  std::optional<std::uint64_t> total_;
  std::chrono::steady_clock::time_point began_, drawn_;
  bool drawn_any_ = false;
  double first_done_ = -1;
  std::uint64_t first_read_ = 0;
};

Result<double> parse_speed(const std::string& text) {
  if (text == "max") return 0.0;
  double speed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), speed);
  if (error != std::errc() || std::string_view(end) != "x" || !(speed > 0))
    return invalid_argument("--speed: found '{}', allowed: max, or a number with an x like 60x", text);
  return speed;
}

std::string bytes_text(std::uintmax_t bytes) {
  return bytes < 10'000'000 ? fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6)
                            : fmt::format("{:.0f} MB", static_cast<double>(bytes) / 1e6);
}

// As seen from where we are, if it is below; else in full.
std::string shown(const std::filesystem::path& path) {
  const std::string relative = std::filesystem::relative(path).string();
  return relative.starts_with("..") ? path.string() : relative;
}

std::uintmax_t size_of_folder(const std::filesystem::path& folder) {
  std::uintmax_t bytes = 0;
  std::error_code error;
  for (auto at = std::filesystem::recursive_directory_iterator(folder, error);
       !error && at != std::filesystem::recursive_directory_iterator(); at.increment(error))
    if (at->is_regular_file(error)) bytes += at->file_size(error);
  return bytes;
}

// Before the work, not after it.
Status check_report(const std::filesystem::path& file, const Definition& definition) {
  const std::filesystem::path real = std::filesystem::weakly_canonical(file);
  const std::filesystem::path below = real.lexically_relative(std::filesystem::weakly_canonical(definition.data));
  std::vector<std::filesystem::path> inputs{definition.file};
  for (const SourceDefinition& source : definition.sources)
    inputs.insert(inputs.end(), {source.file.path, source.recording.bodies, source.recording.schedule});
  for (const std::filesystem::path& input : inputs)
    if (!input.empty() && real == std::filesystem::weakly_canonical(input))
      return invalid_argument("--report {}: it would overwrite what is read", file.string());
  if (!below.empty() && *below.begin() != "..")
    return invalid_argument("--report {}: within the data folder; it belongs beside it", file.string());
  const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : ".";
  std::error_code ignored;
  if (std::filesystem::is_directory(file, ignored)) return invalid_argument("--report {}: a folder", file.string());
  if (!is_special(file) && ::access(folder.c_str(), W_OK) != 0)
    return invalid_argument("--report {}: {}: {}", file.string(), folder.string(), std::strerror(errno));
  return ok();
}

}  // namespace

Status replay_command(const Context& context, const ReplayArguments& arguments) {
  ReplayOptions options;
  options.from = TRY(time_argument("--from", arguments.from, SystemClock().now()));
  options.until = TRY(time_argument("--until", arguments.until, SystemClock().now()));
  if (options.from && options.until) TRY(check_range(options.from->ms(), options.until->ms()));
  options.speed = TRY(parse_speed(arguments.speed));
  options.binary = context.binary;
  Definition definition = TRY(load(context));
  if (!arguments.report.empty()) TRY(check_report(arguments.report, definition));
  const bool reconstruction = definition.sources[0].kind == SourceDefinition::Kind::kRecording;

  catch_signals();  // They take effect between batches, where stopping loses nothing, and while serving.

  ReplayView view(context, std::nullopt);
  const std::unique_ptr<Replay> replay = TRY(Replay::open(
      std::move(definition), options, [&view](const TimelineEvent& event, std::optional<double> wall_seconds) {
        view.event(event.at.ms(), event.kind, event.subject, event.text, wall_seconds);
      }));
  view.set_total(replay->records_to_come());

  const bool talk = !context.quiet && !context.json;
  if (talk)
    fmt::print("Console: {}{}\n\n", replay->url(),
               replay->port_was_taken() ? "   (the definition's port is taken)" : "");
  if (talk && reconstruction) {
    fmt::print(
        "Tidecast replays recorded Bitcoin transactions: a reconstruction (real bodies, rates and fee levels of three\n"
        "different years; see data/README.md). The same program runs live; only the clock is simulated.\n\n");
  }
  std::string source;
  for (const SourceDefinition& each : replay->project().definition().sources)
    source += (source.empty() ? "source " : ", ") + each.name;
  if (const auto total = replay->records_to_come())
    source += fmt::format(", {} records in all", grouped(static_cast<std::int64_t>(*total)));
  view.event(replay->start().ms(), "started", "started", source, std::nullopt);

  const Status status = replay->run([&view](const LoopProgress& at) {
    view.progress(at);
    return !stop_is_wanted();
  });
  view.clear_progress();
  TRY(status);

  const json::object report = TRY(replay->report());
  if (!arguments.report.empty()) TRY(write_output(arguments.report, to_pretty_text(report) + "\n"));
  if (context.json) {
    fmt::print("{}\n", to_text(report));
  } else {
    const json::object& simulated = report.at("simulated").as_object();
    const std::int64_t from = parse_rfc3339(simulated.at("from").as_string()).value();
    const std::int64_t until = parse_rfc3339(simulated.at("until").as_string()).value();
    view.event(until, "done", "done",
               fmt::format("{:.1f} h in {:.1f} s", static_cast<double>(until - from) / 3.6e6,
                           report.at("wall_seconds").to_number<double>()),
               std::nullopt);
    fmt::print("\n{}", report_table(report));
    const std::filesystem::path& data = replay->project().definition().data;
    fmt::print(" {:<14}{}: {} (raw archive {}, features {}, state {})\n", "Data", shown(data),
               bytes_text(size_of_folder(data)), bytes_text(size_of_folder(data / "raw")),
               bytes_text(size_of_folder(data / "offline")), bytes_text(size_of_folder(data / "state")));
  }
  std::fflush(stdout);
  if (report.at("balance") != "ok")
    return data_loss("the books do not balance: read is not stored + duplicate + late + dead");

  if (!arguments.serve) return ok();
  if (talk) {
    const std::string flags =
        fmt::format("-c {} --data {}", context.definition.string(), shown(replay->project().definition().data));
    fmt::print("\n The console and the API stay up at {} ; Ctrl-C ends them. Meanwhile, elsewhere:\n", replay->url());
    if (replay->project().definition().forecast)
      fmt::print("       curl -s {}/endpoints/production/invocations -d '{{\"series\": \"{}\"}}'\n", replay->url(),
                 replay->project().series_name());
    fmt::print("       build/tidecast status {}\n", flags);
    fmt::print(
        "       build/tidecast sql \"SELECT * FROM {} ORDER BY event_time DESC LIMIT 5\" {}\n",
        replay->project().definition().groups.empty() ? "dead_letters" : replay->project().definition().groups[0].name,
        flags);
    std::fflush(stdout);
  }
  return replay->serve(stop_is_wanted);
}

}  // namespace tidecast
