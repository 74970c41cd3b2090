#include "registry/history.h"

#include <gtest/gtest.h>

#include "base/hash.h"
#include "registry/registry_testing.h"
#include "storage/file.h"
#include "storage/sqlite.h"

namespace tidecast {
namespace {

TEST(RegistryLog, TellsWhoDidWhatWhenAndWhy) {
  const TemporaryFolder folder;
  auto registry = open(folder);
  live(*registry);
  const auto log = must(registry->log());
  ASSERT_EQ(log.size(), 12u);
  std::string text;
  for (const Transition& row : log)
    text += fmt::format("{} {} {}{} by {}: {}\n", row.number, row.what, row.version,
                        row.stage.empty() ? "" : " " + row.stage, row.actor, row.why);
  EXPECT_EQ(text,
            "1 threshold 0 by scheduler: initial value of the definition\n"
            "2 register 1 by scheduler: run-1\n"
            "3 approve 1 by auto: gate passed\n"
            "4 deploy 1 staging by auto: gate passed\n"
            "5 deploy 1 production by auto: gate passed\n"
            "6 threshold 0 by auto: model 1 in production\n"
            "7 register 2 by scheduler: run-2\n"
            "8 reject 2 by cli:bert: worse \"by eye\"\n"
            "9 register 3 by scheduler: run-3\n"
            "10 approve 3 by cli:anna: better\n"
            "11 deploy 3 production by cli:anna: better\n"
            "12 rollback 1 production by cli:anna: worse after all\n");
  EXPECT_EQ(log[10].at, at(4));
  EXPECT_EQ(to_text(log[10].details), "{\"from\":1}");
  EXPECT_TRUE(registry->verify_log().ok()) << registry->verify_log().message();
}

// So that anybody can check the chain with nothing but sha256sum.
TEST(RegistryLog, AHashCoversTheOneBeforeAndTheRowsTextAsDocumented) {
  const TemporaryFolder folder;
  auto registry = open(folder);
  ASSERT_TRUE(registry->set_threshold(0.24, ProcessingTime::from_ms(1'000), "cli:anna", "a start").ok());
  ASSERT_TRUE(registry->set_threshold(0.2, ProcessingTime::from_ms(2'000), "cli:anna", "lower").ok());
  const auto log = must(registry->log());
  const std::string first =
      sha256_hex(R"({"number":1,"at":1000,"actor":"cli:anna","what":"threshold","version":0,"stage":"",)"
                 R"("why":"a start","details":{"from":null,"to":0.24}})");
  EXPECT_EQ(log[0].hash, first);
  EXPECT_EQ(log[1].hash,
            sha256_hex(first + R"({"number":2,"at":2000,"actor":"cli:anna","what":"threshold","version":0,"stage":"",)"
                               R"("why":"lower","details":{"from":0.24,"to":0.2}})"));
}

struct Tampering {
  const char* sql;       // Done to a registry that lived, behind its back.
  const char* expected;  // What verify_log says.
};

class TamperedRegistry : public testing::TestWithParam<Tampering> {
 protected:
  static void SetUpTestSuite() {
    const TemporaryFolder folder;
    live(*open(folder));
    lived_ = must(read_file(folder.path() / "registry.db"));
  }
  void SetUp() override { ASSERT_TRUE(write_file_atomically(folder_.path() / "registry.db", lived_).ok()); }

  static inline std::string lived_;  // The file of a registry that lived, closed.
  const TemporaryFolder folder_;
};

TEST_P(TamperedRegistry, IsFoundOut) {
  {
    auto raw = must(sqlite::Database::open(folder_.path() / "registry.db"));
    std::vector<std::string> triggers;
    auto select = must(raw.prepare("SELECT name FROM sqlite_master WHERE type = 'trigger'"));
    while (select.step().value()) triggers.push_back(select.text(0));
    ASSERT_EQ(triggers.size(), 5u);
    for (const std::string& trigger : triggers) ASSERT_TRUE(raw.exec("DROP TRIGGER " + trigger).ok());
    const Status done = raw.exec(GetParam().sql);
    ASSERT_TRUE(done.ok()) << done.message();
  }
  const auto registry = open(folder_);
  const Status status = registry->verify_log();
  EXPECT_EQ(status.code(), Code::kDataLoss);
  EXPECT_NE(status.message().find(GetParam().expected), std::string::npos) << status.message();
}

INSTANTIATE_TEST_SUITE_P(
    RegistryLog, TamperedRegistry,
    testing::Values(
        // A row edited, in each of its columns.
        Tampering{"UPDATE log SET at = at + 1 WHERE number = 3", "log row 3:"},
        Tampering{"UPDATE log SET actor = 'cli:mallory' WHERE number = 3", "log row 3:"},
        Tampering{"UPDATE log SET what = 'reject' WHERE number = 3", "log row 3:"},
        Tampering{"UPDATE log SET version = 2 WHERE number = 3", "log row 3:"},
        Tampering{"UPDATE log SET stage = 'production' WHERE number = 4", "log row 4:"},
        Tampering{"UPDATE log SET why = 'no reason' WHERE number = 12", "log row 12:"},
        Tampering{"UPDATE log SET details = '{\"from\":2}' WHERE number = 11", "log row 11:"},
        Tampering{"UPDATE log SET details = '{\"from\": 1}' WHERE number = 11", "log row 11:"},
        Tampering{"UPDATE log SET details = 'nonsense' WHERE number = 11", "log row 11: details"},
        Tampering{"UPDATE log SET hash = 'x' WHERE number = 1", "log row 1:"},
        // Rows removed: at the beginning, in the middle, at the end, all.
        Tampering{"DELETE FROM log WHERE number = 1", "log row 1: it is missing"},
        Tampering{"DELETE FROM log WHERE number = 7", "log row 7: it is missing"},
        Tampering{"DELETE FROM log WHERE number = 7; UPDATE log SET number = number - 1 WHERE number > 7",
                  "log row 7:"},
        Tampering{"DELETE FROM log WHERE number = 12", "log row 12: it is missing"},
        Tampering{"DELETE FROM log", "log row 1: it is missing"},
        // The last row removed, and the kept end with it: what the tables hold gives it away.
        Tampering{"DELETE FROM log WHERE number = 12; "
                  "UPDATE head SET number = 11, hash = (SELECT hash FROM log WHERE number = 11)",
                  "stage production: model 1 stands there, but the log says model 3"},
        // Two rows exchanged, a row added.
        Tampering{"UPDATE log SET number = 99 WHERE number = 3; UPDATE log SET number = 3 WHERE number = 4; "
                  "UPDATE log SET number = 4 WHERE number = 99",
                  "log row 3:"},
        Tampering{"INSERT INTO log SELECT 13, at, actor, what, version, stage, why, details, hash FROM log "
                  "WHERE number = 12",
                  "log row 13:"},
        // The tables changed without a row of the log.
        Tampering{"UPDATE model SET approval = 'Approved' WHERE version = 2",
                  "model 2: it is Approved, but the log says Rejected"},
        Tampering{"UPDATE model SET loss = 0.01 WHERE version = 1", "model 1: it is not what the log registered"},
        Tampering{"UPDATE model SET artefact_hash = 'x' WHERE version = 1",
                  "model 1: it is not what the log registered"},
        Tampering{"UPDATE model SET metrics = '{}' WHERE version = 3", "model 3: it is not what the log registered"},
        Tampering{"UPDATE model SET created_at = 0 WHERE version = 3", "model 3: it is not what the log registered"},
        Tampering{"DELETE FROM model WHERE version = 2", "2 models, but the log registers 3"},
        Tampering{"UPDATE placement SET version = 3 WHERE stage = 'production'",
                  "stage production: model 3 stands there"},
        Tampering{"UPDATE placement SET previous = NULL WHERE stage = 'production'",
                  "stage production: none stood there before"},
        Tampering{"DELETE FROM placement WHERE stage = 'staging'", "stage staging: none stands there"},
        Tampering{"INSERT INTO placement VALUES ('canary', 1, NULL)", "stage canary: model 1 stands there"},
        Tampering{"UPDATE threshold SET value = 0.9", "threshold: it is 0.9, but the log says 0.141"},
        Tampering{"DELETE FROM threshold", "threshold: it is none"}));

TEST(RegistryLog, TheDatabaseItselfRefusesToChangeHistory) {
  const TemporaryFolder folder;
  live(*open(folder));
  auto raw = must(sqlite::Database::open(folder.path() / "registry.db"));
  for (const char* sql :
       {"UPDATE log SET actor = 'cli:mallory'", "DELETE FROM log", "DELETE FROM log WHERE number = 12",
        "INSERT OR REPLACE INTO log SELECT * FROM log WHERE number = 3",
        "INSERT INTO log SELECT 14, at, actor, what, version, stage, why, details, hash FROM log "
        "WHERE number = 12",
        "DELETE FROM model WHERE version = 2", "UPDATE model SET loss = 0"})
    EXPECT_EQ(raw.exec(sql).code(), Code::kFailedPrecondition) << sql;
  EXPECT_TRUE(open(folder)->verify_log().ok());
}

}  // namespace
}  // namespace tidecast
