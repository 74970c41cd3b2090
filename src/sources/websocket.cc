// open_websocket(): a thread that listens, and asks the HTTP API in between.  While it asks, messages wait in the
// socket.
#include "sources/websocket.h"

#include <algorithm>
#include <random>

#include "base/log.h"
#include "net/url.h"
#include "net/websocket_client.h"
#include "sources/live_source.h"
#include "sources/poller.h"
#include "sources/websocket_message.h"

namespace tidecast {
namespace {

constexpr std::size_t kRecordsMost = 10'000, kBytesMost = std::size_t{64} << 20;  // That wait to be read.
constexpr Milliseconds kSilentAfter = 5min;
constexpr Milliseconds kLeastPause = 1s;  // Between two attempts, or two questions.

// The HTTP API beside the socket.
struct Fill {
  Fill(Poller it, Milliseconds how_often, Rng rng) : poller(std::move(it)), every(how_often), policy(how_often, rng) {}

  Poller poller;
  Milliseconds every;
  PollPolicy policy;
  ProcessingTime began = ProcessingTime::min(), due{};
  std::string failure{};
};

class WebSocketSource final : public LiveSource {
 public:
  WebSocketSource(WebSocketOptions options, MessageReader reader, std::unique_ptr<WebSocketClient> client,
                  std::unique_ptr<Fill> fill, Rng rng)
      : LiveSource(options.name, "websocket:"),
        options_(std::move(options)),
        reader_(std::move(reader)),
        client_(std::move(client)),
        policy_(kLeastPause, rng),
        fill_(std::move(fill)) {}
  ~WebSocketSource() override { stop(); }

 private:
  void interrupt() override {
    client_->cancel();
    if (fill_) fill_->poller.cancel();
  }

  void run() override {
    std::unique_lock lock(mutex_);
    connect_due_ = clock_->now();
    if (fill_) fill_->due = connect_due_;
    while (!stopping_) {
      const ProcessingTime now = clock_->now();
      if (is_full()) {
        changed_.wait(lock);
        heard_at_ = clock_->now();  // Nobody listened meanwhile.
      } else if (!connected_ && now >= connect_due_) {
        connect(lock);
      } else if (fill_ && now >= fill_->due) {
        fill(lock);
      } else if (connected_) {
        listen(lock, now);
      } else {
        changed_.wait_until(lock, steady(fill_ ? std::min(connect_due_, fill_->due) : connect_due_));
      }
    }
    lock.unlock();
    client_->close();
  }

  // The lock is open while `act` waits for the outside.
  template <typename Act>
  auto outside(std::unique_lock<std::mutex>& lock, Act&& act) {
    lock.unlock();
    auto result = act();
    lock.lock();
    return result;
  }
  void wake(std::unique_lock<std::mutex>& lock) {
    lock.unlock();
    wake_();
    lock.lock();
  }

  void connect(std::unique_lock<std::mutex>& lock) {
    const Status status = outside(lock, [&] {
      const Result<Headers> headers = headers_of(options_.headers);
      if (!headers.ok()) return headers.status();
      Status made = client_->connect(options_.url, *headers);
      for (std::size_t i = 0; made.ok() && i < options_.subscribe.size(); ++i)
        made = client_->send(options_.subscribe[i]);
      return made;
    });
    if (!status.ok()) return lost(lock, status);
    connected_ = true;
    heard_at_ = clock_->now();
    ping_due_ = heard_at_ + options_.ping_every;
    well();
    // Now, so that nothing comes between what it shows and what the socket tells; but not before a Retry-After.
    if (fill_ && fill_->policy.failures() == 0) fill_->due = std::max(heard_at_, fill_->began + kLeastPause);
    wake(lock);
  }

  void lost(std::unique_lock<std::mutex>& lock, const Status& why) {
    if (why.code() == Code::kCancelled) return;
    connected_ = false;
    const Milliseconds wait = policy_.on_failure(std::nullopt);
    failed(why.message(), 0, wait);
    connect_due_ = clock_->now() + wait;
    if (fill_ && fill_->policy.failures() == 0) fill_->due = std::min(fill_->due, fill_->began + fill_->every);
    wake(lock);
  }

  void fill(std::unique_lock<std::mutex>& lock) {
    const ProcessingTime began = clock_->now();
    Poller::Reply reply = outside(lock, [&] { return fill_->poller.poll(began); });
    if (reply.cancelled) return;
    fill_->began = began;
    bytes_ += reply.bytes;
    const ProcessingTime now = clock_->now();
    if (reply.failure) {
      const Milliseconds wait = fill_->policy.on_failure(reply.failure->retry_after);
      if (fill_->failure.empty())
        log_warning("sources", "{}: gaps cannot be filled: {}; next try in {}", name(), reply.failure->text,
                    to_text(wait));
      fill_->failure = reply.failure->text;
      ++failures_;
      fill_->due = now + wait;
    } else {
      fill_->policy.on_reply();
      fill_->failure.clear();
      ++replies_;
      last_reply_at_ = now;
      fill_->due = std::max(now, began + (connected_ ? options_.fill_every : fill_->every));
      if (reply.batch.empty())
        judge_silence();
      else
        queue_.push(std::move(reply.batch), LiveQueue::Kind::kWhole, now);
    }
    wake(lock);
  }

