#include "nn/workers.h"

#include <algorithm>

namespace tidecast::nn {
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

Workers::Workers(int threads) : threads_(std::max(threads, 1)) {
  for (int i = 1; i < threads_; ++i) helpers_.emplace_back([this, i] { help(i); });
}

Workers::~Workers() {
  closing_ = true;
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
}

void Workers::run_all(int tasks, Call call, const void* context) {
  call_ = call;
  context_ = context;
  tasks_ = tasks;
  if (helpers_.empty() || tasks == 1) {
    for (int i = 0; i < tasks; ++i) call(context, i);
    return;
  }
  busy_.store(static_cast<int>(helpers_.size()), std::memory_order_relaxed);
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  work(0);
  for (int left = busy_.load(std::memory_order_acquire); left != 0; left = busy_.load(std::memory_order_acquire))
    wait_while(busy_, left);
}

void Workers::work(int thread) const {
  for (int i = thread; i < tasks_; i += threads_) call_(context_, i);
}

void Workers::help(int thread) {
  unsigned seen = 0;
  for (;;) {
    wait_while(round_, seen);
    ++seen;  // run_all waits for every helper, so no round is ever missed.
    if (closing_) return;
    work(thread);
    if (busy_.fetch_sub(1, std::memory_order_acq_rel) == 1) busy_.notify_all();
  }
}

}  // namespace tidecast::nn
