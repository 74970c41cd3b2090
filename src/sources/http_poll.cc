// open_http_poll() of source.h: a thread that polls, and a queue between it and the thread that reads.
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <random>
#include <system_error>
#include <thread>

#include "base/log.h"
#include "net/client.h"
#include "net/url.h"
#include "sources/poll_policy.h"
#include "sources/reply.h"
#include "sources/source.h"

namespace tidecast {
namespace {

using SteadyClock = std::chrono::steady_clock;
using State = SourceHealth::State;

constexpr std::string_view kCursor = "http_poll:";
constexpr std::size_t kQueueMost = 4;  // Replies.
constexpr Milliseconds kSilentAfter = 5min;
constexpr int kSilentIntervals = 20;

class HttpPollSource final : public Source {
 public:
  HttpPollSource(HttpPollOptions options, ReplySplitter splitter, std::unique_ptr<HttpClient> client, Rng rng)
      : options_(std::move(options)),
        splitter_(std::move(splitter)),
        client_(std::move(client)),
        policy_(options_.every, rng) {}

  ~HttpPollSource() override {
    if (!thread_.joinable()) return;
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    client_->cancel();
    thread_.join();
  }

  const std::string& name() const override { return options_.name; }
  bool live() const override { return true; }
  double progress() const override { return 0; }
  std::optional<std::uint64_t> total_records() const override { return std::nullopt; }

  Status seek(std::string_view cursor) override {
    std::uint64_t number = 0;
    if (!cursor.empty()) {
      if (!cursor.starts_with(kCursor))
        return failed_precondition(
            "{}: the data folder has read from something else so far, a recording or a file ('{}'); a live source "
            "needs a folder of its own (data: in the definition, or --data)",
            name(), cursor);
      const std::string_view digits = cursor.substr(kCursor.size());
      const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
      if (error != std::errc() || end != digits.data() + digits.size())
        return failed_precondition("{}: the cursor '{}' is damaged", name(), cursor);
    }
    const std::lock_guard lock(mutex_);
    taken_ = number;
    return ok();
  }

  Result<std::optional<ProcessingTime>> next_arrival() override {
    const std::lock_guard lock(mutex_);
    if (queue_.empty()) {
      if (clock_ != nullptr) earliest_ = std::max(earliest_, clock_->now());
      return std::optional<ProcessingTime>();
    }
    return std::optional(queue_.front().records.front().arrival);
  }

  Result<RawBatch> read(ProcessingTime until, std::size_t) override {
    RawBatch batch;
    const std::lock_guard lock(mutex_);
    if (queue_.empty() || queue_.front().records.front().arrival > until) {
      batch.pad();
    } else {
      batch = std::move(queue_.front());
      queue_.pop_front();
      ++taken_;
      changed_.notify_all();  // There is room again.
    }
    batch.cursor = fmt::format("{}{}", kCursor, taken_);
    return batch;
  }

  Status start(const Clock& clock, std::function<void()> wake) override {
    CHECK(!thread_.joinable());
    clock_ = &clock;
    wake_ = std::move(wake);
    since_ = clock.now();
    due_ = SteadyClock::now();
    next_poll_at_ = since_;
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

  void on_taken(const Taken& taken) override {
    const std::lock_guard lock(mutex_);
    const Milliseconds before = policy_.interval();
    policy_.on_taken(taken);
    gaps_ += taken.gap ? 1 : 0;
    if (taken.records > taken.known) {
      last_new_at_ = quiet_since_ = clock_->now();
      if (state_ == State::kSilent) become(State::kOk);
    } else {
      judge_silence();
    }
    if (policy_.interval() != before && policy_.failures() == 0) {
      plan(began_ + policy_.interval());
      changed_.notify_all();
    }
  }

  std::optional<SourceHealth> health() const override {
    const std::lock_guard lock(mutex_);
    SourceHealth health;
    health.state = state_;
    health.text = text();
    health.since = since_;
    health.last_reply_at = last_reply_at_;
    health.last_new_at = last_new_at_;
    if (clock_ != nullptr) health.next_poll_at = next_poll_at_;
    health.interval = policy_.interval();
    health.replies = replies_, health.failures = failures_, health.gaps = gaps_, health.bytes = bytes_;
    return health;
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      if (queue_.size() >= kQueueMost) {
        changed_.wait(lock);
      } else if (SteadyClock::now() < due_) {
        changed_.wait_until(lock, due_);
      } else {
        began_ = clock_->now();
        lock.unlock();
        poll();
        lock.lock();
      }
    }
  }

  void poll() {
    std::vector<std::pair<std::string, std::string>> headers;
    if (!etag_.empty()) headers.emplace_back("If-None-Match", etag_);
    Result<HttpAnswer> answer = client_->get(options_.url, headers);
    if (!answer.ok()) {
      if (answer.code() != Code::kCancelled) failed({answer.message(), std::nullopt}, 0);
      return;
    }
    if (const auto failure = failure_of(*answer, clock_->now())) return failed(*failure, answer->bytes);
    if (answer->status == 304) return came({}, answer->bytes);

    RawBatch batch;
    const std::size_t length = answer->body.size();
    answer->body.append(kRawPadding, '\0');
    const Status split = splitter_.split(answer->body.data(), length, ProcessingTime::epoch(), batch);
    if (!split.ok()) return failed({failure_text(split, {answer->body.data(), length}), std::nullopt}, answer->bytes);
    const auto etag = answer->headers.find("etag");
    etag_ = etag == answer->headers.end() ? "" : etag->second;
    batch.pad();
    batch.overlapping = options_.overlap;
    came(std::move(batch), answer->bytes);
  }

