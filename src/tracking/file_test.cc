// What holds when things go wrong: transactions that fail, processes that die, files that are damaged.
#include "tracking/file.h"

#include <gtest/gtest.h>

#include "storage/file.h"
#include "tracking/tracking_testing.h"

namespace tidecast {
namespace {

// ---- Transactions ---------------------------------------------------------------------------------------------------

TEST(Transaction, HoldsManyChangesAndShowsThemBeforeItsEnd) {
  const TemporaryFolder folder;
  auto tracking = open(folder);
  ASSERT_TRUE(tracking->begin().ok());
  for (int minute = 0; minute < 100; ++minute) ASSERT_TRUE(tracking->put(forecast_at(minute)).ok());
  ASSERT_TRUE(tracking->put(score_at(0)).ok());
  EXPECT_EQ(must(tracking->unscored_forecasts()).size(), 99u);
  ASSERT_TRUE(tracking->set_state("now", 1).ok());
  EXPECT_TRUE(must(tracking->state("now")));
  EXPECT_TRUE(must(open(folder)->forecasts("production", 1)).empty());  // Another reader sees what was committed.
  ASSERT_TRUE(tracking->end().ok());
  EXPECT_EQ(open(folder)->forecasts_made("production"), 100u);
}

TEST(Transaction, DoesNotNestAndHasABeginning) {
  const TemporaryFolder folder;
  auto tracking = open(folder);
  EXPECT_EQ(tracking->end().code(), Code::kFailedPrecondition);
  ASSERT_TRUE(tracking->begin().ok());
  EXPECT_EQ(tracking->begin().code(), Code::kFailedPrecondition);
  ASSERT_TRUE(tracking->put(forecast_at(1)).ok());
  ASSERT_TRUE(tracking->end().ok());
  EXPECT_EQ(tracking->end().code(), Code::kFailedPrecondition);
  EXPECT_EQ(tracking->forecasts_made("production"), 1u);
}

TEST(Transaction, ThatFailsAnywhereIsUndoneAsAWholeAndSaysWhy) {
  const TemporaryFolder folder;
  auto tracking = open(folder);
  ASSERT_TRUE(tracking->put(forecast_at(0)).ok());
  ASSERT_TRUE(tracking->begin().ok());
  ASSERT_TRUE(tracking->put(forecast_at(1)).ok());
  Forecast wrong = forecast_at(2);
  wrong.naive.clear();
  const Status first = tracking->put(wrong);
  EXPECT_EQ(first.code(), Code::kInvalidArgument);
  EXPECT_EQ(tracking->put(forecast_at(3)).message(), first.message());
  EXPECT_EQ(tracking->set_state("now", 1).message(), first.message());
  EXPECT_EQ(tracking->add_run({}).message(), first.message());
  const Status end = tracking->end();
  EXPECT_EQ(end.code(), Code::kInvalidArgument);
  EXPECT_EQ(end.message(), first.message());

  EXPECT_EQ(origins_of(must(tracking->forecasts("production", 9))), "0");
  EXPECT_EQ(tracking->forecasts_made("production"), 1u);
  EXPECT_FALSE(must(tracking->state("now")));
  ASSERT_TRUE(tracking->put(forecast_at(4)).ok());  // And it goes on.
  ASSERT_TRUE(tracking->begin().ok());
  ASSERT_TRUE(tracking->put(forecast_at(5)).ok());
  ASSERT_TRUE(tracking->end().ok());
  EXPECT_EQ(origins_of(must(open(folder)->forecasts("production", 9))), "0 4 5");
}

TEST(Transaction, ARunThatIsNotThereFailsItToo) {
  const TemporaryFolder folder;
  auto tracking = open(folder);
  tidecast::Run run;
  run.id = 5;
  ASSERT_TRUE(tracking->begin().ok());
  ASSERT_TRUE(tracking->put(score_at(1)).ok());
  EXPECT_EQ(tracking->update_run(run).code(), Code::kNotFound);
  EXPECT_EQ(tracking->end().code(), Code::kNotFound);
  EXPECT_TRUE(must(tracking->all_scores()).empty());
}

TEST(Transaction, AFailedReadDoesNotFailIt) {
  const TemporaryFolder folder;
  auto tracking = open(folder);
  ASSERT_TRUE(tracking->begin().ok());
  ASSERT_TRUE(tracking->put(forecast_at(1)).ok());
  EXPECT_EQ(tracking->run(7).code(), Code::kNotFound);
  ASSERT_TRUE(tracking->end().ok());
  EXPECT_EQ(tracking->forecasts_made("production"), 1u);
}

TEST(Transaction, OfAnotherWriterIsWaitedForAndThenReported) {
  const TemporaryFolder folder;
  auto tracking = open(folder);
  auto other = must(sqlite::Database::open(folder.path() / "tracking.db"));
  ASSERT_TRUE(other.exec("BEGIN IMMEDIATE").ok());
  auto impatient = must(sqlite::Database::open(folder.path() / "tracking.db", {.busy_timeout_ms = 0}));
  EXPECT_EQ(impatient.exec("BEGIN IMMEDIATE").code(), Code::kFailedPrecondition);
  EXPECT_TRUE(must(tracking->runs()).empty());  // Readers do not wait.
  ASSERT_TRUE(other.exec("ROLLBACK").ok());
  EXPECT_TRUE(tracking->put(forecast_at(1)).ok());
}

// ---- Processes that die ---------------------------------------------------------------------------------------------

// The files as a crash at this moment would leave them.
void copy_files(const TemporaryFolder& from, const TemporaryFolder& to) {
  for (const char* file : {"tracking.db", "tracking.db-wal"})
    std::filesystem::copy_file(from.path() / file, to.path() / file, std::filesystem::copy_options::overwrite_existing);
}

TEST(Crash, LeavesWhatWasCommittedAndNothingOfAnOpenTransaction) {
  const TemporaryFolder folder, after;
  auto tracking = open(folder);
  ASSERT_TRUE(tracking->begin().ok());
  for (int minute = 0; minute < 50; ++minute) ASSERT_TRUE(tracking->put(forecast_at(minute)).ok());
  ASSERT_TRUE(tracking->set_state("through", 49).ok());
  ASSERT_TRUE(tracking->end().ok());
  ASSERT_TRUE(tracking->begin().ok());
  for (int minute = 50; minute < 5000; ++minute) ASSERT_TRUE(tracking->put(forecast_at(minute)).ok());
  for (int minute = 0; minute < 10; ++minute) ASSERT_TRUE(tracking->put(score_at(minute)).ok());
  ASSERT_TRUE(tracking->set_state("through", 4999).ok());
  copy_files(folder, after);

  const auto survivor = open(after);
  EXPECT_EQ(survivor->forecasts_made("production"), 50u);
  EXPECT_EQ(must(survivor->unscored_forecasts()).size(), 50u);
  EXPECT_TRUE(must(survivor->all_scores()).empty());
  EXPECT_EQ(to_text(*must(survivor->state("through"))), "49");
  ASSERT_TRUE(survivor->put(forecast_at(50)).ok());  // Made up again.
}

TEST(Crash, ThatCutsTheJournalLeavesWholeTransactionsFromTheBeginning) {
  const TemporaryFolder folder;
  auto tracking = open(folder);
  for (int batch = 0; batch < 20; ++batch) {
    ASSERT_TRUE(tracking->begin().ok());
    for (int minute = 5 * batch; minute < 5 * batch + 5; ++minute) ASSERT_TRUE(tracking->put(forecast_at(minute)).ok());
    ASSERT_TRUE(tracking->set_state("batches", batch + 1).ok());
    ASSERT_TRUE(tracking->end().ok());
  }
  const auto journal = std::filesystem::file_size(folder.path() / "tracking.db-wal");
  std::uint64_t most = 0;
  for (int part = 1; part < 12; ++part) {
    const TemporaryFolder cut;
    copy_files(folder, cut);
    std::filesystem::resize_file(cut.path() / "tracking.db-wal", journal * static_cast<unsigned>(part) / 12);
    const auto survivor = open(cut);
    const auto batches = must(survivor->state("batches"));
    const std::uint64_t made = survivor->forecasts_made("production");
    EXPECT_EQ(made, 5u * (batches ? batches->to_number<std::uint64_t>() : 0u)) << part;
    EXPECT_GE(made, most);
    most = made;
  }
  EXPECT_GT(most, 0u);
}

TEST(Crash, WithoutAnEndOfTheProgramLosesNoKindOfCommittedChange) {
  const TemporaryFolder folder, after;
  auto tracking = open(folder);
  const auto survivor = [&] {
    std::filesystem::remove(after.path() / "tracking.db-shm");
    copy_files(folder, after);
    return open(after);
  };
  ASSERT_TRUE(tracking->add_run({}).ok());
  EXPECT_EQ(must(survivor()->runs()).size(), 1u);
  tidecast::Run run = must(tracking->run(1));
  run.outcome = RunOutcome::kFailed;
  ASSERT_TRUE(tracking->update_run(run).ok());
  EXPECT_EQ(must(survivor()->run(1)).outcome, RunOutcome::kFailed);
  ASSERT_TRUE(tracking->put(forecast_at(1)).ok());
  EXPECT_EQ(must(survivor()->unscored_forecasts()).size(), 1u);
  ASSERT_TRUE(tracking->put(score_at(1)).ok());
  EXPECT_EQ(must(survivor()->all_scores()).size(), 1u);
  EXPECT_EQ(must(survivor()->unscored_forecasts()).size(), 0u);
  ASSERT_TRUE(tracking->put(Evaluation{.stage = "s", .version = 1, .at = knew(1), .loss = {}}).ok());
  EXPECT_EQ(must(survivor()->evaluations("s")).size(), 1u);
  ASSERT_TRUE(tracking->put(AlarmChange{"a", "ALARM", knew(1), {}, 1, "b"}).ok());
  EXPECT_EQ(must(survivor()->alarm_changes()).size(), 1u);
  ASSERT_TRUE(tracking->put(TimelineEvent{knew(1), "a", "b", "c"}).ok());
  EXPECT_EQ(must(survivor()->timeline()).size(), 1u);
  ASSERT_TRUE(tracking->set_state("a", true).ok());
  EXPECT_TRUE(must(survivor()->state("a")));
}

// ---- Files that are wrong -------------------------------------------------------------------------------------------

TEST(TrackingFile, OfANewerProgramIsRefused) {
  const TemporaryFolder folder;
  open(folder);
  ASSERT_TRUE(must(sqlite::Database::open(folder.path() / "tracking.db")).exec("PRAGMA user_version = 9").ok());
  const auto tracking = Tracking::open(folder.path());
  EXPECT_EQ(tracking.code(), Code::kFailedPrecondition);
  const char* expected = "tracking.db: written by a newer program: format 9; this program knows 1";
  EXPECT_NE(tracking.message().find(expected), std::string::npos) << tracking.message();
}

TEST(TrackingFile, ThatIsNoDatabaseIsDataLossAndNamed) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_file_atomically(folder.path() / "tracking.db", std::string(8192, 'x')).ok());
  const auto tracking = Tracking::open(folder.path());
  EXPECT_EQ(tracking.code(), Code::kDataLoss);
  EXPECT_NE(tracking.message().find("tracking.db"), std::string::npos) << tracking.message();
}

