#include "sources/live_source.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <charconv>
#include <system_error>

#include "base/log.h"

namespace tidecast {

// ---- LiveQueue ------------------------------------------------------------------------------------------------------

Status LiveQueue::seek(std::string_view cursor) {
  std::uint64_t number = 0;
  if (!cursor.empty()) {
    if (!cursor.starts_with(kind_))
      return failed_precondition(
          "{}: the data folder has read from something else so far, another kind of source ('{}'); a live source needs "
          "a folder of its own (data: in the definition, or --data)",
          name_, cursor);
    const std::string_view digits = cursor.substr(kind_.size());
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc() || end != digits.data() + digits.size())
      return failed_precondition("{}: the cursor '{}' is damaged", name_, cursor);
  }
  taken_ = number;
  return ok();
}

std::optional<ProcessingTime> LiveQueue::next_arrival(ProcessingTime now) {
  if (!items_.empty()) return items_.front().batch.records.front().arrival;
  earliest_ = std::max(earliest_, now);
  return std::nullopt;
}

void LiveQueue::push(RawBatch batch, Kind kind, ProcessingTime now) {
  earliest_ = std::max(earliest_, now);
  for (RawRecord& record : batch.records) record.arrival = earliest_;
  records_ += batch.records.size();
  bytes_ += batch.bytes.size();
  items_.push_back({std::move(batch), kind});
}

RawBatch LiveQueue::pop() {
  RawBatch batch = std::move(items_.front().batch);
  items_.pop_front();
  records_ -= batch.records.size();
  bytes_ -= batch.bytes.size();
  ++taken_;
  return batch;
}

RawBatch LiveQueue::read(ProcessingTime until, std::size_t max_records) {
  const auto arrived = [&] { return !items_.empty() && items_.front().batch.records.front().arrival <= until; };
  RawBatch batch;
  if (!arrived()) {
    batch.pad();
  } else if (items_.front().kind == Kind::kWhole) {
    batch = pop();
  } else {
    while (arrived() && items_.front().kind == Kind::kMessage &&
           batch.records.size() < std::max<std::size_t>(max_records, 1)) {
      const RawBatch message = pop();
      for (std::size_t i = 0; i < message.records.size(); ++i) batch.append(message.raw(i), message.records[i].arrival);
    }
    batch.pad();
  }
  batch.cursor = fmt::format("{}{}", kind_, taken_);
  return batch;
}

// ---- LiveSource -----------------------------------------------------------------------------------------------------

void LiveSource::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  interrupt();
  thread_.join();
}

Status LiveSource::seek(std::string_view cursor) {
  const std::lock_guard lock(mutex_);
  return queue_.seek(cursor);
}

Result<std::optional<ProcessingTime>> LiveSource::next_arrival() {
  const std::lock_guard lock(mutex_);
  return queue_.next_arrival(clock_ == nullptr ? ProcessingTime::min() : clock_->now());
}

Result<RawBatch> LiveSource::read(ProcessingTime until, std::size_t max_records) {
  const std::lock_guard lock(mutex_);
  RawBatch batch = queue_.read(until, max_records);
  if (!batch.empty()) changed_.notify_all();  // There is room again.
  return batch;
}

Status LiveSource::start(const Clock& clock, std::function<void()> wake) {
  CHECK(!thread_.joinable());
  {
    const std::lock_guard lock(mutex_);  // Any thread may ask for the health already.
    clock_ = &clock;
    wake_ = std::move(wake);
    since_ = quiet_since_ = clock.now();
  }
  sigset_t all, before;  // Signals belong to the threads of the program's own, which know what to do about them.
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  Status status;
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error& error) {
    status = unavailable("{}: no thread: {}", name(), error.what());
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return status;
}

void LiveSource::on_taken(const Taken& it) {
  const std::lock_guard lock(mutex_);
  gaps_ += it.gap ? 1 : 0;
  if (it.records > it.known) {
    last_new_at_ = quiet_since_ = clock_->now();
    if (state_ == State::kSilent) become(State::kOk);
  } else {
    judge_silence();
  }
  taken(it);
}

std::optional<SourceHealth> LiveSource::health() const {
  const std::lock_guard lock(mutex_);
  SourceHealth health;
  health.state = state_;
  health.since = since_;
  health.last_reply_at = last_reply_at_;
  health.last_new_at = last_new_at_;
  health.replies = replies_, health.failures = failures_, health.gaps = gaps_, health.bytes = bytes_;
  switch (state_) {
    case State::kStarting: health.text = "no reply yet"; break;
    case State::kRetrying: health.text = failure_; break;
    case State::kSilent: health.text = fmt::format("replies come, but nothing new since {}", to_rfc3339(quiet_since_));
    case State::kOk: break;
  }
  describe(health);
  return health;
}

void LiveSource::become(State state) {
  state_ = state;
  since_ = clock_->now();
}

void LiveSource::came(std::uint64_t bytes) {
  ++replies_;
  bytes_ += bytes;
  last_reply_at_ = clock_->now();
  well();
}

void LiveSource::well() {
  if (state_ != State::kStarting && state_ != State::kRetrying) return;
  if (state_ == State::kRetrying) log_warning("sources", "{}: all is well again", name());
  become(State::kOk);
  if (!last_new_at_) quiet_since_ = since_;  // Else a failure in between has brought nothing new.
}

void LiveSource::failed(const std::string& text, std::uint64_t bytes, Milliseconds wait) {
  ++failures_;
  bytes_ += bytes;
  failure_ = text;
  if (state_ == State::kRetrying) return;
  log_warning("sources", "{}: {}; next try in {}", name(), text, to_text(wait));
  become(State::kRetrying);
}

void LiveSource::judge_silence() {
  if (state_ != State::kOk || clock_->now() - quiet_since_ < silent_after()) return;
  log_warning("sources", "{}: replies come, but for {} nothing new in them", name(), to_text(silent_after()));
  become(State::kSilent);
}

LiveSource::SteadyClock::time_point LiveSource::steady(ProcessingTime due) const {
  return SteadyClock::now() + clock_->wall_until(due);
}

}  // namespace tidecast
