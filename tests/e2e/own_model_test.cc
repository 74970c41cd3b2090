// Other algorithms than DeepAR through the whole loop, by the real binary: baselines, and a program of one's own that
// works, fails, hangs, or answers rubbish.

#include <gtest/gtest.h>

#include "base/json.h"
#include "program.h"

namespace tidecast::e2e {
namespace {

constexpr const char* kRest =
    "validation: { threshold: { weighted_quantile_loss: 5 }, must_beat: [] }\n"
    "deployment: { approval: auto, stages: { production: { approval: auto } } }\n";

// A replay of seven hours with one run in it.
struct Replayed {
  explicit Replayed(const std::string& algorithm) { define(algorithm); }
  void define(const std::string& algorithm) const {
    write(folder / "tidecast.yaml", definition(430, "",
                                               "forecast: { target: tx_metrics.avg_fee_1min, horizon: 12, algorithm: " +
                                                   algorithm + " }\n" + kRest));
  }
  Finished run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(),
                     {"-c", (folder / "tidecast.yaml").string(), "--data", (folder / "data").string()});
    return tidecast(arguments);
  }
  json::value json_of(std::vector<std::string> arguments) const {
    arguments.push_back("--json");
    const Finished finished = run(std::move(arguments));
    EXPECT_EQ(finished.code, 0) << finished.err;
    return parse_json(finished.out).value();
  }
  void replay() const {
    const Finished replayed = run({"replay"});
    ASSERT_EQ(replayed.code, 0) << replayed.out << replayed.err;
  }
  // How its first run ended, and why.
  std::string outcome() const {
    const json::value run = json_of({"runs"}).at(0);
    return std::string(run.at("outcome").as_string()) + ": " + std::string(run.at("reason").as_string());
  }
  // What is asked of any model in production.
  void expect_it_forecasts() const {
    EXPECT_EQ(json_of({"status"}).at("production").to_number<int>(), 1);
    const json::value forecast = json_of({"forecast", "--quantiles", ".1,.9"});
    ASSERT_EQ(forecast.at("steps").as_array().size(), 12u);
    for (const json::value& step : forecast.at("steps").as_array())
      EXPECT_LE(step.at("q0.1").to_number<double>(), step.at("q0.9").to_number<double>());
    EXPECT_GT(json_of({"sql", "SELECT count(*) AS n FROM scores WHERE stage = 'production'"}).at(0).at("n").as_int64(),
              0);
  }

  Folder folder;
};

TEST(OtherAlgorithms, ABaselineIsTrainedJudgedDeployedAskedAndScored) {
  for (const char* name : {"naive", "seasonal_naive", "npts", "ets"}) {
    SCOPED_TRACE(name);
    const Replayed replayed(name);
    replayed.replay();
    EXPECT_EQ(replayed.outcome().find("succeeded: "), 0u) << replayed.outcome();
    replayed.expect_it_forecasts();
    const json::value run = replayed.json_of({"runs", "1"});
    EXPECT_EQ(run.at("parameters").at("algorithm"), name);
    for (const char* rival : {"naive", "seasonal_naive", "npts", "ets"})
      EXPECT_TRUE(run.at("metrics").at(rival).is_number()) << rival;
  }
}

TEST(OtherAlgorithms, TheExamplesProgramGoesThroughTheWholeLoop) {
  const Replayed replayed("{ program: [python3, mine.py], hyperparameters: { season: 10 } }");
  write(replayed.folder / "mine.py", read(std::string(TIDECAST_ROOT) + "/examples/own-model/seasonal.py"));
  replayed.replay();
  EXPECT_EQ(replayed.outcome().find("succeeded: "), 0u) << replayed.outcome();
  replayed.expect_it_forecasts();
  std::filesystem::remove(replayed.folder / "mine.py");
  const Finished status = replayed.run({"status"});
  EXPECT_EQ(status.code, 0) << "all else goes on without it";
  EXPECT_NE(status.err.find("python3 mine.py serve: ended with exit code 2"), std::string::npos) << status.err;
}

TEST(OtherAlgorithms, AProgramThatDiesInProductionIsTheFirstThingThatTheStatusSays) {
  const Replayed replayed("{ program: [python3, mine.py], hyperparameters: { season: 10 } }");
  std::string script = read(std::string(TIDECAST_ROOT) + "/examples/own-model/seasonal.py");
  const std::string answering = "def do_POST(self):\n";
  const std::size_t at = script.find(answering);
  ASSERT_NE(at, script.npos);
  const std::string count = (replayed.folder / "count").string();
  script.insert(at + answering.size(), "        open('" + count + "', 'a').write('.')\n        if os.path.getsize('" +
                                           count + "') > 60: os._exit(3)\n");
  write(replayed.folder / "mine.py", script);
  replayed.replay();
  EXPECT_EQ(replayed.outcome().find("succeeded: "), 0u) << replayed.outcome();
  const json::value answer = replayed.json_of({"status"}).at("answer");
  EXPECT_EQ(answer.at("state"), "cannot_forecast");
  EXPECT_NE(answer.at("detail").as_string().find("python3 mine.py serve: ended with exit code 3"), std::string::npos)
      << answer;
}

