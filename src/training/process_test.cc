#include "training/process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "storage/file.h"
#include "storage/temporary_folder.h"

namespace tidecast {
namespace {

constexpr Milliseconds kLong{60'000};

std::string text_of(const std::filesystem::path& file) {
  auto text = read_file(file);
  return text.ok() ? std::move(text).value() : "";
}

std::unique_ptr<Process> shell(const std::string& script, std::vector<std::string> environment = {},
                               const std::string& folder = "/") {
  auto process = Process::start({.command = {"sh", "-c", script}, .environment = environment, .folder = folder});
  EXPECT_TRUE(process.ok()) << process.message();
  return std::move(process).value();
}

TEST(Process, SaysHowItEndedAndWhatItSaidLast) {
  const auto process = shell("echo one; echo two >&2; exit 3");
  EXPECT_TRUE(process->wait(kLong));
  EXPECT_FALSE(process->running());
  EXPECT_FALSE(process->succeeded());
  EXPECT_EQ(process->state(), "ended with exit code 3; it said last: one | two");
  const auto silent = shell("exit 0");
  EXPECT_TRUE(silent->wait(kLong) && silent->succeeded());
  EXPECT_EQ(silent->state(), "ended with exit code 0; it said nothing");
  const auto killed = shell("kill -9 $$");
  EXPECT_TRUE(killed->wait(kLong));
  EXPECT_EQ(killed->state(), "died of signal 9 (Killed); it said nothing");
}

TEST(Process, RunsInItsFolderWithItsEnvironmentOverOurs) {
  const TemporaryFolder folder;
  ::setenv("TIDECAST_OURS", "ours", 1);
  ::setenv("TIDECAST_THEIRS", "ours", 1);
  const auto process =
      shell("echo $TIDECAST_OURS $TIDECAST_THEIRS; pwd", {"TIDECAST_THEIRS=theirs"}, folder.path().string());
  EXPECT_TRUE(process->wait(kLong));
  EXPECT_EQ(process->state(), "ended with exit code 0; it said last: ours theirs | " +
                                  std::filesystem::canonical(folder.path()).string());
}

TEST(Process, KeepsTheLastOfWhatItSaysHoweverMuch) {
  const auto process = shell("i=0; while [ $i -lt 40000 ]; do echo line $i; i=$((i+1)); done");
  EXPECT_TRUE(process->wait(kLong));
  EXPECT_EQ(process->state(),
            "ended with exit code 0; it said last: line 39995 | line 39996 | line 39997 | line 39998 | line 39999");
}

TEST(Process, ThatCannotBeStartedSaysWhy) {
  const auto start = [](const std::string& program, const std::string& folder) {
    return Process::start({.command = {program}, .folder = folder}).message();
  };
  EXPECT_EQ(start("no-such-program", "/"), "no-such-program: cannot start: No such file or directory");
  EXPECT_EQ(start("/", "/"), "/: cannot start: Permission denied");
  EXPECT_EQ(start("true", "/no/such/folder"), "true: cannot start: /no/such/folder: No such file or directory");
}

TEST(Process, IsAskedToStopAndKilledIfItDoesNot) {
  const auto willing = shell("trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.01; done");
  while (willing->state().find("ready") == std::string::npos) willing->wait(1ms);
  willing->stop(kLong);
  EXPECT_TRUE(willing->succeeded()) << willing->state();  // Its own end, by its own hand.
  const auto deaf = shell("trap '' TERM; echo ready; while :; do sleep 0.01; done");
  while (deaf->state().find("ready") == std::string::npos) deaf->wait(1ms);
  deaf->stop(10ms);
  EXPECT_EQ(deaf->state(), "died of signal 9 (Killed); it said last: ready");
}

TEST(Process, LeavesNothingOfItsGroupBehind) {
  const TemporaryFolder folder;
  {
    const auto process = shell("sleep 1000 & echo $! > child; wait", {}, folder.path().string());
    while (text_of(folder.path() / "child").find('\n') == std::string::npos) process->wait(1ms);
  }
  const pid_t child = std::stoi(read_file(folder.path() / "child").value());
  // Killed; whoever inherits it may be slow to reap it.
  std::string status;
  for (int tries = 0; tries < 10'000 && ::kill(child, 0) == 0; ++tries) {
    status = text_of(fmt::format("/proc/{}/stat", child));
    if (status.find(") Z") != std::string::npos) break;
  }
  EXPECT_TRUE(::kill(child, 0) != 0 || status.find(") Z") != std::string::npos) << status;
}

}  // namespace
}  // namespace tidecast