  void listen(std::unique_lock<std::mutex>& lock, ProcessingTime now) {
    const ProcessingTime dead_at = heard_at_ + options_.read_timeout;
    if (now >= ping_due_) {
      ping_due_ = now + options_.ping_every;
      if (const Status sent = outside(lock, [&] { return client_->ping(); }); !sent.ok()) return lost(lock, sent);
    }
    ProcessingTime until = std::min(ping_due_, dead_at);
    if (fill_) until = std::min(until, fill_->due);
    Result<std::optional<std::string>> message =
        outside(lock, [&] { return client_->receive(clock_->wall_until(until)); });
    if (!message.ok()) return lost(lock, message.status());
    if (*message) return heard(lock, std::move(**message));
    if (clock_->now() < dead_at) return;
    outside(lock, [&] { return client_->close(), 0; });
    lost(lock, unavailable("no message for {}", to_text(options_.read_timeout)));
  }

  void heard(std::unique_lock<std::mutex>& lock, std::string message) {
    const std::size_t size = message.size();
    RawBatch batch;
    const bool records = reader_.read(std::move(message), batch);
    policy_.on_reply();
    came(size);
    heard_at_ = *last_reply_at_;
    if (records) {
      queue_.push(std::move(batch), LiveQueue::Kind::kMessage, clock_->now());
    } else {
      ++skipped_;
      judge_silence();
    }
    wake(lock);
  }

  // ---- with the mutex held ------------------------------------------------------------------------------------------

  bool is_full() const { return queue_.records() >= kRecordsMost || queue_.bytes() >= kBytesMost; }
  Milliseconds silent_after() const override { return kSilentAfter; }

  void describe(SourceHealth& health) const override {
    health.skipped = skipped_;
    if (fill_) health.interval = connected_ ? options_.fill_every : fill_->every;
    if (clock_ != nullptr && !connected_) health.next_poll_at = connect_due_;
    if (clock_ != nullptr && fill_ && (connected_ || fill_->due < connect_due_)) health.next_poll_at = fill_->due;
    if (state_ == State::kRetrying && policy_.failures() > 1)
      health.text += fmt::format("; failure {} in a row", policy_.failures());
    if (state_ != State::kOk) return;
    if (is_full())
      health.text = fmt::format("waits: {} records are not taken yet", queue_.records());
    else if (fill_ && !fill_->failure.empty())
      health.text = fmt::format("gaps cannot be filled: {}", fill_->failure);
  }

  const WebSocketOptions options_;
  MessageReader reader_;  // The thread's, like the clients.
  const std::unique_ptr<WebSocketClient> client_;
  bool connected_ = false;
  PollPolicy policy_;  // Of connecting.
  const std::unique_ptr<Fill> fill_;
  ProcessingTime connect_due_, ping_due_, heard_at_;
  std::uint64_t skipped_ = 0;
};

}  // namespace

Result<std::unique_ptr<Source>> open_websocket(WebSocketOptions options) {
  TRY(parse_websocket_url(options.url).in(options.name));
  for (const auto& [what, value] : {std::pair("ping_every", options.ping_every),
                                    {"read_timeout", options.read_timeout},
                                    {"fill_every", options.fill_every}})
    if (value <= 0ms) return invalid_argument("{}: {} is not above 0", options.name, what);
  TRY(headers_of(options.headers).in(options.name));
  MessageReader reader = TRY(MessageReader::make(options.record, options.only).in(options.name));
  std::unique_ptr<WebSocketClient> client =
      TRY(WebSocketClient::make({.connect_timeout = std::min<Milliseconds>(options.timeout, 5s),
                                 .timeout = options.timeout,
                                 .message_max = options.message_max,
                                 .ca_file = options.ca_file,
                                 .proxy = proxy_from_environment()})
              .in(options.name));
  const std::uint64_t seed = options.seed != 0 ? options.seed : std::random_device()();
  std::unique_ptr<Fill> fill;
  if (options.fill) {
    options.fill->overlap = true;
    Poller poller = TRY(Poller::make(*options.fill).in(options.name + ": fill"));
    fill = std::make_unique<Fill>(std::move(poller), options.fill->every, Rng(seed, 1));
  }
  return std::unique_ptr<Source>(std::make_unique<WebSocketSource>(std::move(options), std::move(reader),
                                                                   std::move(client), std::move(fill), Rng(seed)));
}

}  // namespace tidecast