TEST(OtherAlgorithms, TheModelBeforeDoesNotServeWhereTheOneInProductionIsGone) {
  const Replayed replayed("naive");
  replayed.replay();
  replayed.expect_it_forecasts();
  replayed.define("{ program: [python3, mine.py], hyperparameters: { season: 10 } }");
  write(replayed.folder / "mine.py", read(std::string(TIDECAST_ROOT) + "/examples/own-model/seasonal.py"));
  const Finished trained = replayed.run({"train"});
  ASSERT_EQ(trained.code, 0) << trained.out << trained.err;
  ASSERT_EQ(replayed.json_of({"status"}).at("production").to_number<int>(), 2);
  std::filesystem::remove(replayed.folder / "mine.py");
  const Finished forecast = replayed.run({"forecast"});
  EXPECT_NE(forecast.code, 0) << forecast.out;
  EXPECT_EQ(forecast.out, "") << "version 1's forecast under the name of version 2";
}

TEST(OtherAlgorithms, TheExamplesDefinitionIsValid) {
  const std::string file = std::string(TIDECAST_ROOT) + "/examples/own-model/tidecast.yaml";
  const Finished check = tidecast({"check", "-c", file, "--records", "0"});
  EXPECT_EQ(check.code, 0) << check.err;
  EXPECT_NE(check.out.find("by python3 seasonal.py"), std::string::npos) << check.out;
}

TEST(OtherAlgorithms, AProgramThatFailsOrHangsOrAnswersRubbishIsAFailedRunThatNamesIt) {
  const auto outcome = [](const std::string& script, const std::string& more = "") {
    const Replayed replayed("{ program: [python3, mine.py]" + more + " }");
    write(replayed.folder / "mine.py", script);
    replayed.replay();
    return replayed.outcome();
  };
  const std::string fails = outcome("import sys\nprint('no idea')\nsys.exit(4)\n");
  EXPECT_EQ(fails.find("failed: "), 0u) << fails;
  EXPECT_NE(fails.find("python3 mine.py train ended with exit code 4; it said last: no idea"), std::string::npos)
      << fails;

  const std::string hangs = outcome("import time\ntime.sleep(1000)\n", ", train_at_most: 1s");
  EXPECT_NE(hangs.find("python3 mine.py train did not end within 1s and was stopped"), std::string::npos) << hangs;

  const std::string rubbish = outcome(R"(
import http.server, os, sys
if sys.argv[-1] == "train":
    open(os.environ["SM_MODEL_DIR"] + "/m", "w").write("m")
    sys.exit(0)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def do_POST(self):
        self.do_GET()
http.server.HTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
)");
  EXPECT_EQ(rubbish.find("failed: "), 0u) << rubbish;
  EXPECT_NE(rubbish.find("python3 mine.py serve: its answer: found ''; allowed: JSON"), std::string::npos) << rubbish;
}

TEST(OtherAlgorithms, TheTrainingDataIsExportedAndBackTested) {
  const Replayed replayed("naive");
  replayed.replay();
  const Finished exported = replayed.run({"export", "--out", (replayed.folder / "channels").string()});
  ASSERT_EQ(exported.code, 0) << exported.err;
  for (const char* channel : {"train", "test"})
    EXPECT_TRUE(std::filesystem::exists(replayed.folder / "channels" / channel / "series.json.gz"));
  const Finished backtest =
      tidecast({"backtest", "--file", (replayed.folder / "channels/train/series.json.gz").string(), "--freq", "1min",
                "--horizon", "12", "--steps", "2", "--json"});
  ASSERT_EQ(backtest.code, 0) << backtest.err;
  const json::value judged = parse_json(backtest.out).value();
  for (const char* method : {"naive", "seasonal_naive", "npts", "ets"})
    EXPECT_TRUE(judged.at(method).at("mean_wql").is_number()) << method;
  EXPECT_EQ(replayed.run({"export", "--out", (replayed.folder / "x").string(), "--windows", "99"}).code, 4);
}

}  // namespace
}  // namespace tidecast::e2e
