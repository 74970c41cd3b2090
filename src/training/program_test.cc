// Programs that keep to the contract, and programs that do not.

#include "training/program.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "storage/file.h"
#include "storage/temporary_folder.h"
#include "training/program_model.h"

namespace tidecast {
namespace {

namespace fs = std::filesystem;

// Does what its hyperparameter `mode` says; its model is a file with its hyperparameters.
constexpr const char* kProgram = R"(
import json, os, sys, time
base, model = os.environ["SAGEMAKER_BASE_DIR"], os.environ["SM_MODEL_DIR"]
if sys.argv[-1] == "train":
    hyper = json.load(open(base + "/input/config/hyperparameters.json"))
    assert hyper == json.loads(os.environ["SM_HPS"]) and os.environ["SM_HP_MODE"] == hyper["mode"]
    lines = open(os.environ["SM_CHANNEL_TRAIN"] + "/series.json").read().splitlines()
    print("training on", [len(json.loads(line)["target"]) for line in lines], flush=True)
    if hyper["mode"] == "fails":
        open(base + "/output/failure", "w").write("no such luck\n")
        sys.exit(3)
    if hyper["mode"] == "hangs in training":
        time.sleep(1000)
    if hyper["mode"] != "leaves nothing":
        os.mkdir(model + "/deep")
        json.dump(hyper, open(model + "/deep/hyper.json", "w"))
    sys.exit(0)
hyper = json.load(open(model + "/deep/hyper.json"))
mode, horizon = hyper["mode"], int(hyper["prediction_length"])
if mode == "cannot serve":
    print("no memory")
    sys.exit(5)
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())
    def do_GET(self):
        self.answer(503 if mode == "never ready" else 200, "")
    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        instance, asked = request["instances"][0], request["configuration"]
        last = instance["target"][-1]
        if mode == "dies" and last == 13:
            print("unlucky", flush=True)
            os._exit(7)
        if mode == "hangs" and last == 13:
            time.sleep(1000)
        if mode == "refuses":
            return self.answer(400, "no such series")
        if mode == "talks":
            return self.answer(200, "hello")
        steps = horizon - 1 if mode == "is short" else horizon
        prediction = {"samples": [[last + path] * steps for path in range(asked["num_samples"])]}
        if mode == "quantiles":
            prediction = {"quantiles": {q: [last + 10 * float(q)] * horizon for q in asked["quantiles"]}}
        if mode == "echoes":
            prediction = {"samples": [[asked["seed"], len(instance["target"]), int(instance["start"] == "2026-05-06 00:00:00")]]}
        self.answer(200, json.dumps({"predictions": [prediction]}))
    def log_message(self, *_):
        pass
http.server.HTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
)";

constexpr ProgramLimits kQuick{.start = 10'000ms,
                               .ping = 2'000ms,
                               .answer = 10'000ms,
                               .stop = 5'000ms,
                               .stop_training = 5'000ms,
                               .first_pause = 0ms,
                               .longest_pause = 0ms};

TimeSeries hourly(std::vector<double> values) { return {EventTime::from_ms(1'778'025'600'000), 1h, std::move(values)}; }

class Program : public testing::Test {
 protected:
  Program() { EXPECT_TRUE(write_file_atomically(folder_.path() / "program.py", kProgram).ok()); }

