#pragma once
// The one way to learn what time it is.  A program run live has the SystemClock; a replay and the tests have a
// SimulatedClock that stands still until it is moved, or, where a live program is tried in fast motion, a ScaledClock.

#include <chrono>

#include "base/time.h"

namespace tidecast {

// Not thread-safe, unless it says so: the scheduler's thread owns it.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual ProcessingTime now() const = 0;
  // Waits for now() >= `due`.  A simulated clock jumps there; the system's sleeps, and may return early.
  virtual void wait_until(ProcessingTime due) = 0;
  // How long to wait in real time until now() >= `due`: 0 where it is already, and 0 of a clock that moves only when it
  // is told to.
  virtual std::chrono::nanoseconds wall_until(ProcessingTime due) const;
};

// Any number of threads may ask for now() and wall_until().
class SystemClock final : public Clock {
 public:
  ProcessingTime now() const override;
  void wait_until(ProcessingTime due) override;
  std::chrono::nanoseconds wall_until(ProcessingTime due) const override;
};

class SimulatedClock final : public Clock {
 public:
  explicit SimulatedClock(ProcessingTime start) : now_(start) {}
  ProcessingTime now() const override { return now_; }
  void wait_until(ProcessingTime due) override {
    if (due > now_) now_ = due;  // Time never goes back.
  }

 private:
  ProcessingTime now_;
};

// Runs `speed` times as fast as the system's clock and showed `start` when that showed `anchor`, so every process that
// is given the same three numbers has the same time, after a restart too.  For tests of what runs live.  Any number of
// threads may ask for now() and wall_until(): it has no state.
class ScaledClock final : public Clock {
 public:
  ScaledClock(ProcessingTime start, ProcessingTime anchor, double speed);  // speed > 0, at most 1e6.
  ProcessingTime now() const override;
  void wait_until(ProcessingTime due) override;
  std::chrono::nanoseconds wall_until(ProcessingTime due) const override;

 private:
  ProcessingTime at(std::chrono::nanoseconds since_anchor) const;

  ProcessingTime start_;
  std::chrono::nanoseconds anchor_;  // Since 1970.
  double speed_;
};

}  // namespace tidecast
