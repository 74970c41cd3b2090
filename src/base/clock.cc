#include "base/clock.h"

#include <algorithm>
#include <cmath>
#include <thread>

namespace tidecast {
namespace {

using std::chrono::nanoseconds;

nanoseconds since_1970() {
  return std::chrono::duration_cast<nanoseconds>(std::chrono::system_clock::now().time_since_epoch());
}

constexpr nanoseconds kLongestWait = 24h;  // Of one answer, so that no time, however far, is too far for nanoseconds.

nanoseconds wait_of(double ns) {
  return ns <= 0 ? 0ns : ns < static_cast<double>(kLongestWait.count()) ? nanoseconds(std::llround(ns)) : kLongestWait;
}

}  // namespace

nanoseconds Clock::wall_until(ProcessingTime) const { return 0ns; }

ProcessingTime SystemClock::now() const {
  return ProcessingTime::from_ms(std::chrono::floor<Milliseconds>(since_1970()).count());
}

void SystemClock::wait_until(ProcessingTime due) {
  if (const nanoseconds left = wall_until(due); left > 0ns) std::this_thread::sleep_for(left);
}

nanoseconds SystemClock::wall_until(ProcessingTime due) const {
  const nanoseconds now = since_1970();
  const std::int64_t now_ms = std::chrono::floor<Milliseconds>(now).count();
  if (due.ms() <= now_ms) return 0ns;
  if (due.ms() > now_ms + std::chrono::duration_cast<Milliseconds>(kLongestWait).count()) return kLongestWait;
  return nanoseconds(Milliseconds(due.ms())) - now;
}

ScaledClock::ScaledClock(ProcessingTime start, ProcessingTime anchor, double speed)
    : start_(start), anchor_(Milliseconds(anchor.ms())), speed_(speed) {
  CHECK(speed > 0 && speed <= 1e6);
}

ProcessingTime ScaledClock::at(nanoseconds since_anchor) const {
  const double ms = static_cast<double>(since_anchor.count()) * speed_ / 1e6;
  return start_ + Milliseconds(static_cast<std::int64_t>(std::floor(ms)));
}

ProcessingTime ScaledClock::now() const { return at(since_1970() - anchor_); }

void ScaledClock::wait_until(ProcessingTime due) {
  if (const nanoseconds left = wall_until(due); left > 0ns) std::this_thread::sleep_for(left);
}

nanoseconds ScaledClock::wall_until(ProcessingTime due) const {
  const nanoseconds passed = since_1970() - anchor_;
  if (at(passed) >= due) return 0ns;
  nanoseconds wait = wait_of((static_cast<double>(due.ms()) - static_cast<double>(start_.ms())) * 1e6 / speed_ -
                             static_cast<double>(passed.count()));
  while (wait < kLongestWait && at(passed + wait) < due) wait += 100ns;  // What rounding took.
  return wait;
}

}  // namespace tidecast
