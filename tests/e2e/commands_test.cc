// What a person does at the command line after a replay with manual approval: look, approve, deploy, forecast, ask with
// SQL.

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/json.h"
#include "program.h"

namespace tidecast::e2e {
namespace {

// A command on examples/wikipedia-edits with its data in `folder`.
Finished run_in(const Folder& folder, std::vector<std::string> arguments) {
  const std::string definition = std::string(TIDECAST_ROOT) + "/examples/wikipedia-edits/tidecast.yaml";
  arguments.insert(arguments.end(), {"-c", definition, "--data", (folder / "data").string()});
  return tidecast(arguments);
}

// A replay of the wholly real recording (examples/wikipedia-edits), once for all tests here.
class Commands : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new Folder;
    const Finished replay = run({"replay"});
    ASSERT_EQ(replay.code, 0) << replay.out << replay.err;
  }
  static void TearDownTestSuite() {
    delete folder_;
    folder_ = nullptr;
  }
  static std::filesystem::path data() { return *folder_ / "data"; }
  static Finished run(std::vector<std::string> arguments) { return run_in(*folder_, std::move(arguments)); }
  static json::value json_of(std::vector<std::string> arguments) {
    arguments.push_back("--json");
    const Finished finished = run(arguments);
    EXPECT_EQ(finished.code, 0) << finished.err;
    return parse_json(finished.out).value();
  }

 private:
  static inline Folder* folder_ = nullptr;
};

// In a copy of its own, with the model that nobody has approved yet.
TEST_F(Commands, ARunThatCannotGoOnAfterACrashFailsAndEndsNoStart) {
  const Folder copy;
  std::filesystem::copy(data(), copy / "data", std::filesystem::copy_options::recursive);
  const auto runs = [&] { return parse_json(run_in(copy, {"runs", "--json"}).out).value().as_array(); };
  for (int commit = 1; runs().back().at("outcome") != "running"; ++commit) {  // Until one stands there unfinished.
    ASSERT_LT(commit, 20);
    ::setenv("TIDECAST_CRASH_AT", fmt::format("tracking.db:{}", commit).c_str(), 1);
    run_in(copy, {"train", "--warm-start", "1"});
    ::unsetenv("TIDECAST_CRASH_AT");
  }
  std::filesystem::remove(copy / "data/models/1.safetensors");
  EXPECT_EQ(run_in(copy, {"train"}).code, 0);
  const json::array ended = runs();
  const json::value& interrupted = ended.at(ended.size() - 2);
  EXPECT_EQ(interrupted.at("outcome"), "failed");
  EXPECT_NE(interrupted.at("reason").as_string().find("1.safetensors"), std::string::npos) << interrupted;
  EXPECT_NE(ended.back().at("outcome"), "running");
}

