// `tidecast tune` and `tidecast params`: from a search over what a training would take to a training that takes it.

#include <gtest/gtest.h>

#include "base/json.h"
#include "program.h"

namespace tidecast::e2e {
namespace {

// With a rate at which a network learns next to nothing, and a recipe by which one that has learnt nothing says 0, so that
// there is something to find.
constexpr const char* kForecast =
    "forecast:\n"
    "  target: tx_metrics.avg_fee_1min\n"
    "  horizon: 5\n"
    "  first_training_after: 7d\n"
    "  recipe: { scaling: magnitude, copy_gate: off }\n"
    "  hyperparameters: { context_length: 6, num_cells: 4, num_layers: 1, learning_rate: 0.00001 }\n"
    "validation: { windows: 5, paths: 50, threshold: { weighted_quantile_loss: 9 } }\n"
    "server: { listen: \"127.0.0.1:0\" }\n";

struct Tuned : testing::Test {
  void SetUp() override { write(folder / "tidecast.yaml", "data: ./data\n" + definition(400, "", kForecast)); }
  Finished run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"-c", (folder / "tidecast.yaml").string()});
    return tidecast(arguments);
  }
  json::value json_of(std::vector<std::string> arguments) const {
    arguments.push_back("--json");
    const Finished finished = run(arguments);
    EXPECT_EQ(finished.code, 0) << arguments[0] << ": " << finished.err;
    return finished.code == 0 ? parse_json(finished.out).value() : json::value();
  }
  // Of the newest run.
  json::value newest() const { return json_of({"runs"}).as_array().back(); }

  const Folder folder;
};

// Without what took how long.
json::array timeless(const json::value& tuning) {
  json::array trials = tuning.at("trials").as_array();
  for (json::value& trial : trials) trial.as_object().erase("seconds");
  return trials;
}

TEST_F(Tuned, TheBestTrialIsTakenByTheNextTrainingAndATrainingWithoutItHasTheDefaultsLoss) {
  ASSERT_EQ(run({"replay"}).code, 0);
  const json::value found = json_of({"tune", "--trials", "4", "--seed", "3"});
  ASSERT_EQ(found.at("trials").as_array().size(), 4u);
  const json::value &best = found.at("trials").at(0), *defaults = nullptr;
  for (const json::value& trial : found.at("trials").as_array())
    if (trial.at("number") == 1) defaults = &trial;
  ASSERT_NE(defaults, nullptr);
  ASSERT_NE(best.at("number"), 1) << "the defaults were made to lose";
  EXPECT_LT(best.at("held_out_loss").to_number<double>(), defaults->at("held_out_loss").to_number<double>());

  // The trials are runs, and none of those that the loop's state speaks of.
  const json::value runs = json_of({"runs"});
  ASSERT_EQ(runs.as_array().size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) {
    const json::value& each = runs.at(i);
    EXPECT_EQ(each.at("why"), "tune");
    EXPECT_EQ(each.at("outcome"), "succeeded");
    EXPECT_EQ(each.at("metrics").at("number").to_number<std::size_t>(), i + 1);
  }
  EXPECT_EQ(runs.at(0).at("loss"), defaults->at("mean_wql"));
  EXPECT_EQ(runs.at(0).at("parameters").at("cells"), 4);
  EXPECT_EQ(json_of({"status"}).at("runs"), 0);

  EXPECT_EQ(json_of({"params"}).at("values"), json::object());
  run({"train"});  // What the gate says of it is another matter.
  EXPECT_EQ(newest().at("loss"), defaults->at("mean_wql"));
  EXPECT_EQ(newest().at("data_hash"), runs.at(0).at("data_hash"));

  const json::value applied = json_of({"tune", "--trials", "4", "--seed", "3", "--apply", "-m", "it learns"});
  const json::value& again = applied.at("trials").at(0);
  const json::value in_force = json_of({"params"});
  EXPECT_EQ(in_force.at("values"), again.at("differs"));
  EXPECT_EQ(in_force.at("hyperparameters"), again.at("hyperparameters"));
  EXPECT_EQ(in_force.at("history").at(0).at("why"), "it learns");
  run({"train"});
  EXPECT_EQ(newest().at("loss"), again.at("mean_wql"));

  EXPECT_EQ(json_of({"params", "set", "num_cells=7", "-m", "smaller"}).at("values").at("num_cells"), 7);
  const std::string number = to_text(in_force.at("history").at(0).at("number"));
  EXPECT_EQ(json_of({"params", "rollback", number, "-m", "back"}).at("values"), again.at("differs"));
  EXPECT_EQ(json_of({"params", "rollback", "0", "-m", "all of it"}).at("values"), json::object());
  EXPECT_EQ(json_of({"params"}).at("history").as_array().size(), 4u);
  EXPECT_EQ(run({"params", "rollback", "99", "-m", "?"}).code, 3);
  EXPECT_EQ(run({"params", "set", "num_cells=many", "-m", "?"}).code, 2);
  const Finished far = run({"params", "set", "num_cells=2000", "-m", "?"});
  EXPECT_EQ(far.code, 2);
  EXPECT_EQ(far.err, "num_cells: found 2000; allowed: whole numbers from 1 to 200\n");
}

TEST_F(Tuned, ByARunningServerItMeansTheSame) {
  ASSERT_EQ(run({"replay"}).code, 0);
  const json::value alone = json_of({"tune", "--trials", "2", "--seed", "5"});
  Running server(own_binary(), {"replay", "--serve", "-c", (folder / "tidecast.yaml").string()});
  ASSERT_TRUE(server.line_with("stay up at")) << server.output();
  const json::value beside = json_of({"tune", "--trials", "2", "--seed", "5", "--apply", "-m", "beside"});
  EXPECT_EQ(timeless(beside), timeless(alone));
  EXPECT_EQ(json_of({"runs"}).as_array().size(), 4u);
  const json::value& best = beside.at("trials").at(0);
  EXPECT_EQ(json_of({"params"}).at("values"), best.at("differs"));
}

TEST(TuneFile, NeedsNoDefinition) {
  const Folder folder;
  std::string csv = "time,value\n";
  for (int i = 0; i < 120; ++i)
    csv += fmt::format("2026-01-{:02}T{:02}:00:00Z,{}\n", 1 + i / 24, i % 24, 10 + i % 24 + i * 7 % 3);
  write(folder / "wave.csv", csv);
  const std::vector<std::string> base{
      "tune",    "--file", (folder / "wave.csv").string(), "--freq", "1h", "--horizon", "4", "--windows", "3",
      "--paths", "20"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), base.begin(), base.end());
    return tidecast(more);
  };
  const Finished table = with({"--trials", "9", "--budget", "1ms"});  // The defaults always are trained.
  ASSERT_EQ(table.code, 0) << table.err;
  for (const char* text : {"the defaults", "held-out loss", "mean wQL", "MASE", "within 80 %", "seconds",
                           "1 trial begun, 8 not: they would not have ended within the budget."})
    EXPECT_NE(table.out.find(text), std::string::npos) << text << " in " << table.out;
  EXPECT_EQ(with({"--apply", "-m", "x"}).code, 2);
  EXPECT_EQ(tidecast({"tune", "--freq", "1h"}).code, 2);
}

}  // namespace
}  // namespace tidecast::e2e
