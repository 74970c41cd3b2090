#pragma once
// A few threads that do the same kind of small task over and over: the shards of a training step, the halves of a batch
// of records; half a millisecond each or more.

#include <atomic>
#include <thread>
#include <type_traits>
#include <vector>

namespace tidecast {

// Processors that the calling thread may run on, at least 1: those of its affinity mask (taskset, a container's
// cpuset), which std::thread::hardware_concurrency need not look at.  A quota of processor time is not seen.
int usable_processors();

// Whoever is free takes the next task, the caller too: where the helpers do not get a processor, it does all itself.
// Which thread computes a task never changes what it computes.  Helpers spin briefly for the next run, then sleep.  One
// caller at a time.
class Workers {
 public:
  explicit Workers(int threads);  // Where so many cannot be had, fewer do all.
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // Calls task(i) for every i in 0 .. tasks - 1; returns when all are done.  `task` must not throw.
  template <typename Task>
  void run(int tasks, const Task& task) {
    const Call call = [](const void* context, int i) { (*static_cast<const Task*>(context))(i); };
    run_all(tasks, call, &task);
  }

 private:
  using Call = void (*)(const void* context, int i);
  void run_all(int tasks, Call call, const void* context);
  void work();
  void help();

  static constexpr int kClosing = -1;
  Call call_ = nullptr;
  const void* context_ = nullptr;
  std::atomic<int> untaken_ = 0;     // Written after the work is laid out; the helpers' sign to begin, or to end.
  std::atomic<int> unfinished_ = 0;  // Tasks.
  std::vector<std::jthread> helpers_;
};

}  // namespace tidecast
