#include "base/workers.h"

#include <sched.h>

#include <algorithm>
#include <system_error>

namespace tidecast {
namespace {

// Waits until `value` is no longer `old`: spins while a change is likely to come soon, then sleeps.  Pure spinning
// would lose whole scheduler slices where two spinners share a core.
template <typename T>
void wait_while(const std::atomic<T>& value, T old) {
  constexpr int kSpins = 2000;
  for (int i = 0; i < kSpins; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
  value.wait(old, std::memory_order_acquire);
}

}  // namespace

int usable_processors() {
  cpu_set_t mask;  // 1,024 processors; of a larger machine the system tells no mask here.
  if (::sched_getaffinity(0, sizeof mask, &mask) == 0) return std::max(1, CPU_COUNT(&mask));
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

Workers::Workers(int threads) {
  helpers_.reserve(static_cast<std::size_t>(std::max(threads, 1)) - 1);
  for (int i = 1; i < threads; ++i) {
    try {
      helpers_.emplace_back([this] { help(); });
    } catch (const std::system_error&) {
      break;
    }
  }
}

Workers::~Workers() {
  untaken_.store(kClosing, std::memory_order_release);
  untaken_.notify_all();
}

// Nothing of the last run is written over while anybody still works on it: no task is left to take then, and all that
// were taken are finished.
void Workers::run_all(int tasks, Call call, const void* context) {
  if (helpers_.empty() || tasks == 1) {
    for (int i = 0; i < tasks; ++i) call(context, i);
    return;
  }
  call_ = call;
  context_ = context;
  unfinished_.store(tasks, std::memory_order_relaxed);
  untaken_.store(tasks, std::memory_order_release);
  untaken_.notify_all();
  work();
  for (int left = unfinished_.load(std::memory_order_acquire); left != 0;
       left = unfinished_.load(std::memory_order_acquire))
    wait_while(unfinished_, left);
}

void Workers::work() {
  for (int left = untaken_.load(std::memory_order_acquire); left > 0;) {
    if (!untaken_.compare_exchange_weak(left, left - 1, std::memory_order_acq_rel, std::memory_order_acquire)) continue;
    call_(context_, left - 1);
    if (unfinished_.fetch_sub(1, std::memory_order_acq_rel) == 1) unfinished_.notify_all();
    left = untaken_.load(std::memory_order_acquire);
  }
}

void Workers::help() {
  while (untaken_.load(std::memory_order_acquire) != kClosing) {
    work();
    wait_while(untaken_, 0);
  }
}

}  // namespace tidecast
