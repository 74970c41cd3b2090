#include <charconv>

#include "app/live.h"
#include "cli/context.h"
#include "cli/signals.h"

namespace tidecast {
namespace {

// "START,ANCHOR,SPEED": simulated START at the wall's instant ANCHOR, SPEED times as fast.  For tests of the live loop.
Result<std::unique_ptr<Clock>> scaled_clock(const std::string& text) {
  const std::size_t first = text.find(','), second = text.find(',', first + 1);
  if (second == std::string::npos) return invalid_argument("--clock: found '{}', allowed: START,ANCHOR,SPEED", text);
  const auto start = ProcessingTime::from_ms(TRY(parse_rfc3339(text.substr(0, first)).in("--clock")));
  const auto anchor =
      ProcessingTime::from_ms(TRY(parse_rfc3339(text.substr(first + 1, second - first - 1)).in("--clock")));
  double speed = 0;
  const auto [end, error] = std::from_chars(text.data() + second + 1, text.data() + text.size(), speed);
  if (error != std::errc() || end != text.data() + text.size() || !(speed > 0))
    return invalid_argument("--clock: found speed '{}', allowed: a number above 0", text.substr(second + 1));
  return std::unique_ptr<Clock>(std::make_unique<ScaledClock>(start, anchor, speed));
}

}  // namespace

Status run_command(const Context& context, const std::string& clock) {
  Definition definition = TRY(load(context));
  LiveOptions options{.binary = context.binary};
  if (!clock.empty()) options.clock = TRY(scaled_clock(clock));
  catch_signals();
  const bool talk = !context.quiet && !context.json;
  // A line each, as a supervisor's log takes them.
  const std::unique_ptr<Live> live = TRY(
      Live::open(std::move(definition), std::move(options), [talk](const TimelineEvent& event, std::optional<double>) {
        if (talk) fmt::print("{}  {:<12}  {}\n", to_rfc3339(event.at), event.subject, event.text);
        std::fflush(stdout);
      }));
  if (talk) fmt::print("Console: {}\n", live->url());
  if (talk)
    fmt::print("Data in {}; SIGTERM or Ctrl-C ends it at a commit.\n", live->project().definition().data.string());
  std::fflush(stdout);
  const Status status = live->run(stop_is_wanted);
  // The codes for what only a person can change are those of the start; later a supervisor should try again.
  if (status.ok() || status.code() == Code::kUnavailable) return status;
  return internal_error("{}", status.message());
}

}  // namespace tidecast
