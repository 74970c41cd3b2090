// The loop under a clock that nobody moves: what has come, what is due, what people ask, and the source's health.
#include <unistd.h>

#include <algorithm>

#include "app/scheduler.h"
#include "app/words.h"

namespace tidecast {
namespace {

constexpr auto kLongestWait = std::chrono::milliseconds(200);  // So that a signal is heard at once.
constexpr Milliseconds kTellGapsEvery = 10min;                 // A busy stream may have one at every poll.

// Which of two sources a person had better hear of.
bool is_worse(const SourceHealth& a, const SourceHealth& b) {
  const auto rank = [](const SourceHealth& health) {
    switch (health.state) {
      case SourceHealth::State::kRetrying: return 3;
      case SourceHealth::State::kSilent: return 2;
      case SourceHealth::State::kStarting: return 1;
      case SourceHealth::State::kOk: return 0;
    }
    return 0;
  };
  return rank(a) > rank(b) || (rank(a) == rank(b) && a.since < b.since);
}

}  // namespace

LoopState Scheduler::state() const {
  LoopState state{.now = clock_.now(),
                  .running = mode_ != Mode::kIdle,
                  .live_source = sources_.live(),
                  .progress = sources_.progress(),
                  .watermark = pipeline_->watermark(),
                  .open_windows = open_windows(),
                  .alarm = alarm_.state(),
                  .breaches = alarm_.breaches(),
                  .retrain = retrain_.state(),
                  .candidate = candidate_,
                  .next_evaluation = next_evaluation_,
                  .first_run = first_run_,
                  .soak_over = soak_over_,
                  .retrain_due = retrain_.next_due(),
                  .last_gap = last_gap_,
                  .changes = changes_};
  for (std::size_t s = 0; s < sources_.size(); ++s) {
    const Source& source = sources_.at(s);
    state.sources.push_back({source.name(), pipeline_->newest(s), pipeline_->idle(s),
                             mode_ == Mode::kLive ? source.health() : std::nullopt});
    const auto& health = state.sources.back().health;
    if (!health || (state.source && !is_worse(*health, *state.source))) continue;
    state.source = health;
    state.source_name = source.name();
  }
  for (std::size_t g = 0; g < project_.definition().groups.size(); ++g) {
    const std::string& name = project_.definition().groups[g].name;
    state.groups.push_back({name, pipeline_->watermark(g), pipeline_->open_windows(g), pipeline_->oldest_open(g),
                            project_.features().freshness(name).event_time});
  }
  if (runs_ && runs_->active()) state.run = runs_->run();
  if (forecasts_) state.mute = forecasts_->mute("production");
  return state;
}

PushSource* Scheduler::push_source(std::string_view name) {
  for (std::size_t s = 0; s < sources_.size(); ++s)
    if (sources_.at(s).name() == name) return dynamic_cast<PushSource*>(&sources_.at(s));
  return nullptr;
}

Status Scheduler::live(Mailbox& mailbox, const std::function<bool()>& stop, const std::function<void()>& on_step) {
  if (!sources_.live())
    return failed_precondition("the source {} is recorded; replay it: tidecast replay", sources_.at(0).name());
  if (runs_) TRY(runs_->restore());
  mode_ = Mode::kLive;
  std::string names;
  for (std::size_t s = 0; s < sources_.size(); ++s) names += (s == 0 ? "" : ", ") + sources_.at(s).name();
  TRY(timeline_.note(clock_.now(), "started", "started", fmt::format("source {}, process {}", names, ::getpid())));
  for (std::size_t s = 0; s < sources_.size(); ++s) TRY(sources_.at(s).start(clock_, [&mailbox] { mailbox.wake(); }));
  while (!stop()) {
    const bool asked = mailbox.serve();
    TRY(watch_sources());
    const bool did = TRY(live_step());
    on_step();
    if (asked || did) continue;
    std::chrono::nanoseconds wait = kLongestWait;
    if (const std::optional<ProcessingTime> due = next_due()) wait = std::min(wait, clock_.wall_until(*due));
    mailbox.wait(wait);
  }
  for (std::size_t s = 0; s < sources_.size(); ++s)  // Who waits for an answer gets one.
    if (PushSource* push = push_source(sources_.at(s).name())) push->close();
  TRY(timeline_.note(clock_.now(), "stopped", "stopped",
                     fmt::format("at a commit, {} records read", project_.features().books().read)));
  return project_.features().flush();
}

// The time is read before the source is looked at: what comes after that arrives later than it.
Result<bool> Scheduler::live_step() {
  const ProcessingTime now = clock_.now();
  const std::optional<ProcessingTime> arrival = TRY(sources_.next_arrival()), due = next_due();
  if (arrival && (!due || *arrival <= *due)) {
    TRY(take_batch(due.value_or(ProcessingTime::max())));
    return true;
  }
  if (due && *due < now) {
    TRY(run_due(*due));
    return true;
  }
  if (runs_ && runs_->active() && TRY(runs_->advance())) {
    TRY(run_due(now));
    return true;
  }
  return false;
}

Status Scheduler::watch_sources() {
  const ProcessingTime now = clock_.now();
  if (metrics_) metrics_->on_clock(now);
  for (std::size_t s = 0; s < sources_.size(); ++s)
    if (const std::optional<SourceHealth> health = sources_.at(s).health())
      TRY(watch_source(sources_.at(s), *health, told_[s], now));
  return ok();
}

Status Scheduler::watch_source(const Source& source, const SourceHealth& health, Told& told, ProcessingTime now) {
  const auto tell = [&](std::string subject, std::string text) {
    ++changes_;
    return timeline_.note(now, "source", std::move(subject), source.name() + ": " + text);
  };
  const auto last_reply = [&] {
    return health.last_reply_at ? "the last reply came at " + clock_text(*health.last_reply_at, now) : "no reply yet";
  };
  const bool down = is_down(health, now), silent = health.state == SourceHealth::State::kSilent;
  if (metrics_) metrics_->on_source(source.name(), health, down || silent);
  if (down && !told.down) {
    told.down = health.since;
    TRY(tell("source down", fmt::format("{}; {}", health.text, last_reply())));
  } else if (!down && told.down && health.state != SourceHealth::State::kRetrying) {
    TRY(tell("source back", fmt::format("answers again after {}", spoken(now - *told.down))));
    told.down.reset();
  }
  if (silent && !told.silent) {
    told.silent = health.since;
    TRY(tell("source silent", "it answers, but brings nothing new"));
  } else if (told.silent && health.last_new_at > *told.silent) {
    TRY(tell("source back", fmt::format("brings new records again after {}", spoken(now - *told.silent))));
    told.silent.reset();
  }
  return ok();
}

Status Scheduler::note_gap(const SourceGap& gap, ProcessingTime now) {
  last_gap_ = gap;
  if (gap_told_ && now - *gap_told_ < kTellGapsEvery) return ok();
  gap_told_ = now;
  ++changes_;
  return timeline_.note(now, "gap", "source gap",
                        fmt::format("{}: no record of a reply was known, so some were missed between {} and {}; "
                                    "forecasts, scores and training take windows there as unknown. {} so far",
                                    gap.source, exact_text(gap.from, now), exact_text(gap.until, now),
                                    counted(static_cast<std::int64_t>(project_.features().gap_count()), "gap")));
}

}  // namespace tidecast
