#pragma once
// Runs the real binary, and makes the definition files and data folders that it runs on.

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidecast::e2e {

struct Finished {
  int code = 0;  // Exit code; 128 + N when signal N ended it.
  std::string out, err;
};

// Runs build/tidecast with these arguments to its end.
Finished tidecast(const std::vector<std::string>& arguments);

// Starts it with its output thrown away; wait_or_kill() ends it.
pid_t start(const std::vector<std::string>& arguments);
// Waits up to `microseconds` for the process to end, then kills it (SIGKILL).  True if it ended by itself.
bool wait_or_kill(pid_t process, long microseconds);

// A program that goes on while the test does: its lines are read as they come.  Killed at the end.
class Running {
 public:
  // `environment`: "NAME=value", added to ours.
  Running(const std::string& binary, std::vector<std::string> arguments, std::vector<std::string> environment = {});
  ~Running();
  Running(const Running&) = delete;

  // The rest of the next line that has `text` in it, or nullopt when its output ends or nothing such comes in time.
  std::optional<std::string> line_with(std::string_view text,
                                       std::chrono::milliseconds within = std::chrono::seconds(30));
  void signal(int number) const;
  // Its exit code as Finished has it, or nullopt if it did not end in time.
  std::optional<int> end(std::chrono::milliseconds within = std::chrono::seconds(10));
  pid_t process() const { return process_; }
  const std::string& output() const { return all_; }  // So far as it was read; errors too.

 private:
  bool read_more(std::chrono::steady_clock::time_point until);
  pid_t process_ = 0;
  int pipe_ = -1;
  std::string all_;
  std::size_t taken_ = 0;
  bool silent_ = false;  // Its output has ended.
};
std::string own_binary();  // build/tidecast

// A folder under the system's temporary one, removed at the end.
class Folder {
 public:
  Folder();
  ~Folder();
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

void write(const std::filesystem::path& file, const std::string& text);
std::string read(const std::filesystem::path& file);
// The unpacked content of all raw archive files below `data`, in the order of their names.
std::string archive(const std::filesystem::path& data);

// The definition of the Bitcoin example for `minutes` of the schedule from minute 2880 on; `more` is appended (indented
// keys of the source's mapping come in `source_keys`).
std::string definition(int minutes, const std::string& source_keys, const std::string& more);

}  // namespace tidecast::e2e