// The misdated rows at the beginning of the recording are dead letters; everything else is stored.
TEST_F(Commands, AModelWaitsForAPersonGoesToStagingThenToProductionAndForecasts) {
  const json::value waiting = json_of({"status"});
  EXPECT_EQ(waiting.at("events").at("dead").to_number<int>(), 12);
  EXPECT_EQ(waiting.at("balance"), "ok");
  EXPECT_TRUE(waiting.at("production").is_null());
  EXPECT_EQ(waiting.at("needs_you").at(0).at("commands").at(0), "tidecast approve 1");
  EXPECT_EQ(run({"forecast"}).code, 4);                           // No model yet: refused by the present state.
  EXPECT_EQ(run({"deploy", "1", "--to", "production"}).code, 4);  // Not approved.
  EXPECT_EQ(run({"approve", "7"}).code, 3);                       // No such version.

  EXPECT_EQ(run({"approve", "1", "-m", "looks good"}).code, 0);
  EXPECT_EQ(json_of({"status"}).at("staging").to_number<int>(), 1);
  EXPECT_EQ(run({"approve", "1", "--for", "production"}).code, 0);
  EXPECT_EQ(json_of({"status"}).at("production").to_number<int>(), 1);
  EXPECT_EQ(run({"reject", "1", "-m", "too late"}).code, 4);
  EXPECT_EQ(run({"train", "--warm-start", "7"}).code, 3);
  EXPECT_EQ(run({"approve", "1", "--for", "production"}).code, 0) << "a repeat";
  EXPECT_EQ(json_of({"sql", "SELECT count(*) AS n FROM timeline WHERE kind = 'threshold'"}).at(0).at("n").as_int64(),
            1);

  const json::value forecast = json_of({"forecast", "--quantiles", ".1,.9"});
  ASSERT_EQ(forecast.at("steps").as_array().size(), 30u);
  for (const json::value& step : forecast.at("steps").as_array())
    EXPECT_LT(step.at("q0.1").to_number<double>(), step.at("q0.9").to_number<double>());
  EXPECT_EQ(run({"forecast", "--quantiles", ".1,1.9"}).code, 2);

  // A file of series by the same model, without a server.
  const Folder batch;
  write(batch / "in.jsonl", "{\"start\": \"2015-09-12\", \"target\": [1, 2, null, 3]}\n");
  const std::string in = (batch / "in.jsonl").string(), out = (batch / "made.jsonl").string();
  ::setenv("DEEPAR_INFERENCE_CONFIG", R"({"num_samples": 5, "output_types": ["samples"]})", 1);
  const json::value done = json_of({"forecast", "--batch", in, "--out", out, "--model", "1"});
  EXPECT_EQ(done.at("lines").to_number<int>(), 1);
  EXPECT_EQ(parse_json(read(out)).value().at("samples").as_array().size(), 5u);
  ::setenv("DEEPAR_INFERENCE_CONFIG", "{\"samples\": 5}", 1);
  const Finished wrong = run({"forecast", "--batch", in});
  ::unsetenv("DEEPAR_INFERENCE_CONFIG");
  EXPECT_EQ(wrong.code, 2);
  EXPECT_TRUE(wrong.err.starts_with("DEEPAR_INFERENCE_CONFIG: found the member \"samples\"")) << wrong.err;
  EXPECT_FALSE(std::filesystem::exists(in + ".out"));
  EXPECT_EQ(run({"forecast", "--batch", in, "--model", "7"}).code, 3);
  EXPECT_EQ(run({"forecast", "--batch", in, "--series", "edits.edits"}).code, 2);
  EXPECT_EQ(run({"forecast", "--model", "1"}).code, 2) << "only with a batch";

  const std::string file = (batch / "model.safetensors").string();
  const json::value exported = json_of({"models", "export", "1", "--out", file});
  EXPECT_EQ(exported.at("artefact_hash"), json_of({"models"}).at(0).at("artefact_hash"));
  EXPECT_NE(read(file).find("tidecast.deepar"), std::string::npos);
  EXPECT_EQ(run({"models", "export", "7", "--out", file}).code, 3);
  // A link leads to the file, and stays one.
  const std::string link = (batch / "link").string();
  std::filesystem::create_symlink(file, link);
  write(file, "old");
  EXPECT_EQ(run({"models", "export", "1", "--out", link}).code, 0);
  EXPECT_TRUE(std::filesystem::is_symlink(link));
  EXPECT_NE(read(file), "old");
  EXPECT_EQ(run({"models", "export", "1"}).code, 2) << "to where?";
}

TEST_F(Commands, SqlSeesTheWindowsAndTheRunsAndChangesNothing) {
  const json::value rows = json_of({"sql", "SELECT count(*) AS n, sum(edits) AS edits FROM edits"});
  const json::value listed = json_of({"features", "edits", "--last", "0"});
  EXPECT_EQ(rows.at(0).at("n").to_number<std::size_t>(), listed.as_array().size());
  std::int64_t edits = 0;
  for (const json::value& row : listed.as_array()) edits += row.at("edits").to_number<std::int64_t>();
  EXPECT_EQ(rows.at(0).at("edits").to_number<std::int64_t>(), edits);
  EXPECT_EQ(json_of({"sql", "SELECT outcome FROM runs"}).at(0).at("outcome"), "succeeded");
  EXPECT_EQ(run({"sql", "COPY edits TO '/tmp/never.csv'"}).code, 2);
  EXPECT_EQ(run({"sql", "SELECT * FROM read_text('/etc/passwd')"}).code, 2);
}