  ProgramOptions options(const std::string& mode) const {
    return {.command = {"python3", "program.py"},
            .folder = folder_.path(),
            .hyperparameters = {{"mode", mode}},
            .train_at_most = 60'000ms};
  }
  Result<std::shared_ptr<const Forecaster>> train(const ProgramOptions& program, ProgramLimits limits = kQuick) const {
    const TimeSeries series = hourly({1, 2, 3, 4});
    return train_program(program, std::span(&series, 1), 3, folder_.path() / "work", limits);
  }
  std::shared_ptr<const Forecaster> model(const std::string& mode, ProgramLimits limits = kQuick) const {
    auto trained = train(options(mode), limits);
    EXPECT_TRUE(trained.ok()) << trained.message();
    return std::move(trained).value();
  }

  const TemporaryFolder folder_;
};

TEST_F(Program, IsTrainedWrittenDownLoadedAndAsked) {
  const auto trained = model("good");
  const auto loaded = load_program(trained->serialize(), folder_.path() / "served", kQuick).value();
  EXPECT_EQ(loaded->serialize(), trained->serialize());
  EXPECT_EQ(loaded->horizon(), 3);
  for (const auto& each : {trained, loaded}) {
    const ForecastPaths paths = each->forecast(hourly({5, 40}), 2, 7).value();
    EXPECT_EQ(paths.values, (std::vector<float>{40, 40, 40, 41, 41, 41}));
  }
  EXPECT_EQ(model("good")->serialize(), trained->serialize()) << "the same files, the same bytes";
}

TEST_F(Program, ItsUnpackedModelGoesWithIt) {
  const std::string artefact = model("good")->serialize();
  auto loaded = load_program(artefact, folder_.path() / "served", kQuick).value();
  EXPECT_FALSE(fs::is_empty(folder_.path() / "served"));
  EXPECT_TRUE(loaded->forecast(hourly({5, 40}), 2, 7).ok());
  loaded.reset();
  EXPECT_TRUE(fs::is_empty(folder_.path() / "served"));
}

TEST_F(Program, IsSentTheSeedAndTheNewestOfTheHistory) {
  const auto echo = model("echoes");
  const std::uint64_t seed = std::uint64_t{5} << 11;
  EXPECT_EQ(echo->forecast(hourly({1, NAN, 2}), 1, seed).value().values, (std::vector<float>{5, 3, 1}));
  EXPECT_EQ(echo->forecast(hourly(std::vector<double>(5000, 1)), 1, seed).value().values,
            (std::vector<float>{5, 4096, 0}));
}

TEST_F(Program, ThatFailsInTrainingIsNamedWithItsReasonAndItsLastWords) {
  EXPECT_EQ(train(options("fails")).message(),
            "python3 program.py train says: no such luck; it ended with exit code 3; it said last: training on [4]");
  EXPECT_NE(train(options("leaves nothing")).message().find("ended well but left nothing in"), std::string::npos);
  ProgramOptions none = options("good");
  none.command = {"./none"};
  EXPECT_EQ(train(none).message(), "./none: cannot start: No such file or directory");
}

TEST_F(Program, ThatHangsInTrainingIsStopped) {
  ProgramOptions program = options("hangs in training");
  program.train_at_most = 500ms;
  const std::string message = train(program).message();
  EXPECT_NE(message.find("python3 program.py train did not end within 500ms and was stopped; it runs"),
            std::string::npos)
      << message;
}

TEST_F(Program, ThatCannotServeIsNamedWithItsExitCode) {
  EXPECT_EQ(model("cannot serve")->forecast(hourly({1}), 2, 7).message(),
            "python3 program.py serve: ended with exit code 5; it said last: no memory");
  ProgramLimits limits = kQuick;
  limits.start = 300ms;
  const std::string message = model("never ready", limits)->forecast(hourly({1}), 2, 7).message();
  EXPECT_EQ(message.find("python3 program.py serve: GET /ping was not answered with 200 within 300ms: "), 0u)
      << message;
}

TEST_F(Program, ThatDiesIsStartedAgain) {
  const auto dies = model("dies");
  EXPECT_TRUE(dies->forecast(hourly({1}), 2, 7).ok());
  EXPECT_EQ(dies->forecast(hourly({13}), 2, 7).message(),
            "python3 program.py serve: ended with exit code 7; it said last: unlucky");
  EXPECT_TRUE(dies->forecast(hourly({2}), 2, 7).ok());
}

TEST_F(Program, IsNotStartedAgainBeforeAPause) {
  ProgramLimits limits = kQuick;
  limits.first_pause = limits.longest_pause = 3'600'000ms;
  const auto dies = model("dies", limits);
  EXPECT_FALSE(dies->forecast(hourly({13}), 2, 7).ok());
  const std::string message = dies->forecast(hourly({2}), 2, 7).message();
  EXPECT_EQ(message.find("python3 program.py serve: ended with exit code 7; it said last: unlucky; it is started again "
                         "in "),
            0u)
      << message;
}

TEST_F(Program, ThatHangsIsStoppedAndStartedAgain) {
  ProgramLimits limits = kQuick;
  limits.answer = 500ms;
  const auto hangs = model("hangs", limits);
  EXPECT_TRUE(hangs->forecast(hourly({1}), 2, 7).ok());
  const auto hung = hangs->forecast(hourly({13}), 2, 7);
  EXPECT_EQ(hung.code(), Code::kInternal);
  EXPECT_NE(hung.message().find("it runs; it said nothing"), std::string::npos) << hung.message();
  EXPECT_TRUE(hangs->forecast(hourly({2}), 2, 7).ok());
}

TEST_F(Program, WhatItAnswersIsChecked) {
  const auto problem = [&](const char* mode) { return model(mode)->forecast(hourly({1}), 2, 7).status(); };
  const Status refused = problem("refuses");
  EXPECT_EQ(refused.code(), Code::kInvalidArgument);
  EXPECT_EQ(refused.message(), "python3 program.py serve: answered 400: no such series");
  EXPECT_EQ(problem("talks").message().find("python3 program.py serve: its answer: found 'hello'; allowed: JSON"), 0u);
  EXPECT_EQ(problem("is short").message(),
            "python3 program.py serve: its answer: samples: [0]: found 2 of them; allowed: 3 numbers");
}

TEST_F(Program, QuantilesWillDoAndPathsAreDrawnFromThem) {
  const auto quantiles = model("quantiles");
  const ForecastPaths paths = quantiles->forecast(hourly({100}), 4000, 7).value();
  for (const double tau : {0.1, 0.5, 0.9}) EXPECT_NEAR(paths.quantile(tau)[1], 100 + 10 * tau, 0.25) << tau;
  const ForecastPaths few = quantiles->forecast(hourly({100}), 5, 7).value();
  EXPECT_TRUE(std::equal(few.values.begin(), few.values.end(), paths.values.begin()));
}

TEST(ProgramReply, SaysWhatIsWrongWithIt) {
  const auto problem = [](const char* reply) { return paths_of_reply(reply, 2, 1, 7).message(); };
  EXPECT_EQ(problem("[]"), "found []; allowed: {\"predictions\":[{...}]} with one of them");
  EXPECT_EQ(problem(R"({"predictions":[{"mean":[1]}]})"), "neither samples nor quantiles; one of them is needed");
  EXPECT_EQ(problem(R"({"predictions":[{"samples":[[1]]}]})"), "samples: found 1 of them; allowed: 2 arrays");
  EXPECT_EQ(problem(R"({"predictions":[{"samples":[[1],["x"]]}]})"),
            "samples: [1]: [0]: found \"x\"; allowed: a number");
  EXPECT_EQ(problem(R"({"predictions":[{"quantiles":{"1.5":[1]}}]})"),
            "quantiles: found the level '1.5'; allowed: between 0 and 1");
}

TEST(ProgramFile, OthersAreNoModels) {
  const TemporaryFolder folder;
  EXPECT_EQ(load_program("rubbish", folder.path()).code(), Code::kInvalidArgument);
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

}  // namespace
}  // namespace tidecast
