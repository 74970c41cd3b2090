// The real binary on the reconstructed recording.

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>

#include "base/json.h"
#include "base/rng.h"
#include "program.h"

namespace tidecast::e2e {
namespace {

constexpr const char* kForecast =
    "forecast: { target: tx_metrics.avg_fee_1min, horizon: 30, first_training_after: FIRST, seed: 7 }\n"
    "validation: { threshold: { weighted_quantile_loss: 0.24, update_rate: 0.5 } }\n"
    "deployment: { approval: auto }\n"
    "monitoring: { every: 1h, alarm: { breaches: 3, of: 3, clear_after: 2 }, retrain: { on: [alarm], cool_down: 2h } "
    "}\n"
    "server: { listen: \"127.0.0.2:0\" }\n";  // Deployments must ask their own address, not the usual one.

std::string forecast_from(const std::string& first) {
  std::string text = kForecast;
  return text.replace(text.find("FIRST"), 5, first);
}

// Everything a replay leaves that must not depend on the wall clock.
struct Replayed {
  json::object report;  // Without wall times and memory.
  std::string rows, models;
  std::string history;  // Timeline, scores and evaluations as CSV, a hash of the forecasts.
};

// Replays what `folder` defines, from wherever it stands, to the end.
Replayed replay_in(const Folder& folder) {
  const std::string file = (folder / "tidecast.yaml").string(), data = (folder / "data").string();
  const auto on_it = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"-c", file, "--data", data});
    return tidecast(arguments);
  };
  const Finished run = on_it({"replay", "--quiet", "--report", (folder / "report.json").string()});
  EXPECT_EQ(run.code, 0) << run.out << run.err;
  Replayed result;
  result.report = parse_json(read(folder / "report.json")).value().as_object();
  result.report.erase("wall_seconds");
  result.report.erase("peak_memory_bytes");
  result.report.erase("simulated");  // Where this replay began, which after a kill is not the recording's start.
  for (json::value& entry : result.report.at("runs").as_array()) entry.as_object().erase("seconds");
  result.rows = on_it({"features", "tx_metrics", "--last", "0", "--format", "csv"}).out;
  for (const char* table : {"timeline", "scores", "evaluations"})
    result.history += on_it({"sql", fmt::format("SELECT * FROM {}", table), "--format", "csv"}).out;
  result.history += on_it({"sql", "SELECT sum(hash(forecasts)) FROM forecasts", "--format", "csv"}).out;
  for (const json::value& model : result.report.at("models").as_array())
    result.models += read(folder / ("data/models/" + std::to_string(model.at("version").as_int64()) + ".safetensors"));
  return result;
}

Replayed replay(const std::string& definition_text) {
  const Folder folder;
  write(folder / "tidecast.yaml", definition_text);
  return replay_in(folder);
}

std::uint64_t number(const json::object& report, const char* key) {
  return report.at("events").as_object().at(key).to_number<std::uint64_t>();
}

// Alarms that stand, as opposed to those that report a return to OK.
int alarms_raised(const json::object& report) {
  int raised = 0;
  for (const json::value& alarm : report.at("alarms").as_array()) raised += alarm.at("state") == "ALARM";
  return raised;
}

TEST(Replay, TheBooksBalanceAndEveryTroubleOfTheFeedIsInThem) {
  const Replayed result = replay(definition(240, "", ""));
  EXPECT_EQ(result.report.at("balance"), "ok");
  EXPECT_EQ(number(result.report, "read"), number(result.report, "stored") + number(result.report, "duplicate") +
                                               number(result.report, "late") + number(result.report, "dead"));
  EXPECT_GT(number(result.report, "stored"), 30'000u);
  EXPECT_GT(number(result.report, "duplicate"), 1'000u);
}

TEST(Replay, ARunOnTooFewWindowsIsSkippedAndSaysHowManyThereAre) {
  const Folder folder;
  write(folder / "tidecast.yaml", definition(120, "", forecast_from("12h")));
  const auto on_it = [&folder](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(),
                     {"-c", (folder / "tidecast.yaml").string(), "--data", (folder / "data").string()});
    return tidecast(arguments);
  };
  ASSERT_EQ(on_it({"replay", "--quiet"}).code, 0);
  EXPECT_EQ(on_it({"train", "--why", "too early"}).code, 4);
  const json::value run = parse_json(on_it({"runs", "1"}).out).value();
  EXPECT_EQ(run.at("outcome"), "skipped_insufficient_data");
  EXPECT_EQ(run.at("observations").to_number<int>(), 118);
  EXPECT_EQ(run.at("why"), "manual: too early");
  EXPECT_TRUE(run.at("reason").as_string().starts_with("118 observations; needed are 300 before")) << to_text(run);
}

TEST(Replay, TwoWithOneSeedGiveTheSameRowsModelBytesAndReports) {
  const std::string text = definition(600, "", forecast_from("8h"));
  const Replayed first = replay(text), second = replay(text);
  EXPECT_GE(first.report.at("models").as_array().size(), 1u) << to_pretty_text(first.report);
  EXPECT_TRUE(first.rows == second.rows);
  EXPECT_TRUE(first.models == second.models);
  EXPECT_EQ(first.history, second.history);
  EXPECT_EQ(to_pretty_text(first.report), to_pretty_text(second.report));
}

// Two stores besides the stream's are written while it trains, registers, deploys, forecasts and scores.
TEST(Replay, KilledAtRandomMomentsOfItsWholeLoopItEndsAsIfItHadNotBeen) {
  constexpr std::uint64_t kSeed = 20261125;
  RecordProperty("seed", std::to_string(kSeed));
  const std::string text = definition(600, "", forecast_from("8h"));
  const auto began = std::chrono::steady_clock::now();
  const Replayed undisturbed = replay(text);
  const auto whole =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began).count();

  Rng rng(kSeed);
  int kills = 0, with_a_model = 0;
  for (int round = 0; round < 3; ++round) {
    const Folder folder;
    write(folder / "tidecast.yaml", text);
    const std::vector<std::string> again{
        "replay", "--quiet", "-c", (folder / "tidecast.yaml").string(), "--data", (folder / "data").string()};
    for (int i = 0; i < 6; ++i) {
      if (wait_or_kill(start(again), static_cast<long>(rng.below(static_cast<std::uint64_t>(whole))))) break;
      ++kills;
      with_a_model += std::filesystem::exists(folder / "data/models/1.safetensors");
    }
    const Replayed killed = replay_in(folder);
    EXPECT_TRUE(killed.rows == undisturbed.rows) << "seed " << kSeed;
    EXPECT_TRUE(killed.models == undisturbed.models) << "seed " << kSeed;
    EXPECT_EQ(killed.history, undisturbed.history) << "seed " << kSeed;
    EXPECT_EQ(to_pretty_text(killed.report), to_pretty_text(undisturbed.report)) << "seed " << kSeed;
  }
  RecordProperty("kills", kills);
  RecordProperty("kills_with_a_model", with_a_model);
  EXPECT_GE(kills, 1) << "seed " << kSeed << ": no kill came before the end";
}

