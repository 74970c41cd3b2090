#pragma once
// The one way to learn what time it is.  A program run live has the SystemClock; a replay and the tests have a
// SimulatedClock that stands still until it is moved.  Not thread-safe: the scheduler's thread owns it.

#include "base/time.h"

namespace tidecast {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual ProcessingTime now() const = 0;
  // Waits for now() >= `due`.  A simulated clock jumps there; the system's sleeps, and may return early.
  virtual void wait_until(ProcessingTime due) = 0;
};

class SystemClock final : public Clock {
 public:
  ProcessingTime now() const override;
  void wait_until(ProcessingTime due) override;
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

}  // namespace tidecast
