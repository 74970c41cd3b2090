#include "training/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "base/json.h"

namespace tidecast {
namespace {

constexpr std::size_t kTail = 4096;  // Bytes.

// argv or envp: pointers into `words`, which must outlive them.
std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> result;
  for (std::string& word : words) result.push_back(word.data());
  result.push_back(nullptr);
  return result;
}

std::vector<std::string> environment_with(const std::vector<std::string>& more) {
  std::vector<std::string> all = more;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view ours = *variable;
    const std::string_view name = ours.substr(0, ours.find('=') + 1);
    if (std::ranges::none_of(more, [&](const std::string& one) { return one.starts_with(name); }))
      all.emplace_back(ours);
  }
  return all;
}

// In the child of a process with threads: nothing but system calls.  What goes wrong goes to `report` as errno.
[[noreturn]] void become(const char* folder, char** argv, char** envp, int output, int report, pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);  // The parent ended before the line above.
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  const int nothing = ::open("/dev/null", O_RDONLY);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  // The report moves to 3, which exec closes; all above is closed now.
  if (report != 3) ::dup2(report, 3);
  ::fcntl(3, F_SETFD, FD_CLOEXEC);
  ::close_range(4, ~0U, 0);
  if (::chdir(folder) == 0) ::execvpe(argv[0], argv, envp);
  const int error = errno;
  if (::write(3, &error, sizeof error) < 0) ::_exit(126);
  ::_exit(127);
}

}  // namespace

std::string last_lines(std::string_view text) {
  constexpr int kLines = 5;
  constexpr std::size_t kBytes = 1000;
  std::string_view rest = text;
  rest.remove_prefix(rest.size() - std::min(rest.size(), kBytes));
  std::string joined;
  for (int lines = 0; lines < kLines && !rest.empty();) {
    const std::size_t end_of_before = rest.find_last_of('\n');
    const std::string_view line = rest.substr(end_of_before + 1);  // npos + 1 is 0.
    rest = rest.substr(0, end_of_before == std::string_view::npos ? 0 : end_of_before);
    if (line.empty()) continue;
    joined = joined.empty() ? std::string(line) : fmt::format("{} | {}", line, joined);
    ++lines;
  }
  joined = as_utf8(joined);
  for (char& c : joined)  // It is shown on terminals.
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = ' ';
  return joined.empty() ? "nothing" : joined;
}

Result<std::unique_ptr<Process>> Process::start(ProcessOptions options) {
  CHECK(!options.command.empty());
  std::unique_ptr<Process> process(new Process);
  process->thread_ = std::thread([raw = process.get(), options] { raw->run(options); });
  std::unique_lock lock(process->mutex_);
  process->changed_.wait(lock, [&] { return process->started_.has_value(); });
  if (!process->started_->ok())
    return internal_error("{}: cannot start: {}", options.command[0], process->started_->message());
  lock.unlock();
  return process;
}

Process::~Process() {
  signal(SIGKILL);
  thread_.join();
}

