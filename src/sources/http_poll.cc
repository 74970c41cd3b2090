// open_http_poll() of source.h: a thread that polls, and a queue between it and the thread that reads.
#include <algorithm>
#include <random>

#include "sources/live_source.h"
#include "sources/poller.h"

namespace tidecast {
namespace {

constexpr std::size_t kQueueMost = 4;  // Replies.
constexpr Milliseconds kSilentAfter = 5min;
constexpr int kSilentIntervals = 20;

class HttpPollSource final : public LiveSource {
 public:
  HttpPollSource(HttpPollOptions options, Poller poller, Rng rng)
      : LiveSource(options.name, "http_poll:"),
        every_(options.every),
        poller_(std::move(poller)),
        policy_(every_, rng) {}
  ~HttpPollSource() override { stop(); }

 private:
  void interrupt() override { poller_.cancel(); }

  void run() override {
    std::unique_lock lock(mutex_);
    plan(clock_->now());
    while (!stopping_) {
      if (queue_.size() >= kQueueMost) {
        changed_.wait(lock);
      } else if (SteadyClock::now() < due_) {
        changed_.wait_until(lock, due_);
      } else {
        began_ = clock_->now();
        lock.unlock();
        Poller::Reply reply = poller_.poll(began_);
        lock.lock();
        if (reply.cancelled) continue;
        if (reply.failure)
          failed(*reply.failure, reply.bytes);
        else
          came(std::move(reply));
        lock.unlock();
        wake_();
        lock.lock();
      }
    }
  }

  // ---- with the mutex held ------------------------------------------------------------------------------------------

  // A good reply; one without records is no batch.
  void came(Poller::Reply reply) {
    policy_.on_reply();
    LiveSource::came(reply.bytes);
    const ProcessingTime now = *last_reply_at_;
    plan(std::max(began_ + policy_.interval(), now));
    if (reply.batch.empty())
      judge_silence();
    else
      queue_.push(std::move(reply.batch), LiveQueue::Kind::kWhole, clock_->now());
  }

  void failed(const PollFailure& failure, std::uint64_t bytes) {
    const Milliseconds wait = policy_.on_failure(failure.retry_after);
    LiveSource::failed(failure.text, bytes, wait);
    plan(clock_->now() + wait);
  }

  void taken(const Taken& it) override {
    const Milliseconds before = policy_.interval();
    policy_.on_taken(it);
    if (policy_.interval() == before || policy_.failures() > 0) return;
    plan(began_ + policy_.interval());
    changed_.notify_all();
  }

  void plan(ProcessingTime due) {
    next_poll_at_ = due;
    due_ = steady(due);
  }

  Milliseconds silent_after() const override { return std::max(kSilentAfter, policy_.interval() * kSilentIntervals); }

  void describe(SourceHealth& health) const override {
    if (clock_ != nullptr) health.next_poll_at = next_poll_at_;
    health.interval = policy_.interval();
    if (state_ == State::kRetrying && policy_.failures() > 1)
      health.text += fmt::format("; failure {} in a row", policy_.failures());
    if (state_ != State::kOk) return;
    if (queue_.size() >= kQueueMost)
      health.text = fmt::format("waits: {} replies are not taken yet", queue_.size());
    else if (policy_.interval() < every_)
      health.text = fmt::format("polls every {}: a reply had no record of the one before", to_text(policy_.interval()));
  }

  const Milliseconds every_;
  Poller poller_;  // The thread's.
  PollPolicy policy_;
  ProcessingTime began_, next_poll_at_;  // Of the last poll; planned.
  SteadyClock::time_point due_;          // next_poll_at_, really.
};

}  // namespace

Result<std::unique_ptr<Source>> open_http_poll(HttpPollOptions options) {
  Poller poller = TRY(Poller::make(options).in(options.name));
  const std::uint64_t seed = options.seed != 0 ? options.seed : std::random_device()();
  return std::unique_ptr<Source>(std::make_unique<HttpPollSource>(std::move(options), std::move(poller), Rng(seed)));
}

}  // namespace tidecast
