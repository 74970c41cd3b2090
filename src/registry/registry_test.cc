#include "registry/registry.h"

#include <gtest/gtest.h>

#include <limits>
#include <map>

#include "base/hash.h"
#include "base/rng.h"
#include "registry/registry_testing.h"
#include "storage/file.h"
#include "storage/sqlite.h"

namespace tidecast {
namespace {

// ---- Versions -------------------------------------------------------------------------------------------------------

TEST(Registry, AVersionComesBackAsItWasAdded) {
  const TemporaryFolder folder;
  const std::string artefact("\0weights\xff\n", 10);
  ModelVersion model = model_of("run-7", 0.1 + 0.2);
  {
    auto registry = open(folder);
    model.approval = Approval::kApproved;  // Whatever it says: a new version is pending.
    ASSERT_EQ(must(registry->add(model, artefact, "scheduler")), 1);
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
  EXPECT_EQ(must(registry->artefact(1)), artefact);
}

TEST(Registry, VersionsCountFromOneAndAreListedNewestFirst) {
  const TemporaryFolder folder;
  auto registry = open(folder);
  EXPECT_TRUE(registry->list()->empty());
  for (int i = 1; i <= 3; ++i) EXPECT_EQ(must(registry->add(model_of(fmt::format("run-{}", i)), "x", "scheduler")), i);
  std::string runs;
  for (const ModelVersion& model : must(registry->list())) runs += fmt::format("{}:{} ", model.version, model.run);
  EXPECT_EQ(runs, "3:run-3 2:run-2 1:run-1 ");
}

TEST(Registry, AVersionThatIsNotThereIsNamed) {
  const TemporaryFolder folder;
  auto registry = open(folder);
  for (const Status& status :
       {registry->get(4).status(), registry->artefact(4).status(), registry->approve(4, at(0), "a", "b"),
        registry->reject(4, at(0), "a", "b"), registry->place("staging", 4, at(0), "a", "b")}) {
    EXPECT_EQ(status.code(), Code::kNotFound);
    EXPECT_EQ(status.message(), "there is no model 4");
  }
}

TEST(Registry, AModelWithoutALossOrWithAnotherHashIsRefusedAndLeavesNothing) {
  const TemporaryFolder folder;
  auto registry = open(folder);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(registry->add(model_of("r", nan), "x", "a").code(), Code::kInvalidArgument);
  ModelVersion other = model_of("r");
  other.artefact_hash = sha256_hex("y");
  EXPECT_EQ(registry->add(other, "x", "a").code(), Code::kInvalidArgument);
  other.artefact_hash = sha256_hex("x");
  EXPECT_EQ(must(registry->add(other, "x", "a")), 1);
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
  ASSERT_EQ(must(registry->add(model_of("r"), "weights", "a")), 1);
  EXPECT_EQ(must(registry->artefact(1)), "weights");
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
  EXPECT_EQ(must(registry->add(model_of("r"), "weights", "a")), 1);
}

// ---- Approval -------------------------------------------------------------------------------------------------------

TEST(Registry, ADecisionSaidAgainChangesNothingAndARejectionStands) {
  struct Case {
    const char* first;
    const char* second;
    bool ok;
    Approval then;
  };
  for (const Case& c : {Case{"approve", "approve", true, Approval::kApproved},
                        {"reject", "reject", true, Approval::kRejected},
                        {"reject", "approve", false, Approval::kRejected}}) {
    const TemporaryFolder folder;
    auto registry = open(folder);
    ASSERT_TRUE(registry->add(model_of("r"), "x", "a").ok());
    const auto decide = [&](const std::string& what, int minute) {
      return what == "approve" ? registry->approve(1, at(minute), "cli:anna", "seen")
                               : registry->reject(1, at(minute), "cli:anna", "seen");
    };
    EXPECT_TRUE(decide(c.first, 1).ok());
    const Status again = decide(c.second, 2);
    EXPECT_EQ(again.code(), c.ok ? Code::kOk : Code::kFailedPrecondition) << c.first << ", " << c.second;
    EXPECT_EQ(registry->get(1)->approval, c.then);
    EXPECT_EQ(registry->log()->size(), 2u);
    EXPECT_EQ(registry->log()->back().at, at(1));
  }
}

TEST(Registry, AnApprovedVersionMayStillBeRejectedUntilItStandsInProduction) {
  const TemporaryFolder folder;
  auto registry = open_with_approved(folder, 2);
  ASSERT_TRUE(registry->place("staging", 1, at(3), "cli:anna", "try it").ok());
  EXPECT_TRUE(registry->reject(1, at(4), "cli:anna", "too wide").ok());
  EXPECT_EQ(registry->get(1)->approval, Approval::kRejected);
  EXPECT_EQ(stages_of(*registry, "staging"), "1 before -");
  EXPECT_EQ(registry->place("production", 1, at(5), "cli:anna", "").code(), Code::kFailedPrecondition);
  ASSERT_TRUE(registry->place("production", 2, at(6), "cli:anna", "").ok());
  EXPECT_EQ(registry->reject(2, at(7), "cli:anna", "no").message(),
            "model 2 stands in production; deploy another one there first");
  EXPECT_TRUE(registry->verify_log().ok()) << registry->verify_log().message();
}

TEST(Registry, APlacementAndItsThresholdAreOneChangeAndARepeatIsNone) {
  const TemporaryFolder folder;
  auto registry = open_with_approved(folder, 1);
  ASSERT_TRUE(registry->set_threshold_if_absent(0.24, at(2)).ok());
  ASSERT_TRUE(registry->place("production", 1, at(3), "auto", "gate passed", 0.14).ok());
  EXPECT_EQ(must(registry->threshold()), 0.14);
  const std::vector<Transition> log = must(registry->log());
  EXPECT_EQ(log.back().what, "threshold");
  EXPECT_EQ(log.back().version, 1);
  ASSERT_TRUE(registry->place("production", 1, at(4), "auto", "gate passed", 0.09).ok());
  EXPECT_EQ(must(registry->threshold()), 0.14);
  EXPECT_EQ(must(registry->log()).size(), log.size());
  EXPECT_TRUE(registry->verify_log().ok()) << registry->verify_log().message();
}

TEST(Registry, OnlyAnApprovedVersionIsPlaced) {
  const TemporaryFolder folder;
  auto registry = open(folder);
  ASSERT_TRUE(registry->add(model_of("r1"), "x", "a").ok());
  ASSERT_TRUE(registry->add(model_of("r2"), "y", "a").ok());
  ASSERT_TRUE(registry->reject(2, at(1), "a", "worse").ok());
  for (const int version : {1, 2})
    EXPECT_EQ(registry->place("staging", version, at(2), "a", "b").code(), Code::kFailedPrecondition);
  EXPECT_NE(registry->place("staging", 1, at(2), "a", "b").message().find("PendingManualApproval"), std::string::npos);
  EXPECT_EQ(registry->place("", 1, at(2), "a", "b").code(), Code::kInvalidArgument);
  EXPECT_EQ(stages_of(*registry, "staging"), "- before -");
}

// ---- Placement ------------------------------------------------------------------------------------------------------

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

// ---- Threshold ------------------------------------------------------------------------------------------------------

TEST(Registry, TheInitialThresholdIsSetOnceAndNeverOverwrites) {
  const TemporaryFolder folder;
  auto registry = open(folder);
  EXPECT_EQ(registry->threshold().code(), Code::kNotFound);
  ASSERT_TRUE(registry->set_threshold_if_absent(0.24, at(0)).ok());
  ASSERT_TRUE(registry->set_threshold_if_absent(0.5, at(1)).ok());
  EXPECT_EQ(must(registry->threshold()), 0.24);
  ASSERT_TRUE(registry->set_threshold(0.141, at(2), "auto", "model 1 in production").ok());
  ASSERT_TRUE(registry->set_threshold_if_absent(0.24, at(3)).ok());
  EXPECT_EQ(must(registry->threshold()), 0.141);
  EXPECT_EQ(log_of(*registry),
            "1 threshold 0 by scheduler: initial value of the definition {\"from\":null,\"to\":0.24}\n"
            "2 threshold 0 by auto: model 1 in production {\"from\":0.24,\"to\":0.141}\n");
}

TEST(Registry, AThresholdThatIsNoNumberOrNegativeIsRefused) {
  const TemporaryFolder folder;
  auto registry = open(folder);
  for (const double value : {-0.1, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()})
    EXPECT_EQ(registry->set_threshold(value, at(0), "a", "b").code(), Code::kInvalidArgument);
  EXPECT_EQ(registry->threshold().code(), Code::kNotFound);
}

TEST(Registry, ParametersCountFromWhenTheyWereSetAndAllOfThemAreKept) {
  const TemporaryFolder folder;
  auto registry = open(folder);
  const json::object wide{{"num_cells", 60}, {"dropout_rate", 0.05}}, narrow{{"num_cells", 20}};
  EXPECT_EQ(must(registry->parameters(at(9))), json::object());
  ASSERT_TRUE(registry->set_parameters({}, at(1), "cli:anna", "none").ok());
  ASSERT_TRUE(registry->set_parameters(wide, at(2), "cli:anna", "tuned").ok());
  ASSERT_TRUE(registry->set_parameters(wide, at(3), "cli:anna", "again").ok());
  ASSERT_TRUE(registry->set_parameters(narrow, at(4), "cli:bert", "faster").ok());
  ASSERT_TRUE(registry->set_parameters({}, at(5), "cli:bert", "as the definition says").ok());
  registry.reset();
  registry = open(folder);
  EXPECT_EQ(must(registry->parameters(at(1))), json::object());
  EXPECT_EQ(must(registry->parameters(at(2))), wide);
  EXPECT_EQ(must(registry->parameters(at(3))), wide);
  EXPECT_EQ(must(registry->parameters(at(4))), narrow);
  EXPECT_EQ(must(registry->parameters(at(9))), json::object());
  EXPECT_EQ(log_of(*registry),
            R"(1 parameters 0 by cli:anna: tuned {"from":{},"to":{"num_cells":60,"dropout_rate":0.05}}
2 parameters 0 by cli:bert: faster {"from":{"num_cells":60,"dropout_rate":0.05},"to":{"num_cells":20}}
3 parameters 0 by cli:bert: as the definition says {"from":{"num_cells":20},"to":{}}
)");
  EXPECT_TRUE(registry->verify_log().ok());
}

TEST(UpdatedThreshold, MovesTowardsALowerLossByTheUpdateRateDownToThe90PercentPoint) {
  struct Case {
    double threshold, update_rate, loss, loss_point_90, expected;
  };
  for (const Case& c : {
           Case{0.24, 0.0, 0.10, 0.05, 0.24},  // 0 never moves it,
           {0.24, 1.0, 0.10, 0.05, 0.10},      // 1 takes the new loss,
           {0.24, 0.5, 0.10, 0.05, 0.17},      // 0.5 half way,
           {0.24, 0.25, 0.20, 0.05, 0.23},
           {0.24, 1.0, 0.10, 0.13, 0.13},  // never below the 90 % point,
           {0.24, 0.5, 0.10, 0.18, 0.18},
           {0.24, 0.5, 0.10, 0.30, 0.24},  // never raised: neither by that point
           {0.24, 0.0, 0.10, 0.20, 0.24},
           {0.24, 1.0, 0.30, 0.05, 0.24},  // nor by a higher loss,
           {0.24, 1.0, 0.24, 0.05, 0.24},  // nor moved by an equal one.
           {0.24, 1.0, std::numeric_limits<double>::quiet_NaN(), 0.05, 0.24},
       }) {
    EXPECT_NEAR(updated_threshold(c.threshold, c.update_rate, c.loss, c.loss_point_90), c.expected, 1e-15)
        << c.update_rate << " " << c.loss << " " << c.loss_point_90;
  }
}

// ---- The file -------------------------------------------------------------------------------------------------------

TEST(RegistryFile, HoldsEveryChangeAfterItsReturn) {
  const TemporaryFolder folder;
  ASSERT_EQ(must(open(folder)->add(model_of("run-1"), "one", "a")), 1);
  EXPECT_EQ(open(folder)->list()->size(), 1u);
  ASSERT_TRUE(open(folder)->approve(1, at(1), "a", "b").ok());
  EXPECT_EQ(open(folder)->get(1)->approval, Approval::kApproved);
  ASSERT_EQ(must(open(folder)->add(model_of("run-2"), "two", "a")), 2);
  ASSERT_TRUE(open(folder)->reject(2, at(1), "a", "b").ok());
  EXPECT_EQ(open(folder)->get(2)->approval, Approval::kRejected);
  ASSERT_TRUE(open(folder)->place("staging", 1, at(2), "a", "b").ok());
  EXPECT_EQ(stages_of(*open(folder), "staging"), "1 before -");
  ASSERT_TRUE(open(folder)->set_threshold_if_absent(0.24, at(3)).ok());
  EXPECT_EQ(must(open(folder)->threshold()), 0.24);
  ASSERT_TRUE(open(folder)->set_threshold(0.2, at(3), "a", "b").ok());
  EXPECT_EQ(must(open(folder)->threshold()), 0.2);
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
  EXPECT_NE(registry.message().find("registry.db: written by a newer program: format 2"), std::string::npos)
      << registry.message();
}

TEST(RegistryFile, ThatIsDamagedIsDataLossAndNamed) {
  const TemporaryFolder folder;
  live(*open(folder));
  const auto path = folder.path() / "registry.db";
  std::string bytes = must(read_file(path));
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

// Whatever is asked in whatever order, with restarts in between: the registry does what a few plain variables do, and
// its log stays whole.
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
    const bool changes =
        now == Approval::kPendingManualApproval ||
        (now == Approval::kApproved && decision == Approval::kRejected && stages["production"].first != version);
    EXPECT_EQ(status.ok(), now == decision || changes);
    if (changes) now = decision, ++rows;
  };
  for (int i = 0; i < 300; ++i) {
    const int version = approvals.empty() ? 0 : 1 + static_cast<int>(rng.below(approvals.size()));
    const std::uint64_t choice = rng.below(12);
    if (choice == 0 || version == 0) {
      const std::string artefact(rng.below(100), static_cast<char>(rng.below(256)));
      const int added = must(registry->add(model_of("run", rng.uniform()), artefact, "a"));
      ASSERT_EQ(added, static_cast<int>(approvals.size()) + 1);
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
      ASSERT_EQ(must(registry->placed(stage)), expected.first);
      ASSERT_EQ(must(registry->previous(stage)), expected.second);
    }
    if (threshold) {
      ASSERT_EQ(must(registry->threshold()), *threshold);
    }
  }
  ASSERT_EQ(registry->list()->size(), approvals.size());
  for (std::size_t i = 0; i < approvals.size(); ++i)
    EXPECT_EQ(must(registry->get(static_cast<int>(i) + 1)).approval, approvals[i]);
  EXPECT_EQ(registry->log()->size(), rows);
  EXPECT_TRUE(registry->verify_log().ok()) << registry->verify_log().message();
}

}  // namespace
}  // namespace tidecast
