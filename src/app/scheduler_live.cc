// The loop under a clock that nobody moves: what has come, what is due, what people ask, and the source's health.
#include <unistd.h>

#include <algorithm>

#include "app/scheduler.h"
#include "app/words.h"

namespace tidecast {
namespace {

constexpr auto kLongestWait = std::chrono::milliseconds(200);  // So that a signal is heard at once.
constexpr Milliseconds kTellGapsEvery = 10min;                 // A busy stream may have one at every poll.

}  // namespace

LoopState Scheduler::state() const {
  LoopState state{.now = clock_.now(),
                  .running = mode_ != Mode::kIdle,
                  .live_source = source_->live(),
                  .progress = source_->progress(),
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
                  .source = mode_ == Mode::kLive ? source_->health() : std::nullopt,
                  .last_gap = last_gap_,
                  .changes = changes_};
  if (runs_ && runs_->active()) state.run = runs_->run();
  return state;
}

Status Scheduler::live(Mailbox& mailbox, const std::function<bool()>& stop, const std::function<void()>& on_step) {
  if (!source_->live())
    return failed_precondition("the source {} is recorded; replay it: tidecast replay", source_->name());
  if (runs_) TRY(runs_->restore());
  mode_ = Mode::kLive;
  TRY(timeline_.note(clock_.now(), "started", "started",
                     fmt::format("source {}, process {}", source_->name(), ::getpid())));
  TRY(source_->start(clock_, [&mailbox] { mailbox.wake(); }));
  while (!stop()) {
    const bool asked = mailbox.serve();
    TRY(watch_source());
    const bool did = TRY(live_step());
    on_step();
    if (asked || did) continue;
    std::chrono::nanoseconds wait = kLongestWait;
    if (const std::optional<ProcessingTime> due = next_due()) wait = std::min(wait, clock_.wall_until(*due));
    mailbox.wait(wait);
  }
  TRY(timeline_.note(clock_.now(), "stopped", "stopped",
                     fmt::format("at a commit, {} records read", project_.features().books().read)));
  return project_.features().flush(clock_.now());
}

// The time is read before the source is looked at: what comes after that arrives later than it.
Result<bool> Scheduler::live_step() {
  const ProcessingTime now = clock_.now();
  const std::optional<ProcessingTime> arrival = TRY(source_->next_arrival()), due = next_due();
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

Status Scheduler::watch_source() {
  const ProcessingTime now = clock_.now();
  if (metrics_) metrics_->on_clock(now);
  const std::optional<SourceHealth> health = source_->health();
  if (!health) return ok();
  const auto tell = [&](std::string subject, std::string text) {
    ++changes_;
    return timeline_.note(now, "source", std::move(subject), source_->name() + ": " + text);
  };
  const auto last_reply = [&] {
    return health->last_reply_at ? "the last reply came at " + clock_text(*health->last_reply_at, now) : "no reply yet";
  };
  const bool down = is_down(*health, now), silent = health->state == SourceHealth::State::kSilent;
  if (metrics_) metrics_->on_source(*health, down || silent);
  if (down && !source_down_) {
    source_down_ = health->since;
    TRY(tell("source down", fmt::format("{}; {}", health->text, last_reply())));
  } else if (!down && source_down_ && health->state != SourceHealth::State::kRetrying) {
    TRY(tell("source back", fmt::format("answers again after {}", spoken(now - *source_down_))));
    source_down_.reset();
  }
  if (silent && !source_silent_) {
    source_silent_ = health->since;
    TRY(tell("source silent", "it answers, but brings nothing new"));
  } else if (source_silent_ && health->last_new_at > *source_silent_) {
    TRY(tell("source back", fmt::format("brings new records again after {}", spoken(now - *source_silent_))));
    source_silent_.reset();
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