TEST(TrackingFile, WithADamagedPageFailsTheReadsThatNeedItAndIsNamed) {
  const TemporaryFolder folder;
  {
    auto tracking = open(folder);
    ASSERT_TRUE(tracking->begin().ok());
    for (int minute = 0; minute < 1000; ++minute) ASSERT_TRUE(tracking->put(forecast_at(minute)).ok());
    ASSERT_TRUE(tracking->end().ok());
  }
  std::string bytes = must(read_file(folder.path() / "tracking.db"));
  for (std::size_t at = 20 * 4096; at < bytes.size(); at += 4096) bytes.replace(at, 64, std::string(64, '\x5a'));
  ASSERT_TRUE(write_file_atomically(folder.path() / "tracking.db", bytes).ok());
  auto tracking = Tracking::open(folder.path());
  const Status status = tracking.ok() ? (*tracking)->unscored_forecasts().status() : tracking.status();
  EXPECT_EQ(status.code(), Code::kDataLoss);
  EXPECT_NE(status.message().find("tracking.db"), std::string::npos) << status.message();
}

TEST(TrackingFile, WithValuesThatNobodyWroteSaysWhich) {
  const TemporaryFolder folder;
  {
    auto tracking = open(folder);
    ASSERT_TRUE(tracking->add_run({}).ok());
    ASSERT_TRUE(tracking->put(forecast_at(1)).ok());
    ASSERT_TRUE(tracking->put(score_at(2)).ok());
    ASSERT_TRUE(tracking->set_state("now", 1).ok());
  }
  const auto damaged = [&](const char* sql) {
    EXPECT_TRUE(must(sqlite::Database::open(folder.path() / "tracking.db")).exec(sql).ok()) << sql;
    return open(folder);
  };
  const auto expect = [](const Status& status, std::string_view message) {
    EXPECT_EQ(status.code(), Code::kDataLoss);
    EXPECT_NE(status.message().find(message), std::string::npos) << status.message();
  };
  expect(damaged("UPDATE run SET outcome = 'great'")->run(1).status(), "run 1: \"great\" is no outcome of a run");
  expect(damaged("UPDATE run SET outcome = 'failed', metrics = '[1'")->runs().status(), "run 1: ");
  expect(damaged("UPDATE run SET metrics = '[1]'")->runs().status(), "run 1: not a JSON object: [1]");
  expect(damaged("UPDATE forecast SET numbers = x'0100'")->unscored_forecasts().status(),
         "forecast of tx.fee by production 1 at 2025-05-06T12:01:00Z: row 0");
  expect(damaged("UPDATE forecast SET numbers = x'00000000'")->forecasts("production", 1).status(),
         "1 rows of numbers");
  expect(damaged("UPDATE score SET quantile_losses = x'00'")->all_scores().status(),
         "score of tx.fee by production 1: row 0");
  expect(damaged("UPDATE state SET value = '{'")->state("now").status(), "state now: ");
}

}  // namespace
}  // namespace tidecast
