#pragma once
// A program of somebody else's, run beside us and never left behind: in a process group of its own, ended by the kernel
// when we end, its output read all the time, the last of it kept for the error that names it.

#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace tidecast {

struct ProcessOptions {
  std::vector<std::string> command;      // The program, by its path or as PATH finds it, and its arguments.
  std::vector<std::string> environment;  // "NAME=value", over ours.
  std::filesystem::path folder;          // It runs there.
  bool echo = false;                     // What it says goes to our standard error too.
};

// Any thread may call; its output and its end are awaited on a thread of its own, which also starts it: the kernel ties
// its life to that thread's.
class Process {
 public:
  // Errors: kInternal - it cannot be started (no such program, no permission, no such folder), and why.
  static Result<std::unique_ptr<Process>> start(ProcessOptions options);
  ~Process();  // Kills it and whatever is left of its group.
  Process(const Process&) = delete;

  bool running() const;
  // True once it has ended; waits up to so long for that.
  bool wait(Milliseconds at_most);
  // SIGTERM to its group, after `grace` SIGKILL.  Returns when it has ended.
  void stop(Milliseconds grace);

  // Whether it ended with exit code 0.
  bool succeeded() const;
  // "ended with exit code 3; it said last: no such file | bye" or "died of signal 9 (Killed); it said nothing"; of one
  // that runs, "runs; it said last: ...".
  std::string state() const;

 private:
  Process() = default;
  void run(const ProcessOptions& options);  // The thread.
  void take_output(int pipe, bool echo);    // What is there now.
  void signal(int number);                  // To the group, if it is there still.

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::optional<Status> started_;
  int pid_ = 0;
  std::optional<int> ended_;  // As waitpid() says it.
  std::string tail_;          // The last of its output.
  std::thread thread_;
};

// The last lines of a longer text, on one line, for an error that a person reads; "nothing" if there are none.
std::string last_lines(std::string_view text);

}  // namespace tidecast
