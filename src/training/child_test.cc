#include "training/child.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <fstream>

#include "base/hash.h"
#include "storage/file.h"
#include "storage/temporary_folder.h"

namespace tidecast {
namespace {

namespace fs = std::filesystem;

// Shell scripts stand in for our binary; where they must meet the test, they do so at a named pipe.
class TrainingChildTest : public testing::Test {
 protected:
  TrainingChildTest() {
    job.series.values = {1, 2, 3};
    CHECK(::mkfifo(pipe.c_str(), 0600) == 0);
  }

  std::unique_ptr<TrainingChild> start(const std::string& script) {
    const fs::path binary = temporary.path() / "binary";
    std::ofstream(binary) << "#!/bin/sh\n" << script << "\n";
    fs::permissions(binary, fs::perms::owner_all);
    return TrainingChild::start(binary, job, folder).value();
  }

  // What the script wrote into the pipe by one `echo`; blocks until it does.
  std::string heard() const {
    std::string line;
    std::getline(std::ifstream(pipe) >> std::ws, line);
    return line;
  }
  void say(const std::string& text) const { std::ofstream(pipe) << text << std::endl; }

  TemporaryFolder temporary;
  const fs::path folder = temporary.path() / "run 17";
  const fs::path pipe = temporary.path() / "pipe";
  TrainingJob job;
};

JobResult refit_result() {
  JobResult result;
  result.kind = JobKind::kRefit;
  result.artefact = "weights";
  result.artefact_hash = sha256_hex("weights");
  result.best_step = 125;
  return result;
}

TEST_F(TrainingChildTest, HandsTheResultOver) {
  const fs::path prepared = temporary.path() / "prepared";
  ASSERT_TRUE(write_result(refit_result(), prepared).ok());
  const auto child = start("cp '" + prepared.string() + "'/* \"$2\"");
  const auto result = child->wait();
  ASSERT_TRUE(result.ok()) << result.message();
  EXPECT_EQ(result->artefact, "weights");
  EXPECT_EQ(result->best_step, 125);
  EXPECT_TRUE(child->finished());
  EXPECT_TRUE(child->wait().ok());  // Asked again, it answers the same.
}

TEST_F(TrainingChildTest, GetsTheJobAndTheFolder) {
  const auto child = start("test \"$1\" = train-job && test -s \"$2/job.json\" && echo \"told $2\" && exit 3");
  EXPECT_FALSE(child->wait().ok());
  EXPECT_EQ(read_file(folder / "log").value(), "told " + folder.string() + "\n");
  EXPECT_EQ(read_job(folder / "job.json").value().series.values, job.series.values);
}

TEST_F(TrainingChildTest, ThatEndsWithAnErrorIsReportedWithTheEndOfItsLog) {
  const auto child = start("for i in 1 2 3 4 5 6; do echo line $i >&2; done; echo no memory >&2; exit 3");
  const auto result = child->wait();
  EXPECT_EQ(result.code(), Code::kInternal);
  EXPECT_TRUE(result.message().ends_with("ended with exit code 3; the end of " + (folder / "log").string() +
                                         ": line 3 | line 4 | line 5 | line 6 | no memory"))
      << result.message();
}

TEST_F(TrainingChildTest, ThatCrashesIsReportedWithItsSignal) {
  const auto child = start("kill -SEGV $$");
  const auto result = child->wait();
  EXPECT_EQ(result.code(), Code::kInternal);
  EXPECT_NE(result.message().find("died of signal 11 (Segmentation fault)"), std::string::npos) << result.message();
  EXPECT_TRUE(result.message().ends_with(": nothing")) << result.message();
}

TEST_F(TrainingChildTest, ThatLeavesNoResultIsAnError) {
  const auto result = start("exit 0")->wait();
  EXPECT_EQ(result.code(), Code::kInternal);
  EXPECT_NE(result.message().find("left no result"), std::string::npos) << result.message();
}

TEST_F(TrainingChildTest, DoesNotTakeTheResultOfAnEarlierAttemptForItsOwn) {
  ASSERT_TRUE(write_result(refit_result(), folder).ok());
  EXPECT_FALSE(start("exit 0")->wait().ok());
}

TEST_F(TrainingChildTest, IsFinishedOnceItHasEnded) {
  const auto child = start("read line < '" + pipe.string() + "'");
  EXPECT_FALSE(child->finished());
  say("go on");
  EXPECT_FALSE(child->wait().ok());
  EXPECT_TRUE(child->finished());
}

TEST_F(TrainingChildTest, ThatIsCancelledEnds) {
  const auto child = start("read line < '" + pipe.string() + "'");
  child->cancel();
  EXPECT_EQ(child->wait().code(), Code::kCancelled);
  child->cancel();  // Of one that has ended: nothing.
  EXPECT_EQ(child->wait().code(), Code::kCancelled);
}

TEST_F(TrainingChildTest, ThatWillNotEndIsKilledWhenItsOwnerGoes) {
  auto child = start("trap '' TERM; echo $$ > '" + pipe.string() + "'; read line < '" + pipe.string() + "'");
  const int pid = std::stoi(heard());
  child->cancel();
  ASSERT_EQ(::kill(pid, 0), 0);
  child.reset();
  EXPECT_EQ(::kill(pid, 0), -1);  // Dead and reaped: nobody has this number.
  EXPECT_EQ(errno, ESRCH);
}

TEST_F(TrainingChildTest, InheritsNoOpenFile) {
  const int open_in_parent = ::dup2(STDOUT_FILENO, 200);  // Without close-on-exec.
  ASSERT_EQ(open_in_parent, 200);
  const auto child = start("test -e /proc/$$/fd/1 && test ! -e /proc/$$/fd/200 && echo none");
  std::ignore = child->wait();
  ::close(open_in_parent);
  EXPECT_EQ(read_file(folder / "log").value(), "none\n");
}

TEST_F(TrainingChildTest, WhoseBinaryIsMissingCannotBeStarted) {
  const auto child = TrainingChild::start(temporary.path() / "absent", job, folder);
  EXPECT_EQ(child.code(), Code::kInternal);
  EXPECT_EQ(child.message(), (temporary.path() / "absent").string() + ": cannot start: No such file or directory");
}

// Runs `work` in a child of ours and returns its exit code.
template <typename Work>
int in_a_child(Work work) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(work());
  int status = 0;
  CHECK(::waitpid(pid, &status, 0) == pid && WIFEXITED(status));
  return WEXITSTATUS(status);
}

TEST(BecomeTrainingChild, LowersThePriority) {
  EXPECT_EQ(in_a_child([] {
              become_training_child();
              return ::getpriority(PRIO_PROCESS, 0);
            }),
            std::max(10, ::getpriority(PRIO_PROCESS, 0)));
}

TEST(BecomeTrainingChild, MakesItDieWithItsParent) {
  int alive[2], ready[2];  // The grandchild holds the writing end of `alive` until it dies.
  ASSERT_EQ(::pipe2(alive, O_CLOEXEC), 0);
  ASSERT_EQ(::pipe2(ready, O_CLOEXEC), 0);
  in_a_child([&] {
    if (::fork() == 0) {
      become_training_child();
      if (::write(ready[1], "!", 1) != 1) ::_exit(1);
      for (;;) ::pause();
    }
    char mark;
    return ::read(ready[0], &mark, 1) == 1 ? 0 : 1;  // And ends, leaving the grandchild behind.
  });
  ::close(alive[1]);
  char byte;
  EXPECT_EQ(::read(alive[0], &byte, 1), 0);  // The end of the pipe: nobody holds it any more.
  for (const int fd : {alive[0], ready[0], ready[1]}) ::close(fd);
}

TEST(TrainJobMain, SaysWhatIsWrongAndEndsWithAnError) {
  const TemporaryFolder folder;
  EXPECT_EQ(in_a_child([&] {
              ::dup2(::open((folder.path() / "log").c_str(), O_WRONLY | O_CREAT, 0600), STDERR_FILENO);
              return train_job_main(folder.path());
            }),
            1);
  const std::string log = read_file(folder.path() / "log").value();
  const std::string reason = (folder.path() / "job.json").string() + ": cannot open: No such file or directory";
  EXPECT_NE(log.find(reason), std::string::npos) << log;
}

// A daily wave by the hour, small enough to learn in a moment.
TrainingJob small_job() {
  TrainingJob job;
  job.run = "17";
  job.series_name = "wave";
  job.series = {EventTime::from_ms(1'778'025'600'000), 1h, {}};
  for (int hour = 0; hour < 360; ++hour)
    job.series.values.push_back(100 + 30 * std::sin(hour * 6.283185307179586 / 24));
  job.windows = 5;
  job.paths = 20;
  job.options.horizon = 6;
  job.options.steps = 10;
  job.options.batch = 4;
  job.options.cells = 4;
  job.options.layers = 1;
  return job;
}

TEST(TrainJobMain, LeavesTheSameResultAsTheWorkInThisProcess) {
  TrainingJob job = small_job();
  for (const JobKind kind : {JobKind::kJudge, JobKind::kRefit}) {
    SCOPED_TRACE(name_of(kind));
    const TemporaryFolder folder;
    job.kind = kind;
    ASSERT_TRUE(write_job(job, folder.path() / "job.json").ok());
    ASSERT_EQ(in_a_child([&] { return train_job_main(folder.path()); }), 0);
    const auto there = read_result(folder.path());
    ASSERT_TRUE(there.ok()) << there.message();
    const auto here = run_job(job, folder.path() / "here");
    ASSERT_TRUE(here.ok()) << here.message();
    EXPECT_EQ(there->artefact_hash, here->artefact_hash);
    EXPECT_EQ(there->data_hash, here->data_hash);
    EXPECT_EQ(there->best_step, here->best_step);
    EXPECT_EQ(there->train_loss, here->train_loss);
    EXPECT_EQ(there->backtest.has_value(), kind == JobKind::kJudge);
    ASSERT_EQ(there->backtest.has_value(), here->backtest.has_value());
    if (here->backtest) {
      EXPECT_EQ(there->backtest->loss, here->backtest->loss);
      EXPECT_EQ(there->backtest->loss_point_90, here->backtest->loss_point_90);
      EXPECT_EQ(there->backtest->windows.size(), 5u);
    }
    job.judged_artefact = there->artefact;
  }
}

TEST(TrainJobMain, GoesOnWhereItWasKilledAndEndsInTheSameModel) {
  TrainingJob job = small_job();
  job.options.steps = 600;
  std::string state;
  const TrainingCheckpoints killed{.load = {}, .save = [&](int, std::string_view bytes) -> Status {
                                     state = bytes;
                                     return cancelled("killed");
                                   }};
  ASSERT_EQ(run_job(job, "unused", {}, killed).code(), Code::kCancelled);
  const TemporaryFolder folder;
  ASSERT_TRUE(write_job(job, folder.path() / "job.json").ok());
  const fs::path checkpoint = folder.path() / "checkpoint-0.safetensors";
  ASSERT_TRUE(write_file_atomically(checkpoint, state).ok());
  ASSERT_EQ(in_a_child([&] {
              ::dup2(::open((folder.path() / "log").c_str(), O_WRONLY | O_CREAT, 0600), STDERR_FILENO);
              return train_job_main(folder.path());
            }),
            0);
  const std::string log = read_file(folder.path() / "log").value();
  EXPECT_NE(log.find("250 steps were done before"), log.npos) << log;
  EXPECT_EQ(read_result(folder.path())->artefact_hash, run_job(job, "unused")->artefact_hash);
  EXPECT_FALSE(fs::exists(checkpoint)) << "no longer needed";
}

}  // namespace
}  // namespace tidecast
