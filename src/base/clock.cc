#include "base/clock.h"

#include <thread>

namespace tidecast {

ProcessingTime SystemClock::now() const {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  return ProcessingTime::from_ms(std::chrono::duration_cast<Milliseconds>(since_epoch).count());
}

void SystemClock::wait_until(ProcessingTime due) {
  const Milliseconds left = due - now();
  if (left > 0ms) std::this_thread::sleep_for(left);
}

}  // namespace tidecast