  // A good reply; one without records is no batch.
  void came(RawBatch batch, std::uint64_t bytes) {
    {
      const std::lock_guard lock(mutex_);
      policy_.on_reply();
      ++replies_;
      bytes_ += bytes;
      // The time is taken in here, where next_arrival() cannot find the queue empty between this and the next lines.
      const ProcessingTime now = clock_->now();
      last_reply_at_ = now;
      plan(std::max(began_ + policy_.interval(), now));
      if (state_ == State::kStarting || state_ == State::kRetrying) {
        if (state_ == State::kRetrying) log_warning("sources", "{}: replies come again", name());
        if (!last_new_at_) quiet_since_ = now;  // Else a failure in between has brought nothing new.
        become(State::kOk);
      }
      if (batch.empty()) {
        judge_silence();
      } else {
        earliest_ = std::max(earliest_, now);
        for (RawRecord& record : batch.records) record.arrival = earliest_;
        queue_.push_back(std::move(batch));
      }
    }
    wake_();
  }

  void failed(const PollFailure& failure, std::uint64_t bytes) {
    {
      const std::lock_guard lock(mutex_);
      const Milliseconds wait = policy_.on_failure(failure.retry_after);
      ++failures_;
      bytes_ += bytes;
      failure_ = failure.text;
      if (state_ != State::kRetrying) {
        log_warning("sources", "{}: {}; next try in {}", name(), failure.text, to_text(wait));
        become(State::kRetrying);
      }
      plan(clock_->now() + wait);
    }
    wake_();
  }

  // ---- with the mutex held ------------------------------------------------------------------------------------------

  void become(State state) {
    state_ = state;
    since_ = clock_->now();
  }

  // The wait is fixed now, on a clock that nobody sets, so that a system clock that is put back delays no poll.
  void plan(ProcessingTime due) {
    next_poll_at_ = due;
    due_ = SteadyClock::now() + clock_->wall_until(due);
  }

  Milliseconds silent_after() const { return std::max(kSilentAfter, policy_.interval() * kSilentIntervals); }

  // After a reply that brought nothing new.
  void judge_silence() {
    if (state_ != State::kOk || clock_->now() - quiet_since_ < silent_after()) return;
    log_warning("sources", "{}: replies come, but for {} nothing new in them", name(), to_text(silent_after()));
    become(State::kSilent);
  }

  std::string text() const {
    switch (state_) {
      case State::kStarting: return "no reply yet";
      case State::kRetrying:
        return policy_.failures() == 1 ? failure_
                                       : fmt::format("{}; failure {} in a row", failure_, policy_.failures());
      case State::kSilent: return fmt::format("replies come, but nothing new since {}", to_rfc3339(quiet_since_));
      case State::kOk: break;
    }
    if (queue_.size() >= kQueueMost) return fmt::format("waits: {} replies are not taken yet", queue_.size());
    if (policy_.interval() < options_.every)
      return fmt::format("polls every {}: a reply had no record of the one before", to_text(policy_.interval()));
    return "";
  }

  const HttpPollOptions options_;
  ReplySplitter splitter_;  // The thread's, like etag_.
  std::string etag_;        // Of the last good reply.
  const std::unique_ptr<HttpClient> client_;
  const Clock* clock_ = nullptr;
  std::function<void()> wake_;

  mutable std::mutex mutex_;  // Of all that follows but the thread.
  std::condition_variable changed_;
  bool stopping_ = false;
  PollPolicy policy_;
  std::deque<RawBatch> queue_;
  std::uint64_t taken_ = 0;                                    // Replies read, of all processes.
  ProcessingTime earliest_ = ProcessingTime::min();            // No record arrives before.
  ProcessingTime began_, since_, quiet_since_, next_poll_at_;  // Of the last poll; of state_; nothing new; planned.
  SteadyClock::time_point due_;                                // next_poll_at_, really.
  State state_ = State::kStarting;
  std::string failure_;
  std::optional<ProcessingTime> last_reply_at_, last_new_at_;
  std::uint64_t replies_ = 0, failures_ = 0, gaps_ = 0, bytes_ = 0;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<Source>> open_http_poll(HttpPollOptions options) {
  TRY(parse_url(options.url).in(options.name));
  if (options.every <= 0ms) return invalid_argument("{}: every is not above 0", options.name);
  ReplySplitter splitter = TRY(ReplySplitter::make(options.records, options.order).in(options.name));
  std::unique_ptr<HttpClient> client =
      TRY(HttpClient::make({.connect_timeout = std::min<Milliseconds>(options.timeout, 5s),
                            .timeout = options.timeout,
                            .ca_file = options.ca_file})
              .in(options.name));
  const std::uint64_t seed = options.seed != 0 ? options.seed : std::random_device()();
  return std::unique_ptr<Source>(
      std::make_unique<HttpPollSource>(std::move(options), std::move(splitter), std::move(client), Rng(seed)));
}

}  // namespace tidecast
