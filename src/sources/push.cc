#include "sources/push.h"

#include <condition_variable>
#include <future>
#include <mutex>

#include "sources/live_source.h"

namespace tidecast {
namespace {

using State = SourceHealth::State;

constexpr Milliseconds kSilentAfter = 5min;

class Pushed final : public PushSource {
 public:
  explicit Pushed(PushOptions options) : options_(std::move(options)), queue_(options_.name, "push:") {}
  ~Pushed() override { close(); }

  const std::string& name() const override { return options_.name; }
  bool live() const override { return true; }
  double progress() const override { return 0; }
  std::optional<std::uint64_t> total_records() const override { return std::nullopt; }

  Status seek(std::string_view cursor) override {
    const std::lock_guard lock(mutex_);
    return queue_.seek(cursor);
  }
  Result<std::optional<ProcessingTime>> next_arrival() override {
    const std::lock_guard lock(mutex_);
    return queue_.next_arrival(clock_ == nullptr ? ProcessingTime::min() : clock_->now());
  }
  Result<RawBatch> read(ProcessingTime until, std::size_t max_records) override {
    const std::lock_guard lock(mutex_);
    RawBatch batch = queue_.read(until, max_records);
    if (!batch.empty()) ++read_;
    return batch;
  }

  Status start(const Clock& clock, std::function<void()> wake) override {
    const std::lock_guard lock(mutex_);
    clock_ = &clock;
    wake_ = std::move(wake);
    since_ = clock.now();
    return ok();
  }

  void on_taken(const Taken& taken) override {
    Answer answer;
    {
      const std::lock_guard lock(mutex_);
      if (read_ == 0) return;
      --read_;
      if (taken.records > taken.known) last_new_at_ = clock_->now();
      if (waiting_.empty()) return;  // close() has answered.
      records_ -= waiting_.front().records, bytes_waiting_ -= waiting_.front().bytes;
      answer = std::move(waiting_.front().answer);
      waiting_.pop_front();
    }
    answer(taken);
  }

  Status offer(RawBatch batch, Answer answer) override {
    const std::size_t records = batch.records.size(), bytes = batch.bytes.size();
    std::function<void()> wake;
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return cancelled("{}: it has ended", name());
      if (clock_ == nullptr) return unavailable("{}: not started yet", name());
      if (!batch.empty()) {
        if (!waiting_.empty() &&
            (records_ + records > options_.records_max || bytes_waiting_ + bytes > options_.bytes_max)) {
          ++refused_;
          return unavailable("{}: {} records wait for their commit; allowed: {}, or {} bytes", name(), records_,
                             options_.records_max, options_.bytes_max);
        }
        if (state_ == State::kStarting) state_ = State::kOk, since_ = clock_->now();
        queue_.push(std::move(batch), LiveQueue::Kind::kWhole, clock_->now());
        waiting_.push_back({records, bytes, std::move(answer)});
        records_ += records, bytes_waiting_ += bytes;
        wake = wake_;
      }
      ++pushes_;
      bytes_ += bytes;
      last_push_at_ = clock_->now();
    }
    if (wake)
      wake();
    else
      answer(Taken{});  // Nothing is taken at once.
    return ok();
  }

  Result<Taken> push(RawBatch batch, Milliseconds patience) override {
    const auto promise = std::make_shared<std::promise<Result<Taken>>>();
    std::future<Result<Taken>> answer = promise->get_future();
    TRY(offer(std::move(batch), [promise](Result<Taken> taken) { promise->set_value(std::move(taken)); }));
    if (answer.wait_for(patience) != std::future_status::ready)
      return cancelled("{}: not committed within {}, but may still be", name(), to_text(patience));
    return answer.get();
  }

  void close() override {
    std::deque<Waiting> waiting;
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
      waiting.swap(waiting_);
    }
    for (std::size_t i = 0; i < waiting.size(); ++i)
      waiting[i].answer(cancelled("{}: it ended before the commit was known of", name()));
  }

  std::optional<SourceHealth> health() const override {
    const std::lock_guard lock(mutex_);
    SourceHealth health;
    health.state = state_;
    health.since = since_;
    health.last_reply_at = last_push_at_, health.last_new_at = last_new_at_;
    health.replies = pushes_, health.failures = refused_, health.bytes = bytes_;
    if (state_ == State::kStarting) {
      health.text = fmt::format("nothing was pushed since the start, {}", to_rfc3339(since_));
    } else if (!waiting_.empty()) {
      health.text = fmt::format("{} records wait for their commit", records_);
    } else if (const auto quiet = last_new_at_.value_or(since_); clock_->now() - quiet >= kSilentAfter) {
      health.text = fmt::format("nothing new was pushed since {}", to_rfc3339(quiet));  // Which may be as it should.
    }
    return health;
  }

 private:
  struct Waiting {  // For its commit.
    std::size_t records, bytes;
    Answer answer;
  };

  const PushOptions options_;
  mutable std::mutex mutex_;  // Of all that follows.
  LiveQueue queue_;
  std::deque<Waiting> waiting_;  // In the order of queue_; the first read_ of them have left it.
  std::size_t read_ = 0, records_ = 0, bytes_waiting_ = 0;
  const Clock* clock_ = nullptr;
  std::function<void()> wake_;
  bool closed_ = false;
  State state_ = State::kStarting;
  ProcessingTime since_;
  std::optional<ProcessingTime> last_push_at_, last_new_at_;
  std::uint64_t pushes_ = 0, refused_ = 0, bytes_ = 0;
};

}  // namespace

Result<std::unique_ptr<PushSource>> open_push(PushOptions options) {
  if (options.records_max == 0 || options.bytes_max == 0)
    return invalid_argument("{}: records_max and bytes_max must be above 0", options.name);
  return std::unique_ptr<PushSource>(std::make_unique<Pushed>(std::move(options)));
}

}  // namespace tidecast
