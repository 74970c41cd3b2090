#pragma once
// What live sources have in common: a thread of their own that takes what comes, a bounded queue between it and the
// thread that reads, arrivals that never decrease, a cursor that counts, and how they are.

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "sources/source.h"

namespace tidecast {

// What came and is not read yet.  Not thread-safe: the owner's mutex is held.
class LiveQueue {
 public:
  // kind: of the cursor, "websocket:".
  LiveQueue(std::string name, std::string_view kind) : name_(std::move(name)), kind_(kind) {}

  // Errors: as Source::seek().
  Status seek(std::string_view cursor);
  std::optional<ProcessingTime> next_arrival(ProcessingTime now);
  // A reply as it is; of single messages as many as are waiting, or `max_records`.  The cursor counts `batches`: the
  // replies and the messages.
  RawBatch read(ProcessingTime until, std::size_t max_records);

  enum class Kind { kWhole, kMessage };
  // Records that come `now`.  At least one.
  void push(RawBatch batch, Kind kind, ProcessingTime now);

  std::size_t size() const { return items_.size(); }
  std::size_t records() const { return records_; }
  std::size_t bytes() const { return bytes_; }

 private:
  struct Item {
    RawBatch batch;
    Kind kind;
  };
  RawBatch pop();

  std::string name_;
  std::string_view kind_;
  std::deque<Item> items_;
  std::size_t records_ = 0, bytes_ = 0;
  std::uint64_t taken_ = 0;                          // Items read, of all processes.
  ProcessingTime earliest_ = ProcessingTime::min();  // No record arrives before.
};

// A live source with a thread.  Derived classes write run(), and call stop() in their destructor.
class LiveSource : public Source {
 public:
  const std::string& name() const override { return name_; }
  bool live() const override { return true; }
  double progress() const override { return 0; }
  std::optional<std::uint64_t> total_records() const override { return std::nullopt; }
  Status seek(std::string_view cursor) override;
  Result<std::optional<ProcessingTime>> next_arrival() override;
  Result<RawBatch> read(ProcessingTime until, std::size_t max_records) override;
  Status start(const Clock& clock, std::function<void()> wake) override;
  void on_taken(const Taken& taken) override;
  std::optional<SourceHealth> health() const override;

 protected:
  using SteadyClock = std::chrono::steady_clock;
  using State = SourceHealth::State;

  LiveSource(std::string name, std::string_view kind) : name_(name), queue_(std::move(name), kind) {}
  void stop();  // Twice does no harm.

  // Of the thread: until stopping_.
  virtual void run() = 0;
  // Ends what the thread waits for outside.  Any thread.
  virtual void interrupt() = 0;

  // ---- with the mutex held ------------------------------------------------------------------------------------------
  virtual void taken(const Taken&) {}                     // After the common part of on_taken().
  virtual void describe(SourceHealth& health) const = 0;  // text, next_poll_at, interval.
  virtual Milliseconds silent_after() const = 0;

  void become(State state);
  void well();                     // The other side is.
  void came(std::uint64_t bytes);  // A good reply or message.
  void failed(const std::string& text, std::uint64_t bytes, Milliseconds wait);
  void judge_silence();  // After something that brought nothing new.
  // A moment of the clock, on one that nobody sets: a system clock that is put back delays nothing.
  SteadyClock::time_point steady(ProcessingTime due) const;

  const std::string name_;
  const Clock* clock_ = nullptr;
  std::function<void()> wake_;

  mutable std::mutex mutex_;  // Of all that follows but the thread.
  std::condition_variable changed_;
  bool stopping_ = false;
  LiveQueue queue_;
  State state_ = State::kStarting;
  std::string failure_;                 // The last one.
  ProcessingTime since_, quiet_since_;  // Of state_; nothing new.
  std::optional<ProcessingTime> last_reply_at_, last_new_at_;
  std::uint64_t replies_ = 0, failures_ = 0, gaps_ = 0, bytes_ = 0;

 private:
  std::thread thread_;
};

}  // namespace tidecast