void Process::run(const ProcessOptions& options) {
  const auto say = [&](Status status, int pid) {
    const std::lock_guard lock(mutex_);
    pid_ = pid;
    started_ = std::move(status);
    changed_.notify_all();
  };
  std::vector<std::string> command = options.command, environment = environment_with(options.environment);
  const std::vector<char*> argv = pointers(command), envp = pointers(environment);
  const std::string folder = options.folder;
  std::array<int, 2> output, report;
  if (::pipe2(output.data(), O_CLOEXEC) != 0) return say(internal_error("{}", std::strerror(errno)), 0);
  if (::pipe2(report.data(), O_CLOEXEC) != 0) {
    const int error = errno;
    for (const int end : output) ::close(end);
    return say(internal_error("{}", std::strerror(error)), 0);
  }
  const pid_t parent = ::getpid(), pid = ::fork();
  if (pid == 0)
    become(folder.c_str(), const_cast<char**>(argv.data()), const_cast<char**>(envp.data()), output[1], report[1],
           parent);
  int error = pid < 0 ? errno : 0;
  ::close(output[1]);
  ::close(report[1]);
  if (pid > 0) {
    ssize_t got = 0;
    do got = ::read(report[0], &error, sizeof error);  // Ends when exec closes the other end.
    while (got < 0 && errno == EINTR);
    if (got != sizeof error) error = 0;
  }
  ::close(report[0]);
  if (error != 0) {
    ::close(output[0]);
    if (pid > 0) ::waitpid(pid, nullptr, 0);
    const bool here = ::access(options.folder.c_str(), X_OK) == 0;
    return say(internal_error("{}{}", here ? "" : folder + ": ", std::strerror(error)), 0);
  }
  ::setpgid(pid, pid);  // Done by the child too: whoever is first.
  ::fcntl(output[0], F_SETFL, O_NONBLOCK);
  say(ok(), pid);

  // Its end counts, not its output's: something it has left behind may hold that open.
  const auto handle = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));  // glibc's own is not C++'s until 2.37.
  std::array<pollfd, 2> awaited{pollfd{handle, POLLIN, 0}, pollfd{output[0], POLLIN, 0}};
  while (handle >= 0) {
    if (::poll(awaited.data(), awaited.size(), -1) < 0 && errno != EINTR) break;
    if ((awaited[1].revents & POLLIN) != 0)
      take_output(output[0], options.echo);
    else if (awaited[1].revents != 0)
      awaited[1].fd = -1;  // Closed.
    if (awaited[0].revents != 0) break;
  }
  siginfo_t end{};
  while (::waitid(P_PID, static_cast<id_t>(pid), &end, WEXITED | WNOWAIT) != 0 && errno == EINTR) continue;
  take_output(output[0], options.echo);
  ::close(output[0]);
  if (handle >= 0) ::close(handle);
  const std::lock_guard lock(mutex_);
  ::kill(-pid, SIGKILL);  // Until it is reaped its group's number cannot be another's.
  int status = 0;
  ::waitpid(pid, &status, 0);
  ended_ = status;
  changed_.notify_all();
}

void Process::take_output(int pipe, bool echo) {
  std::array<char, 4096> part;
  for (int parts = 0; parts < 64; ++parts) {  // Whoever never stops talking may still end.
    const ssize_t got = ::read(pipe, part.data(), part.size());
    if (got <= 0) return;
    if (echo && ::write(STDERR_FILENO, part.data(), static_cast<std::size_t>(got)) < 0) echo = false;
    const std::lock_guard lock(mutex_);
    tail_.append(part.data(), static_cast<std::size_t>(got));
    if (tail_.size() > kTail) tail_.erase(0, tail_.size() - kTail);
  }
}

void Process::signal(int number) {
  const std::lock_guard lock(mutex_);
  if (pid_ > 0 && !ended_) ::kill(-pid_, number);
}

bool Process::running() const {
  const std::lock_guard lock(mutex_);
  return !ended_;
}

bool Process::wait(Milliseconds at_most) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, at_most, [&] { return ended_.has_value(); });
}

void Process::stop(Milliseconds grace) {
  signal(SIGTERM);
  if (wait(grace)) return;
  signal(SIGKILL);
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return ended_.has_value(); });
}

bool Process::succeeded() const {
  const std::lock_guard lock(mutex_);
  return ended_ && WIFEXITED(*ended_) && WEXITSTATUS(*ended_) == 0;
}

std::string Process::state() const {
  const std::lock_guard lock(mutex_);
  std::string how = "runs";
  if (ended_ && WIFSIGNALED(*ended_))
    how = fmt::format("died of signal {} ({})", WTERMSIG(*ended_), ::strsignal(WTERMSIG(*ended_)));
  else if (ended_)
    how = fmt::format("ended with exit code {}", WEXITSTATUS(*ended_));
  const std::string said = last_lines(tail_);
  return said == "nothing" ? how + "; it said nothing" : how + "; it said last: " + said;
}

}  // namespace tidecast
