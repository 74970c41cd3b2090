#pragma once
// A polling source against a feed server over real sockets, in fast motion: its clock runs so many times faster that an
// interval of seconds is a few real milliseconds.  Feed time does not follow a clock: each request moves it on, so what
// is shown to the n-th request is the same in every run.

#include <gtest/gtest.h>

#include <condition_variable>
#include <set>

#include "base/clock.h"
#include "base/log.h"
#include "feed_server.h"

namespace tidecast {

inline constexpr std::chrono::seconds kPatience{20};  // Of a test that waits for what never comes.
inline const ProcessingTime kFeedStart = ProcessingTime::from_ms(parse_rfc3339("2026-05-06T00:10:00Z").value());

inline RecordingOptions recording() {
  RecordingOptions options;
  options.bodies = TIDECAST_ROOT "/data/bitcoin/blockchain_info_transactions_1020.ndjson.zst";
  options.schedule = TIDECAST_ROOT "/data/bitcoin/schedule_7d.csv.zst";
  options.first_minute = 2880;
  options.minutes = 240;
  return options;
}

inline std::string id_of(std::string_view record) { return std::string(record.substr(9, 64)); }  // {"hash":"...

// A feed that stands at its start and goes on by `step` at each request; faults by script, then none.
class Rig {
 public:
  struct Options {
    Milliseconds step{5'000};
    std::vector<Fault> faults = {};                  // Of the first requests.
    std::function<Fault(std::uint64_t)> fault = {};  // In place of `faults`.
    std::size_t records = 100;
    bool etag = false;
    const TestCertificates* certificates = nullptr;
    HttpPollOptions poll = {};
    double speed = 1000;
  };

  explicit Rig(Options options) : clock_(kFeedStart, SystemClock().now(), options.speed), step_(options.step) {
    set_log_level(LogLevel::kOff);
    FeedServerOptions server{.recording = recording(),
                             .records = options.records,
                             .now = [this] { return ProcessingTime::from_ms(feed_now_ms_); },
                             .fault = {},
                             .certificates = options.certificates,
                             .etag = options.etag};
    server.fault = [this, faults = options.faults, fault = options.fault](std::uint64_t request) {
      if (request > 0 && !frozen_) feed_now_ms_ += step_.load().count();
      if (frozen_) return Fault{};
      if (fault) return fault(request);
      return request < faults.size() ? faults[request] : Fault{};
    };
    feed = FeedServer::start(std::move(server)).value();
    HttpPollOptions poll = options.poll;
    if (poll.url.empty()) poll.url = feed->url();
    poll.name = "blockchain";
    poll.records = "/txs";
    poll.overlap = true;
    poll.seed = 1;
    source = open_http_poll(std::move(poll)).value();
    CHECK(source->seek("").ok());
  }
  ~Rig() {
    source.reset();  // Before what it wakes.
  }

  void start() {
    const Status status = source->start(clock_, [this] {
      const std::lock_guard lock(mutex_);
      ++woken_;
      changed_.notify_all();
    });
    ASSERT_TRUE(status.ok()) << status.message();
  }

  // Waits until `good` of the health.
  SourceHealth wait_for(const std::function<bool(const SourceHealth&)>& good) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    for (;;) {
      std::unique_lock lock(mutex_);
      const std::uint64_t before = woken_;
      lock.unlock();
      const SourceHealth health = *source->health();
      if (good(health)) return health;
      lock.lock();
      if (!changed_.wait_until(lock, deadline, [&] { return woken_ != before; })) {
        ADD_FAILURE() << "never came; health: " << name_of(health.state) << " " << health.text << ", replies "
                      << health.replies << ", failures " << health.failures;
        return health;
      }
    }
  }

  // Takes all that has come, as the scheduler does; what is known is told back.
  void take() {
    while (TakenBatch().read(*this)) continue;
  }
  // Goes on taking until `good`.
  SourceHealth take_until(const std::function<bool(const SourceHealth&)>& good) {
    return wait_for([&](const SourceHealth& health) {
      take();
      return good(health);
    });
  }
  // The feed stands still and is well; all that it shows is taken.
  SourceHealth settle() {
    frozen_ = true;
    take();
    const std::uint64_t now = source->health()->replies;
    return take_until([&](const SourceHealth& health) { return health.replies >= now + 2; });
  }

  ScaledClock clock_;
  std::atomic<std::int64_t> feed_now_ms_ = kFeedStart.ms();
  std::atomic<Milliseconds> step_;
  std::atomic<bool> frozen_ = false;
  std::unique_ptr<FeedServer> feed;
  std::unique_ptr<Source> source;
  std::vector<std::string> taken;  // Ids in the order in which they were new.
  std::size_t batches = 0, doubled = 0;
  ProcessingTime last_arrival = ProcessingTime::min();
  std::function<Taken(const RawBatch&)> ingest;  // In place of our own look at the ids.

 private:
  struct TakenBatch {
    bool read(Rig& rig) {
      const ProcessingTime found_at = rig.clock_.now();
      const auto arrival = rig.source->next_arrival().value();
      if (!arrival) {
        rig.empty_at_ = found_at;
        return false;
      }
      EXPECT_GE(*arrival, rig.empty_at_);  // Nothing comes before a time at which nothing had come.
      const RawBatch batch = rig.source->read(ProcessingTime::max(), 1).value();
      EXPECT_FALSE(batch.empty());
      EXPECT_TRUE(batch.overlapping);
      EXPECT_EQ(batch.cursor, fmt::format("http_poll:{}", ++rig.batches));
      for (const RawRecord& record : batch.records) {
        EXPECT_GE(record.arrival, rig.last_arrival);
        rig.last_arrival = record.arrival;
      }
      Taken taken;
      if (rig.ingest) {
        taken = rig.ingest(batch);
      } else {
        taken.records = batch.records.size();
        for (std::size_t i = 0; i < batch.records.size(); ++i) {
          if (rig.known_.insert(id_of(batch.raw(i))).second)
            rig.taken.push_back(id_of(batch.raw(i)));
          else
            ++taken.known;
        }
        taken.gap = rig.batches > 1 && taken.known == 0;
      }
      rig.source->on_taken(taken);
      return true;
    }
  };

  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t woken_ = 0;
  std::set<std::string> known_;
  ProcessingTime empty_at_ = ProcessingTime::min();
};

}  // namespace tidecast
