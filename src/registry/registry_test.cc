#include "registry/registry.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/hash.h"
#include "base/rng.h"
#include "storage/file.h"
#include "storage/sqlite.h"
#include "storage/temporary_folder.h"

namespace tidecast {
namespace {

ProcessingTime at(int minute) { return ProcessingTime::from_ms(1'746'532'800'000 + minute * 60'000); }

std::unique_ptr<Registry> open(const TemporaryFolder& folder) {
  auto registry = Registry::open(folder.path());
  EXPECT_TRUE(registry.ok()) << registry.message();
  return std::move(registry).value();
}

ModelVersion model_of(const std::string& run, double loss = 0.1) {
  ModelVersion model;
  model.run = run;
  model.created_at = at(0);
  model.data_end = EventTime::from_ms(1'746'532'740'000);
  model.loss = loss;
  model.loss_point_90 = loss * 1.2;
  model.metrics = {{"windows", 10}, {"loss", loss}, {"gate", json::array{json::object{{"name", "naive"}, {"passed", true}}}}};
  return model;
}

// A registry with `models` versions, all approved.
std::unique_ptr<Registry> open_with_approved(const TemporaryFolder& folder, int models) {
  auto registry = open(folder);
  for (int i = 1; i <= models; ++i) {
    EXPECT_EQ(*registry->add(model_of(fmt::format("run-{}", i)), fmt::format("weights {}", i), "scheduler"), i);
    EXPECT_TRUE(registry->approve(i, at(i), "cli:anna", "good").ok());
  }
  return registry;
}

std::string text_of(std::optional<int> version) { return version ? std::to_string(*version) : "-"; }

std::string stages_of(const Registry& registry, const std::string& stage) {
  return text_of(*registry.placed(stage)) + " before " + text_of(*registry.previous(stage));
}

// One line a row: "2 approve 1 by cli:anna: good".
std::string log_of(const Registry& registry) {
  std::string text;
  for (const Transition& row : *registry.log())
    text += fmt::format("{} {} {}{} by {}: {} {}\n", row.number, row.what, row.version, row.stage.empty() ? "" : " " + row.stage,
                        row.actor, row.why, to_text(row.details));
  return text;
}

// ---- Versions ------------------------------------------------------------------------------------------------------------

TEST(Registry, AVersionComesBackAsItWasAdded) {
  const TemporaryFolder folder;
  const std::string artefact("\0weights\xff\n", 10);
  ModelVersion model = model_of("run-7", 0.1 + 0.2);
  {
    auto registry = open(folder);
    model.approval = Approval::kApproved;  // Whatever it says: a new version is pending.
    ASSERT_EQ(*registry->add(model, artefact, "scheduler"), 1);
  }
  const auto registry = open(folder);
  const auto found = registry->get(1);
  ASSERT_TRUE(found.ok()) << found.message();
  EXPECT_EQ(found->version, 1);
  EXPECT_EQ(found->run, "run-7");
  EXPECT_EQ(found->created_at, model.created_at);
  EXPECT_EQ(found->data_end, model.data_end);
  EXPECT_EQ(found->artefact_hash, sha256_hex(artefact));
  EXPECT_EQ(found->loss, 0.1 + 0.2);
  EXPECT_EQ(found->loss_point_90, (0.1 + 0.2) * 1.2);
  EXPECT_EQ(found->approval, Approval::kPendingManualApproval);
  EXPECT_EQ(to_text(found->metrics), to_text(model.metrics));
  EXPECT_EQ(*registry->artefact(1), artefact);
}

TEST(Registry, VersionsCountFromOneAndAreListedNewestFirst) {
  const TemporaryFolder folder;
  auto registry = open(folder);
  EXPECT_TRUE(registry->list()->empty());
  for (int i = 1; i <= 3; ++i) EXPECT_EQ(*registry->add(model_of(fmt::format("run-{}", i)), "x", "scheduler"), i);
  std::string runs;
  for (const ModelVersion& model : *registry->list()) runs += fmt::format("{}:{} ", model.version, model.run);
  EXPECT_EQ(runs, "3:run-3 2:run-2 1:run-1 ");
}

TEST(Registry, AVersionThatIsNotThereIsNamed) {
  const TemporaryFolder folder;
  auto registry = open(folder);
  for (const Status& status : {registry->get(4).status(), registry->artefact(4).status(), registry->approve(4, at(0), "a", "b"),
                               registry->reject(4, at(0), "a", "b"), registry->place("staging", 4, at(0), "a", "b")}) {
    EXPECT_EQ(status.code(), Code::kNotFound);
    EXPECT_EQ(status.message(), "there is no model 4");
  }
}

TEST(Registry, AModelWithoutALossOrWithAnotherHashIsRefusedAndLeavesNothing) {
  const TemporaryFolder folder;
  auto registry = open(folder);
  EXPECT_EQ(registry->add(model_of("r", std::numeric_limits<double>::quiet_NaN()), "x", "a").code(), Code::kInvalidArgument);
  ModelVersion other = model_of("r");
  other.artefact_hash = sha256_hex("y");
  EXPECT_EQ(registry->add(other, "x", "a").code(), Code::kInvalidArgument);
  other.artefact_hash = sha256_hex("x");
  EXPECT_EQ(*registry->add(other, "x", "a"), 1);
  EXPECT_EQ(registry->log()->size(), 1u);
}

TEST(Registry, AnArtefactThatChangedOrWentIsDataLoss) {
  const TemporaryFolder folder;
  auto registry = open(folder);
  ASSERT_TRUE(registry->add(model_of("r"), "weights", "a").ok());
  const auto path = folder.path() / "models" / "1.safetensors";
  ASSERT_TRUE(write_file_atomically(path, "weightz").ok());
  EXPECT_EQ(registry->artefact(1).code(), Code::kDataLoss);
  EXPECT_NE(registry->artefact(1).message().find(path.string()), std::string::npos);
  std::filesystem::remove(path);
  EXPECT_EQ(registry->artefact(1).code(), Code::kDataLoss);
}

TEST(Registry, AnArtefactThatACrashLeftWithoutItsRowIsWrittenOver) {
  const TemporaryFolder folder;
  auto registry = open(folder);
  ASSERT_TRUE(write_file_atomically(folder.path() / "models" / "1.safetensors", "half a model").ok());
  ASSERT_EQ(*registry->add(model_of("r"), "weights", "a"), 1);
  EXPECT_EQ(*registry->artefact(1), "weights");
}

TEST(Registry, AVersionWhoseArtefactCannotBeWrittenIsNotRegistered) {
  const TemporaryFolder folder;
  auto registry = open(folder);
  std::filesystem::remove(folder.path() / "models");
  ASSERT_TRUE(write_file_atomically(folder.path() / "models", "a file where the folder was").ok());
  EXPECT_EQ(registry->add(model_of("r"), "weights", "a").code(), Code::kUnavailable);
  EXPECT_TRUE(registry->list()->empty());
  EXPECT_EQ(log_of(*registry), "");
  std::filesystem::remove(folder.path() / "models");
  ASSERT_TRUE(make_folders(folder.path() / "models").ok());
  EXPECT_EQ(*registry->add(model_of("r"), "weights", "a"), 1);
}

// ---- Approval ------------------------------------------------------------------------------------------------------------

TEST(Registry, ADecisionIsTakenOnceAndSayingItAgainChangesNothing) {
  struct Case {
    const char* first;
    const char* second;
    bool ok;
    Approval then;
  };
  for (const Case& c : {Case{"approve", "approve", true, Approval::kApproved}, {"reject", "reject", true, Approval::kRejected},
                        {"approve", "reject", false, Approval::kApproved}, {"reject", "approve", false, Approval::kRejected}}) {
    const TemporaryFolder folder;
    auto registry = open(folder);
    ASSERT_TRUE(registry->add(model_of("r"), "x", "a").ok());
    const auto decide = [&](const std::string& what, int minute) {
      return what == "approve" ? registry->approve(1, at(minute), "cli:anna", "seen") : registry->reject(1, at(minute), "cli:anna", "seen");
    };
    EXPECT_TRUE(decide(c.first, 1).ok());
    const Status again = decide(c.second, 2);
    EXPECT_EQ(again.code(), c.ok ? Code::kOk : Code::kFailedPrecondition) << c.first << ", " << c.second;
    EXPECT_EQ(registry->get(1)->approval, c.then);
    EXPECT_EQ(registry->log()->size(), 2u);
    EXPECT_EQ(registry->log()->back().at, at(1));
  }
}

TEST(Registry, OnlyAnApprovedVersionIsPlaced) {
  const TemporaryFolder folder;
  auto registry = open(folder);
  ASSERT_TRUE(registry->add(model_of("r1"), "x", "a").ok());
  ASSERT_TRUE(registry->add(model_of("r2"), "y", "a").ok());
  ASSERT_TRUE(registry->reject(2, at(1), "a", "worse").ok());
  for (const int version : {1, 2}) EXPECT_EQ(registry->place("staging", version, at(2), "a", "b").code(), Code::kFailedPrecondition);
  EXPECT_NE(registry->place("staging", 1, at(2), "a", "b").message().find("PendingManualApproval"), std::string::npos);
  EXPECT_EQ(registry->place("", 1, at(2), "a", "b").code(), Code::kInvalidArgument);
  EXPECT_EQ(stages_of(*registry, "staging"), "- before -");
}

// ---- Placement -----------------------------------------------------------------------------------------------------------

TEST(Registry, EachStageKeepsTheVersionThatStoodThereBefore) {
  const TemporaryFolder folder;
  auto registry = open_with_approved(folder, 3);
  EXPECT_EQ(stages_of(*registry, "production"), "- before -");
  const auto place = [&](const std::string& stage, int version) {
    EXPECT_TRUE(registry->place(stage, version, at(9), "cli:anna", "try").ok());
    return stages_of(*registry, stage);
  };
  EXPECT_EQ(place("staging", 1), "1 before -");
  EXPECT_EQ(place("production", 1), "1 before -");
  EXPECT_EQ(place("staging", 2), "2 before 1");
  EXPECT_EQ(place("staging", 2), "2 before 1");  // Again: nothing changes.
  EXPECT_EQ(place("staging", 3), "3 before 2");
  EXPECT_EQ(place("staging", 2), "2 before 3");  // Back.
  EXPECT_EQ(stages_of(*registry, "production"), "1 before -");
}

// ---- Threshold -----------------------------------------------------------------------------------------------------------

TEST(Registry, TheInitialThresholdIsSetOnceAndNeverOverwrites) {
  const TemporaryFolder folder;
  auto registry = open(folder);
  EXPECT_EQ(registry->threshold().code(), Code::kNotFound);
  ASSERT_TRUE(registry->set_threshold_if_absent(0.24, at(0)).ok());
  ASSERT_TRUE(registry->set_threshold_if_absent(0.5, at(1)).ok());
  EXPECT_EQ(*registry->threshold(), 0.24);
  ASSERT_TRUE(registry->set_threshold(0.141, at(2), "auto", "model 1 in production").ok());
  ASSERT_TRUE(registry->set_threshold_if_absent(0.24, at(3)).ok());
  EXPECT_EQ(*registry->threshold(), 0.141);
  EXPECT_EQ(log_of(*registry), "1 threshold 0 by scheduler: initial value of the definition {\"from\":null,\"to\":0.24}\n"
                               "2 threshold 0 by auto: model 1 in production {\"from\":0.24,\"to\":0.141}\n");
}

TEST(Registry, AThresholdThatIsNoNumberOrNegativeIsRefused) {
  const TemporaryFolder folder;
  auto registry = open(folder);
  for (const double value : {-0.1, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()})
    EXPECT_EQ(registry->set_threshold(value, at(0), "a", "b").code(), Code::kInvalidArgument);
  EXPECT_EQ(registry->threshold().code(), Code::kNotFound);
}

TEST(UpdatedThreshold, MovesTowardsALowerLossByTheUpdateRateDownToThe90PercentPoint) {
  struct Case {
    double threshold, update_rate, loss, loss_point_90, expected;
  };
  for (const Case& c : {
           Case{0.24, 0.0, 0.10, 0.05, 0.24},   // 0 never moves it,
           {0.24, 1.0, 0.10, 0.05, 0.10},       // 1 takes the new loss,
           {0.24, 0.5, 0.10, 0.05, 0.17},       // 0.5 half way,
           {0.24, 0.25, 0.20, 0.05, 0.23},
           {0.24, 1.0, 0.10, 0.13, 0.13},       // never below the 90 % point,
           {0.24, 0.5, 0.10, 0.18, 0.18},
           {0.24, 0.5, 0.10, 0.30, 0.24},       // never raised: neither by that point
           {0.24, 0.0, 0.10, 0.20, 0.24},
           {0.24, 1.0, 0.30, 0.05, 0.24},       // nor by a higher loss,
           {0.24, 1.0, 0.24, 0.05, 0.24},       // nor moved by an equal one.
           {0.24, 1.0, std::numeric_limits<double>::quiet_NaN(), 0.05, 0.24},
       }) {
    EXPECT_NEAR(updated_threshold(c.threshold, c.update_rate, c.loss, c.loss_point_90), c.expected, 1e-15)
        << c.update_rate << " " << c.loss << " " << c.loss_point_90;
  }
}

// ---- The log -------------------------------------------------------------------------------------------------------------

// Everything that can happen, once or more.
void live(Registry& registry) {
  ASSERT_TRUE(registry.set_threshold_if_absent(0.24, at(0)).ok());
  ASSERT_TRUE(registry.add(model_of("run-1"), "one", "scheduler").ok());
  ASSERT_TRUE(registry.approve(1, at(1), "auto", "gate passed").ok());
  ASSERT_TRUE(registry.place("staging", 1, at(1), "auto", "gate passed").ok());
  ASSERT_TRUE(registry.place("production", 1, at(1), "auto", "gate passed").ok());
  ASSERT_TRUE(registry.set_threshold(0.141, at(1), "auto", "model 1 in production").ok());
  ASSERT_TRUE(registry.add(model_of("run-2"), "two", "scheduler").ok());
  ASSERT_TRUE(registry.reject(2, at(2), "cli:bert", "worse \"by eye\"").ok());
  ASSERT_TRUE(registry.add(model_of("run-3"), "three", "scheduler").ok());
  ASSERT_TRUE(registry.approve(3, at(3), "cli:anna", "better").ok());
  ASSERT_TRUE(registry.place("production", 3, at(4), "cli:anna", "better").ok());
  ASSERT_TRUE(registry.place("production", 1, at(5), "cli:anna", "worse after all").ok());
}

TEST(RegistryLog, TellsWhoDidWhatWhenAndWhy) {
  const TemporaryFolder folder;
  auto registry = open(folder);
  live(*registry);
  const auto log = *registry->log();
  ASSERT_EQ(log.size(), 12u);
  std::string text;
  for (const Transition& row : log)
    text += fmt::format("{} {} {}{} by {}: {}\n", row.number, row.what, row.version, row.stage.empty() ? "" : " " + row.stage,
                        row.actor, row.why);
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
  const auto log = *registry->log();
  const std::string first = sha256_hex(R"({"number":1,"at":1000,"actor":"cli:anna","what":"threshold","version":0,"stage":"",)"
                                       R"("why":"a start","details":{"from":null,"to":0.24}})");
  EXPECT_EQ(log[0].hash, first);
  EXPECT_EQ(log[1].hash, sha256_hex(first + R"({"number":2,"at":2000,"actor":"cli:anna","what":"threshold","version":0,"stage":"",)"
                                            R"("why":"lower","details":{"from":0.24,"to":0.2}})"));
}

struct Tampering {
  const char* sql;       // Done to a registry that lived, behind its back.
  const char* expected;  // What verify_log says.
};

class TamperedRegistry : public testing::TestWithParam<Tampering> {};

TEST_P(TamperedRegistry, IsFoundOut) {
  const TemporaryFolder folder;
  live(*open(folder));
  {
    auto raw = std::move(sqlite::Database::open(folder.path() / "registry.db")).value();
    std::vector<std::string> triggers;
    auto select = std::move(raw.prepare("SELECT name FROM sqlite_master WHERE type = 'trigger'")).value();
    while (select.step().value()) triggers.push_back(select.text(0));
    ASSERT_EQ(triggers.size(), 5u);
    for (const std::string& trigger : triggers) ASSERT_TRUE(raw.exec("DROP TRIGGER " + trigger).ok());
    const Status done = raw.exec(GetParam().sql);
    ASSERT_TRUE(done.ok()) << done.message();
  }
  const auto registry = open(folder);
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
        Tampering{"DELETE FROM log WHERE number = 7; UPDATE log SET number = number - 1 WHERE number > 7", "log row 7:"},
        Tampering{"DELETE FROM log WHERE number = 12", "log row 12: it is missing"},
        Tampering{"DELETE FROM log", "log row 1: it is missing"},
        // The last row removed, and the kept end with it: what the tables hold gives it away.
        Tampering{"DELETE FROM log WHERE number = 12; UPDATE head SET number = 11, hash = (SELECT hash FROM log WHERE number = 11)",
                  "stage production: model 1 stands there, but the log says model 3"},
        // Two rows exchanged, a row added.
        Tampering{"UPDATE log SET number = 99 WHERE number = 3; UPDATE log SET number = 3 WHERE number = 4; "
                  "UPDATE log SET number = 4 WHERE number = 99", "log row 3:"},
        Tampering{"INSERT INTO log SELECT 13, at, actor, what, version, stage, why, details, hash FROM log WHERE number = 12",
                  "log row 13:"},
        // The tables changed without a row of the log.
        Tampering{"UPDATE model SET approval = 'Approved' WHERE version = 2", "model 2: it is Approved, but the log says Rejected"},
        Tampering{"UPDATE model SET loss = 0.01 WHERE version = 1", "model 1: it is not what the log registered"},
        Tampering{"UPDATE model SET artefact_hash = 'x' WHERE version = 1", "model 1: it is not what the log registered"},
        Tampering{"UPDATE model SET metrics = '{}' WHERE version = 3", "model 3: it is not what the log registered"},
        Tampering{"UPDATE model SET created_at = 0 WHERE version = 3", "model 3: it is not what the log registered"},
        Tampering{"DELETE FROM model WHERE version = 2", "2 models, but the log registers 3"},
        Tampering{"UPDATE placement SET version = 3 WHERE stage = 'production'", "stage production: model 3 stands there"},
        Tampering{"UPDATE placement SET previous = NULL WHERE stage = 'production'", "stage production: none stood there before"},
        Tampering{"DELETE FROM placement WHERE stage = 'staging'", "stage staging: none stands there"},
        Tampering{"INSERT INTO placement VALUES ('canary', 1, NULL)", "stage canary: model 1 stands there"},
        Tampering{"UPDATE threshold SET value = 0.9", "threshold: it is 0.9, but the log says 0.141"},
        Tampering{"DELETE FROM threshold", "threshold: it is none"}));

TEST(RegistryLog, TheDatabaseItselfRefusesToChangeHistory) {
  const TemporaryFolder folder;
  live(*open(folder));
  auto raw = std::move(sqlite::Database::open(folder.path() / "registry.db")).value();
  for (const char* sql : {"UPDATE log SET actor = 'cli:mallory'", "DELETE FROM log", "DELETE FROM log WHERE number = 12",
                          "INSERT OR REPLACE INTO log SELECT * FROM log WHERE number = 3",
                          "INSERT INTO log SELECT 14, at, actor, what, version, stage, why, details, hash FROM log WHERE number = 12",
                          "DELETE FROM model WHERE version = 2", "UPDATE model SET loss = 0"})
    EXPECT_EQ(raw.exec(sql).code(), Code::kFailedPrecondition) << sql;
  EXPECT_TRUE(open(folder)->verify_log().ok());
}

// ---- The file ------------------------------------------------------------------------------------------------------------

TEST(RegistryFile, HoldsEveryChangeAfterItsReturn) {
  const TemporaryFolder folder;
  ASSERT_EQ(*open(folder)->add(model_of("run-1"), "one", "a"), 1);
  EXPECT_EQ(open(folder)->list()->size(), 1u);
  ASSERT_TRUE(open(folder)->approve(1, at(1), "a", "b").ok());
  EXPECT_EQ(open(folder)->get(1)->approval, Approval::kApproved);
  ASSERT_EQ(*open(folder)->add(model_of("run-2"), "two", "a"), 2);
  ASSERT_TRUE(open(folder)->reject(2, at(1), "a", "b").ok());
  EXPECT_EQ(open(folder)->get(2)->approval, Approval::kRejected);
  ASSERT_TRUE(open(folder)->place("staging", 1, at(2), "a", "b").ok());
  EXPECT_EQ(stages_of(*open(folder), "staging"), "1 before -");
  ASSERT_TRUE(open(folder)->set_threshold_if_absent(0.24, at(3)).ok());
  EXPECT_EQ(*open(folder)->threshold(), 0.24);
  ASSERT_TRUE(open(folder)->set_threshold(0.2, at(3), "a", "b").ok());
  EXPECT_EQ(*open(folder)->threshold(), 0.2);
  EXPECT_TRUE(open(folder)->verify_log().ok());
}

TEST(RegistryFile, IsWholeAfterACrashAtAnyMoment) {
  const TemporaryFolder folder;
  auto registry = open(folder);
  live(*registry);
  const std::string expected = log_of(*registry);
  const TemporaryFolder after;  // What the disk would show: the files while the registry is still open.
  for (const char* file : {"registry.db", "registry.db-wal"})
    std::filesystem::copy_file(folder.path() / file, after.path() / file);
  EXPECT_EQ(log_of(*open(after)), expected);
  EXPECT_TRUE(open(after)->verify_log().ok());

  // A journal that was cut: what is there is the history up to some moment, in itself whole.
  const auto journal = std::filesystem::file_size(folder.path() / "registry.db-wal");
  std::size_t rows_seen = 0;
  for (int tenth = 1; tenth < 10; ++tenth) {
    const TemporaryFolder cut;
    for (const char* file : {"registry.db", "registry.db-wal"})
      std::filesystem::copy_file(folder.path() / file, cut.path() / file);
    std::filesystem::resize_file(cut.path() / "registry.db-wal", journal * static_cast<unsigned>(tenth) / 10);
    const auto survivor = open(cut);
    const std::string log = log_of(*survivor);
    EXPECT_EQ(expected.substr(0, log.size()), log);
    EXPECT_TRUE(survivor->verify_log().ok()) << survivor->verify_log().message();
    rows_seen = std::max(rows_seen, survivor->log()->size());
  }
  EXPECT_GT(rows_seen, 0u);
}

TEST(RegistryFile, OfANewerProgramIsRefused) {
  const TemporaryFolder folder;
  live(*open(folder));
  ASSERT_TRUE(sqlite::Database::open(folder.path() / "registry.db")->exec("PRAGMA user_version = 2").ok());
  const auto registry = Registry::open(folder.path());
  EXPECT_EQ(registry.code(), Code::kFailedPrecondition);
  EXPECT_NE(registry.message().find("registry.db: written by a newer program: format 2"), std::string::npos) << registry.message();
}

TEST(RegistryFile, ThatIsDamagedIsDataLossAndNamed) {
  const TemporaryFolder folder;
  live(*open(folder));
  const auto path = folder.path() / "registry.db";
  std::string bytes = *read_file(path);
  ASSERT_GT(bytes.size(), 3 * 4096u);

  std::string middle = bytes;
  middle.replace(4096, 2048, std::string(2048, '\x5a'));
  for (const std::string& damaged : {std::string(8192, 'x'), middle, bytes.substr(0, 4096)}) {
    ASSERT_TRUE(write_file_atomically(path, damaged).ok());
    const auto registry = Registry::open(folder.path());
    EXPECT_EQ(registry.code(), Code::kDataLoss);
    EXPECT_NE(registry.message().find("registry.db"), std::string::npos) << registry.message();
  }
}

// Whatever is asked in whatever order, with restarts in between: the registry does what a few plain variables do, and its
// log stays whole.
TEST(RegistryProperty, BehavesLikeAFewPlainVariables) {
  const std::uint64_t seed = 41;
  SCOPED_TRACE(fmt::format("seed {}", seed));
  Rng rng(seed);
  const TemporaryFolder folder;
  auto registry = open(folder);
  std::vector<Approval> approvals;  // Of version i + 1.
  std::map<std::string, std::pair<std::optional<int>, std::optional<int>>> stages{{"staging", {}}, {"production", {}}};
  std::optional<double> threshold;
  std::size_t rows = 0;
  const auto decide = [&](int version, Approval decision, const Status& status) {
    Approval& now = approvals[static_cast<std::size_t>(version - 1)];
    EXPECT_EQ(status.ok(), now == decision || now == Approval::kPendingManualApproval);
    if (now == Approval::kPendingManualApproval) now = decision, ++rows;
  };
  for (int i = 0; i < 300; ++i) {
    const int version = approvals.empty() ? 0 : 1 + static_cast<int>(rng.below(approvals.size()));
    const std::uint64_t choice = rng.below(12);
    if (choice == 0 || version == 0) {
      const std::string artefact(rng.below(100), static_cast<char>(rng.below(256)));
      ASSERT_EQ(*registry->add(model_of("run", rng.uniform()), artefact, "a"), static_cast<int>(approvals.size()) + 1);
      approvals.push_back(Approval::kPendingManualApproval), ++rows;
    } else if (choice < 4) {
      decide(version, Approval::kApproved, registry->approve(version, at(i), "a", "b"));
    } else if (choice < 5) {
      decide(version, Approval::kRejected, registry->reject(version, at(i), "a", "b"));
    } else if (choice < 9) {
      auto& [now, before] = stages[rng.below(2) == 0 ? "staging" : "production"];
      const std::string stage = &now == &stages["staging"].first ? "staging" : "production";
      const bool approved = approvals[static_cast<std::size_t>(version - 1)] == Approval::kApproved;
      ASSERT_EQ(registry->place(stage, version, at(i), "a", "b").ok(), approved);
      if (approved && now != version) before = std::exchange(now, version), ++rows;
    } else if (choice < 11) {
      const double value = static_cast<double>(rng.below(8)) / 7;
      ASSERT_TRUE(registry->set_threshold(value, at(i), "a", "b").ok());
      if (threshold != value) threshold = value, ++rows;
    } else {
      registry.reset();
      registry = open(folder);
    }
    for (const auto& [stage, expected] : stages) {
      ASSERT_EQ(*registry->placed(stage), expected.first);
      ASSERT_EQ(*registry->previous(stage), expected.second);
    }
    if (threshold) ASSERT_EQ(*registry->threshold(), *threshold);
  }
  ASSERT_EQ(registry->list()->size(), approvals.size());
  for (std::size_t i = 0; i < approvals.size(); ++i) EXPECT_EQ(registry->get(static_cast<int>(i) + 1)->approval, approvals[i]);
  EXPECT_EQ(registry->log()->size(), rows);
  EXPECT_TRUE(registry->verify_log().ok()) << registry->verify_log().message();
}

}  // namespace
}  // namespace tidecast
