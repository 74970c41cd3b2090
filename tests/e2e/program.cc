#include "program.h"

#include <fcntl.h>
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