TEST(Replay, AChangeOfTheFeesLeadsToAnAlarmARetrainAndABetterModelInProduction) {
  const Replayed result = replay(definition(34 * 60, "", forecast_from("12h")));
  EXPECT_GE(alarms_raised(result.report), 1) << to_pretty_text(result.report);
  const json::array& replaced = result.report.at("replaced").as_array();
  ASSERT_GE(replaced.size(), 1u) << to_pretty_text(result.report);
  EXPECT_LT(replaced[0].at("mean_wql").to_number<double>(), replaced[0].at("mean_wql_replaced").to_number<double>());
  EXPECT_LT(replaced[0].at("mean_wql").to_number<double>(), replaced[0].at("mean_wql_naive").to_number<double>());
  bool by_alarm = false;
  for (const json::value& run : result.report.at("runs").as_array())
    by_alarm |= run.at("why") == "alarm loss_production" && run.at("outcome") == "succeeded";
  EXPECT_TRUE(by_alarm) << to_pretty_text(result.report);
}

TEST(Replay, WithAConstantFeeLevelThereIsNoAlarm) {
  const Replayed result = replay(definition(34 * 60, "    constant_fee_level: 1.0\n", forecast_from("12h")));
  EXPECT_EQ(alarms_raised(result.report), 0) << to_pretty_text(result.report);
  EXPECT_GE(result.report.at("deployments").as_array().size(), 2u) << to_pretty_text(result.report);
  EXPECT_GT(result.report.at("forecasts").at("scored").to_number<int>(), 1'000);
}

// Readings once in 20 s with the hour's rhythm; then without a value; then again with one; a week's silence; and again.
std::string readings_with_trouble() {
  Rng rng(3);
  std::string lines;
  const auto minutes = [&](int from, int until, bool value) {
    for (int second = from * 60; second < until * 60; second += 20) {
      const double level = 20 + 5 * std::sin(second / 3600.0 * 6.283185307) + rng.uniform();
      lines +=
          fmt::format("{{\"t\":{}{}}}\n", 1'778'000'400 + second, value ? fmt::format(",\"x\":{:.3f}", level) : "");
    }
  };
  minutes(0, 600, true);
  minutes(600, 800, false);
  minutes(800, 900, true);
  minutes(900 + 10'000, 900 + 10'060, true);
  return lines;
}

TEST(Replay, NeitherMissingValuesNorAWeeksSilenceStopTheLoop) {
  const Folder folder;
  write(folder / "readings.ndjson", readings_with_trouble());
  write(folder / "tidecast.yaml",
        "project: readings\n"
        "sources: [ { name: probe, kind: file, path: readings.ndjson } ]\n"
        "event:\n"
        "  time: { from: /t, unit: s }\n"
        "  fields: { x: { from: /x, type: number, optional: true } }\n"
        "features: [ { group: probe_1min, columns: { readings: count(), mean_x: avg(x) } } ]\n"
        "forecast: { target: probe_1min.mean_x, horizon: 10 }\n"
        "validation: { threshold: { weighted_quantile_loss: 10 }, must_beat: [] }\n"
        "deployment: { approval: auto }\n"
        "server: { listen: \"127.0.0.1:0\" }\n");
  const Replayed result = replay_in(folder);
  EXPECT_EQ(result.report.at("models").as_array().size(), 1u) << to_pretty_text(result.report);
  const auto told = [&result](const std::string& text) {
    std::size_t count = 0;
    for (std::size_t at = 0; (at = result.history.find(text, at)) != std::string::npos; ++at) ++count;
    return count;
  };
  // One line for staging and one for production.
  EXPECT_EQ(told("model 1 cannot forecast: "), 2u) << result.history.substr(0, 4000);
  EXPECT_EQ(told("model 1 forecasts again"), 2u);
  EXPECT_GT(result.report.at("forecasts").at("scored").to_number<int>(), 200);
}

}  // namespace
}  // namespace tidecast::e2e
