#include "program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

extern char** environ;

namespace tidecast::e2e {
namespace {

pid_t spawn(const std::vector<std::string>& arguments, const std::filesystem::path& out,
            const std::filesystem::path& err) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  std::vector<std::string> words{TIDECAST_BINARY};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t process = 0;
  const int error = posix_spawn(&process, TIDECAST_BINARY, &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::runtime_error("cannot start " TIDECAST_BINARY);
  return process;
}

int code_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

}  // namespace

Finished tidecast(const std::vector<std::string>& arguments) {
  const Folder folder;
  const pid_t process = spawn(arguments, folder / "out", folder / "err");
  int status = 0;
  ::waitpid(process, &status, 0);
  return {code_of(status), read(folder / "out"), read(folder / "err")};
}

pid_t start(const std::vector<std::string>& arguments) { return spawn(arguments, "/dev/null", "/dev/null"); }

bool wait_or_kill(pid_t process, long microseconds) {
  // SIGCHLD is waited for as a signal, so that the process's own end wakes us at once.
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  sigset_t before;
  ::pthread_sigmask(SIG_BLOCK, &child, &before);
  const timespec limit{microseconds / 1'000'000, microseconds % 1'000'000 * 1000};
  int status = 0;
  bool ended = ::waitpid(process, &status, WNOHANG) == process;
  if (!ended) {
    ::sigtimedwait(&child, nullptr, &limit);
    ended = ::waitpid(process, &status, WNOHANG) == process;
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (ended) return true;
  ::kill(process, SIGKILL);
  ::waitpid(process, &status, 0);
  return false;
}

std::string own_binary() { return TIDECAST_BINARY; }

Running::Running(const std::string& binary, std::vector<std::string> arguments, std::vector<std::string> environment) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  pipe_ = ends[0];
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
  arguments.insert(arguments.begin(), binary);
  for (char** variable = environ; *variable != nullptr; ++variable) environment.emplace_back(*variable);
  std::vector<char*> argv, envp;
  for (std::string& word : arguments) argv.push_back(word.data());
  for (std::string& variable : environment) envp.push_back(variable.data());
  argv.push_back(nullptr);
  envp.push_back(nullptr);
  const int error = ::posix_spawn(&process_, binary.c_str(), &actions, nullptr, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (error != 0) throw std::runtime_error("cannot start " + binary);
}

Running::~Running() {
  if (process_ > 0) {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
  ::close(pipe_);
}

bool Running::read_more(std::chrono::steady_clock::time_point until) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
  pollfd ready{pipe_, POLLIN, 0};
  if (left.count() <= 0 || ::poll(&ready, 1, static_cast<int>(left.count())) <= 0) return false;
  char buffer[4096];
  const ssize_t count = ::read(pipe_, buffer, sizeof buffer);
  if (count > 0) all_.append(buffer, static_cast<std::size_t>(count));
  silent_ = count <= 0;
  return count > 0;
}

std::optional<std::string> Running::line_with(std::string_view text, std::chrono::milliseconds within) {
  const auto until = std::chrono::steady_clock::now() + within;
  do {
    for (std::size_t end; (end = all_.find('\n', taken_)) != std::string::npos;) {
      const std::string line = all_.substr(taken_, end - taken_);
      taken_ = end + 1;
      if (const std::size_t at = line.find(text); at != std::string::npos) return line.substr(at + text.size());
    }
  } while (read_more(until));
  return std::nullopt;
}

void Running::signal(int number) const { ::kill(process_, number); }

std::optional<int> Running::end(std::chrono::milliseconds within) {
  const auto until = std::chrono::steady_clock::now() + within;
  while (read_more(until)) continue;  // Its output ends when it does.
  int status = 0;
  if (::waitpid(process_, &status, silent_ ? 0 : WNOHANG) != process_) return std::nullopt;
  process_ = 0;
  return code_of(status);
}

Folder::Folder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "tidecast-e2e-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make a temporary folder");
  path_ = pattern;
}
Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void write(const std::filesystem::path& file, const std::string& text) {
  std::ofstream(file, std::ios::binary) << text;
}

std::string read(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string archive(const std::filesystem::path& data) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(data / "raw"))
    if (entry.path().extension() == ".zst") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::string all;
  for (const auto& file : files) {
    const std::string packed = read(file);
    ZSTD_inBuffer in{packed.data(), packed.size(), 0};
    ZSTD_DCtx* context = ZSTD_createDCtx();
    std::string buffer(ZSTD_DStreamOutSize(), '\0');
    while (in.pos < in.size) {
      ZSTD_outBuffer out{buffer.data(), buffer.size(), 0};
      if (ZSTD_isError(ZSTD_decompressStream(context, &out, &in)))
        throw std::runtime_error(file.string() + " is damaged");
      all.append(buffer.data(), out.pos);
    }
    ZSTD_freeDCtx(context);
  }
  return all;
}

std::string definition(int minutes, const std::string& source_keys, const std::string& more) {
  const std::string data = std::string(TIDECAST_ROOT) + "/data/bitcoin/";
  return "project: e2e\n"
         "sources:\n"
         "  - name: recording\n"
         "    kind: recording\n"
         "    bodies: " +
         data +
         "blockchain_info_transactions_1020.ndjson.zst\n"
         "    schedule: " +
         data +
         "schedule_7d.csv.zst\n"
         "    first_minute: 2880\n"
         "    minutes: " +
         std::to_string(minutes) + "\n" + source_keys +
         "event:\n"
         "  id: /hash\n"
         "  time: { from: /time, unit: s }\n"
         "  fields:\n"
         "    fee:  { from: /fee, type: integer, unit: satoshi }\n"
         "  deduplicate_for: 3h\n"
         "  max_ahead: 10min\n"
         "features:\n"
         "  - group: tx_metrics\n"
         "    window: 1min\n"
         "    lateness: 60s\n"
         "    columns:\n"
         "      total_nb_trx_1min: count()\n"
         "      total_fee_1min: sum(fee)\n"
         "      avg_fee_1min: avg(fee)\n" +
         more;
}

}  // namespace tidecast::e2e
