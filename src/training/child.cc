#include "training/child.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <system_error>

#include "base/log.h"
#include "storage/file.h"
#include "training/process.h"

namespace tidecast {
namespace {

namespace fs = std::filesystem;

constexpr int kNiceness = 10;
constexpr const char* kLogFile = "log";
constexpr const char* kProgramFolder = "program";

// The last lines of the child's log, on one line, for an error that a person reads.
std::string last_lines_of(const fs::path& log) {
  const auto text = read_file(log);
  return text.ok() ? last_lines(*text) : text.message();
}

class SpawnedChild final : public TrainingChild {
 public:
  SpawnedChild(pid_t pid, fs::path folder) : pid_(pid), folder_(std::move(folder)) {}

  ~SpawnedChild() override {
    if (finished()) return;
    ::kill(-pid_, SIGKILL);  // Its process group: itself and whatever it started.
    reap(0);
  }

  bool finished() override {
    if (!ended_) reap(WNOHANG);
    return ended_;
  }

  Result<JobResult> wait() override {
    if (!ended_) reap(0);
    if (!wait_status_) return internal_error("training child {}: its exit status was taken by someone else", pid_);
    const int status = *wait_status_;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return result();
    if (cancelled_) return cancelled("training child {} was cancelled", pid_);
    const int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    const std::string how = signal != 0 ? fmt::format("died of signal {} ({})", signal, strsignal(signal))
                                        : fmt::format("ended with exit code {}", WEXITSTATUS(status));
    return internal_error("training child {} {}; the end of {}: {}", pid_, how, (folder_ / kLogFile).string(),
                          last_lines_of(folder_ / kLogFile));
  }

  void cancel() override {
    if (finished()) return;
    cancelled_ = true;
    ::kill(-pid_, SIGTERM);
  }

 private:
  Result<JobResult> result() const {
    auto result = read_result(folder_);
    if (result.code() == Code::kNotFound)
      return internal_error("training child {} ended well but left no result: {}", pid_, result.message());
    return result;
  }

  // The status comes once only: keeps it.  Until then the process id cannot belong to anyone else.
  void reap(int flags) {
    int status = 0;
    pid_t reaped = 0;
    do reaped = ::waitpid(pid_, &status, flags);
    while (reaped < 0 && errno == EINTR);
    if (reaped == 0) return;
    ended_ = true;
    if (reaped == pid_) wait_status_ = status;
  }

  const pid_t pid_;
  const fs::path folder_;
  bool ended_ = false;
  bool cancelled_ = false;
  std::optional<int> wait_status_;  // Set once ended_, unless it was taken by someone else.
};

// Starts `binary train-job folder` in its own process group with nothing of ours: no files but /dev/null and the
// log, no blocked or ignored signals.
Result<pid_t> spawn(const fs::path& binary, const fs::path& folder) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  CHECK(posix_spawn_file_actions_init(&files) == 0 && posix_spawnattr_init(&attributes) == 0);
  const std::string log = folder / kLogFile;
  constexpr int kNewLog = O_WRONLY | O_CREAT | O_TRUNC | O_APPEND;
  int error = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  if (!error) error = posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, log.c_str(), kNewLog, 0644);
  if (!error) error = posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
  if (!error) error = posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);

  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  if (!error) error = posix_spawnattr_setsigmask(&attributes, &none);
  if (!error) error = posix_spawnattr_setsigdefault(&attributes, &all);
  if (!error) error = posix_spawnattr_setpgroup(&attributes, 0);
  constexpr short kAllOfThese = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP;
  if (!error) error = posix_spawnattr_setflags(&attributes, kAllOfThese);

  std::string program = binary, command = "train-job", argument = folder;
  char* arguments[] = {program.data(), command.data(), argument.data(), nullptr};
  pid_t pid = 0;
  if (!error) error = posix_spawn(&pid, program.c_str(), &files, &attributes, arguments, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (error) return internal_error("{}: cannot start: {}", program, std::strerror(error));
  return pid;
}

fs::path checkpoint_file(const fs::path& folder, int member) {
  return folder / fmt::format("checkpoint-{}.safetensors", member);
}

Status train_job(const fs::path& folder) {
  const TrainingJob job = TRY(read_job(folder / "job.json"));
  int reported = 0;
  const auto progress = [&](int step, int steps, double loss) {
    if (const int tenth = steps > 0 ? 10 * step / steps : 0; tenth > reported) {
      reported = tenth;
      log_info("training", "run {}, {}: step {} of {}, loss {:.4f}", job.run, name_of(job.kind), step, steps, loss);
    }
    return true;
  };
  bool found = false;
  const TrainingCheckpoints checkpoints{
      .load =
          [&](int member) {
            auto state = read_file(checkpoint_file(folder, member));
            if (!state.ok()) return std::string();  // There is none, or it cannot be read: begun anew.
            found = true;
            return std::move(*state);
          },
      .save = [&](int member,
                  std::string_view state) { return write_file_atomically(checkpoint_file(folder, member), state); }};
  const JobResult result = TRY(run_job(job, folder / kProgramFolder, progress, checkpoints));
  if (found)
    log_info("training", "run {}: {}", job.run,
             result.resumed > 0 ? fmt::format("{} steps were done before", result.resumed)
                                : "the checkpoints were damaged or of another training; begun anew");
  TRY(write_result(result, folder));
  std::error_code ignored;  // What is left of them harms nobody.
  for (int member = 0; fs::remove(checkpoint_file(folder, member), ignored); ++member) {
  }
  fs::remove_all(folder / kProgramFolder, ignored);  // Its model is in the artefact.
  return ok();
}

}  // namespace

Result<std::unique_ptr<TrainingChild>> TrainingChild::start(const fs::path& binary, const TrainingJob& job,
                                                            const fs::path& folder) {
  TRY(make_folders(folder));
  std::error_code error;
  for (const char* old : {"result.json", "backtest.json", "model"})
    if (fs::remove(folder / old, error); error)
      return unavailable("{}: cannot remove: {}", (folder / old).string(), error.message());
  TRY(write_job(job, folder / "job.json"));
  const pid_t pid = TRY(spawn(binary, folder));
  return std::unique_ptr<TrainingChild>(new SpawnedChild(pid, folder));
}

void become_training_child() {
  ::setpriority(PRIO_PROCESS, 0, kNiceness);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
}

int train_job_main(const fs::path& folder) {
  become_training_child();
  set_log_level(LogLevel::kInfo);
  const Status status = train_job(folder);
  if (status.ok()) return 0;
  log_error("training", "{}", status.message());
  return 1;
}

}  // namespace tidecast
