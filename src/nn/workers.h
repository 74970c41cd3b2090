#pragma once
// A few threads that do the same kind of small task over and over: the shards of a training step, a few milliseconds
// each.

#include <atomic>
#include <thread>
#include <type_traits>
#include <vector>

namespace tidecast::nn {

// run() hands task i to thread i mod threads, the caller being thread 0; which thread computes a task never changes
// what it computes.  Helpers spin briefly for the next run, then sleep.  One caller at a time.
class Workers {
 public:
  explicit Workers(int threads);
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
  void work(int thread) const;
  void help(int thread);

  Call call_ = nullptr;
  const void* context_ = nullptr;
  int tasks_ = 0;
  int threads_;
  bool closing_ = false;
  std::atomic<unsigned> round_ = 0;  // Written after the work is laid out; the helpers' sign to begin.
  std::atomic<int> busy_ = 0;        // Helpers still at work.
  std::vector<std::jthread> helpers_;
};

}  // namespace tidecast::nn