TEST_F(Commands, ASecondReplayOfTheSameDataAddsNothing) {
  const json::value before = json_of({"status"}), again = json_of({"replay"});
  EXPECT_EQ(again.at("events"), before.at("events"));
  EXPECT_EQ(again.at("runs").as_array().size(), 1u);
}

TEST(Approval, APersonMaySayNoAfterALookInStaging) {
  const Folder folder;
  ASSERT_EQ(run_in(folder, {"replay", "--until", "2015-09-12T14:00:00Z"}).code, 0);
  const auto json_of = [&folder](std::vector<std::string> arguments) {
    arguments.push_back("--json");
    return parse_json(run_in(folder, arguments).out).value();
  };
  EXPECT_EQ(json_of({"approve", "1"}).at("stages"), "staging");
  EXPECT_EQ(json_of({"reject", "1", "-m", "too wide at night"}).at("approval"), "Rejected");
  EXPECT_EQ(run_in(folder, {"approve", "1", "--for", "production"}).code, 4);
  EXPECT_EQ(json_of({"status"}).at("needs_you"), json::array());
  // Without a model in production no alarm would ever ask for another one, so the loop tries again by itself.
  EXPECT_EQ(json_of({"replay", "--until", "2015-09-12T16:00:00Z"}).at("runs").as_array().size(), 2u);
}

// The user's own recording lay in raw/ once, and `tidecast status` removed it as a file that no manifest names.
TEST(DataFolder, NothingIsMadeAnewBesideWhatIsThereAndNothingOfItIsRemoved) {
  const Folder folder;
  std::filesystem::create_directories(folder / "data/raw");
  write(folder / "data/raw/000000000007.ndjson.zst", "mine");
  for (const char* command : {"status", "replay", "runs"}) {
    const Finished refused = run_in(folder, {command});
    EXPECT_EQ(refused.code, 1) << command;
    EXPECT_NE(refused.err.find("there is raw, but no state"), std::string::npos) << refused.err;
  }
  EXPECT_EQ(read(folder / "data/raw/000000000007.ndjson.zst"), "mine");
  EXPECT_FALSE(std::filesystem::exists(folder / "data/state"));

  const Folder lost;
  ASSERT_EQ(run_in(lost, {"replay", "--quiet", "--until", "2015-09-12T03:00:00Z"}).code, 0);
  std::filesystem::rename(lost / "data/registry.db", lost / "registry.db");
  EXPECT_EQ(run_in(lost, {"status"}).code, 1);
  write(lost / "data/registry.db", "");
  EXPECT_EQ(run_in(lost, {"models"}).code, 1) << "an empty one is none";
  std::filesystem::rename(lost / "registry.db", lost / "data/registry.db");
  std::filesystem::rename(lost / "data/state", lost / "state");
  EXPECT_EQ(run_in(lost, {"sql", "SELECT count(*) FROM edits"}).code, 1);
  std::filesystem::create_directory(lost / "data/state");
  EXPECT_EQ(run_in(lost, {"status"}).code, 1) << "nor is an empty folder";
  std::filesystem::remove_all(lost / "data/state");
  std::filesystem::rename(lost / "state", lost / "data/state");
  EXPECT_EQ(run_in(lost, {"features", "--last", "1"}).code, 0);
  EXPECT_EQ(run_in(lost, {"replay", "--report", (lost / "data/registry.db").string()}).code, 2);
  const Folder none;
  EXPECT_EQ(run_in(none, {"status"}).code, 3);
}

TEST_F(Commands, WrongUsageIsExitTwoAndSaysWhatIsAllowed) {
  EXPECT_EQ(run({"replay", "--speed", "fast"}).code, 2);
  const Finished bogus = tidecast({"features", "-c", "/nowhere/tidecast.yaml"});
  EXPECT_NE(bogus.code, 0);
  EXPECT_NE(bogus.err.find("/nowhere/tidecast.yaml"), std::string::npos) << bogus.err;
  EXPECT_EQ(tidecast({"frobnicate"}).code, 2);
  EXPECT_EQ(tidecast({"--help"}).code, 0);
}

}  // namespace
}  // namespace tidecast::e2e
