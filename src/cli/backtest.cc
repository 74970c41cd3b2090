#include <algorithm>
#include <cmath>

#include "cli/context.h"
#include "training/series_file.h"

namespace tidecast {
namespace {

json::value number(double value) { return std::isfinite(value) ? json::value(value) : json::value(nullptr); }

json::object coverage_of(const DatasetAccuracy& accuracy) {
  json::object coverage;
  for (int level = 1; level <= kJudgedLevels; ++level)
    coverage[fmt::format("0.{}", level)] = accuracy.coverage[static_cast<std::size_t>(level) - 1];
  return coverage;
}

json::object to_json(const DatasetAccuracy& accuracy) {
  return {
      {"mean_wql", number(accuracy.mean_wql)}, {"mase", number(accuracy.mase)}, {"coverage", coverage_of(accuracy)}};
}

// The middle one (of an even count the mean of the middle two), the least and the greatest.
struct Spread {
  double median, least, most;
};
template <typename Measure>
Spread spread(const DatasetBacktest& result, const Measure& measure) {
  std::vector<double> values;
  for (const SeedResult& seed : result.seeds) values.push_back(measure(seed));
  std::ranges::sort(values);
  const std::size_t n = values.size();
  return {(values[(n - 1) / 2] + values[n / 2]) / 2, values.front(), values.back()};
}
json::object to_json(const Spread& spread) {
  return {{"median", number(spread.median)}, {"min", number(spread.least)}, {"max", number(spread.most)}};
}
double wql_of(const SeedResult& seed) { return seed.accuracy.mean_wql; }
double mase_of(const SeedResult& seed) { return seed.accuracy.mase; }

json::object to_json(const BacktestArguments& arguments, const DatasetBacktest& e) {
  json::array seeds;
  for (const SeedResult& seed : e.seeds) {
    json::object one{{"seed", seed.seed}};
    for (auto& [key, value] : to_json(seed.accuracy)) one[key] = value;
    one["steps"] = seed.steps;
    one["best_step"] = seed.best_step;
    one["held_out_loss"] = number(seed.held_out_loss);
    one["train_s"] = seed.train_s;
    one["forecast_s"] = seed.forecast_s;
    seeds.push_back(std::move(one));
  }
  json::object coverage;
  for (int level = 1; level <= kJudgedLevels; ++level)
    coverage[fmt::format("0.{}", level)] = to_json(
        spread(e, [&](const SeedResult& seed) { return seed.accuracy.coverage[static_cast<std::size_t>(level) - 1]; }));
  json::array members;  // Their likelihoods.
  for (const nn::Head head : e.members) members.push_back(json::value(nn::name_of(head)));
  json::object result{{"file", arguments.file.string()},
                      {"freq", arguments.frequency},
                      {"horizon", arguments.horizon},
                      {"windows", arguments.windows},
                      {"season", e.season},
                      {"recipe", arguments.recipe},
                      {"members", std::move(members)},
                      {"calibrated", arguments.calibrate},
                      {"series", e.series},
                      {"left_out", e.left_out},
                      {"points", e.points},
                      {"mean_wql", to_json(spread(e, wql_of))},
                      {"mase", to_json(spread(e, mase_of))},
                      {"coverage", std::move(coverage)},
                      {"seeds", std::move(seeds)}};
  if (e.pooled) result["pooled"] = to_json(*e.pooled);
  result["naive"] = to_json(e.naive);
  result["seasonal_naive"] = to_json(e.seasonal_naive);
  for (const auto& [baseline, accuracy] : e.beside) result[name_of(baseline)] = to_json(accuracy);
  return result;
}

std::string spread_text(const Spread& spread, std::size_t seeds, int digits) {
  const auto text = [&](double value) { return std::isfinite(value) ? fmt::format("{:.{}f}", value, digits) : "-"; };
  if (seeds == 1) return text(spread.median);
  return fmt::format("{} ({} - {})", text(spread.median), text(spread.least), text(spread.most));
}

std::string to_table(const DatasetBacktest& e) {
  Table table({"method", "mean wQL", "MASE", "truth <= .1", "<= .5", "<= .9", "train s", "forecast s"});
  const std::size_t seeds = e.seeds.size();
  const auto covered = [&](std::size_t level) {
    return spread_text(spread(e, [&](const SeedResult& seed) { return seed.accuracy.coverage[level]; }), seeds, 2);
  };
  table.add({seeds == 1 ? "DeepAR" : fmt::format("DeepAR, {} seeds", seeds), spread_text(spread(e, wql_of), seeds, 4),
             spread_text(spread(e, mase_of), seeds, 3), covered(0), covered(4), covered(8),
             spread_text(spread(e, [](const SeedResult& seed) { return seed.train_s; }), seeds, 1),
             spread_text(spread(e, [](const SeedResult& seed) { return seed.forecast_s; }), seeds, 2)});
  const auto add = [&](std::string name, const DatasetAccuracy& a) {
    table.add({std::move(name), fmt::format("{:.4f}", a.mean_wql),
               std::isfinite(a.mase) ? fmt::format("{:.3f}", a.mase) : "-", fmt::format("{:.2f}", a.coverage[0]),
               fmt::format("{:.2f}", a.coverage[4]), fmt::format("{:.2f}", a.coverage[8]), "", ""});
  };
  if (e.pooled) add("their paths pooled", *e.pooled);
  add("naive", e.naive);
  add(fmt::format("seasonal naive {}", e.season), e.seasonal_naive);
  for (const auto& [baseline, accuracy] : e.beside) add(fmt::format("{} {}", title_of(baseline), e.season), accuracy);
  return table.text();
}

}  // namespace

Status backtest_command(const Context& context, const BacktestArguments& arguments) {
  const Frequency step = TRY(parse_frequency(arguments.frequency).in("--freq"));
  const std::vector<NamedSeries> series = TRY(read_series_file(arguments.file, step));
  DatasetBacktestOptions options{.deepar = {.horizon = arguments.horizon,
                                            .season = arguments.season,
                                            .context = arguments.context,
                                            .recipe = {},
                                            .steps = arguments.steps,
                                            .epochs = arguments.epochs,
                                            .likelihoods = {},
                                            .members = arguments.members,
                                            .calibrate = arguments.calibrate},
                                 .windows = arguments.windows,
                                 .seeds = arguments.seeds,
                                 .paths = arguments.paths,
                                 .beside = {}};
  for (const std::string& name : arguments.beside)
    if (const auto baseline = baseline_of(name)) options.beside.push_back(*baseline);
  options.deepar.recipe = TRY(deepar::parse_recipe(arguments.recipe).in("--recipe"));
  for (const std::string& likelihood : arguments.likelihoods)
    options.deepar.likelihoods.push_back(TRY(nn::head_of(likelihood).in("--likelihood")));
  const bool shows = !context.quiet && !context.json && context.use_color(stderr);  // A terminal.
  if (shows)
    options.progress = [](std::string_view what, double share) {
      fmt::print(stderr, "\r\033[K{} {:.0f} %", what, share * 100);
      std::fflush(stderr);
      return true;
    };
  auto made = backtest_dataset(series, options);
  if (shows) fmt::print(stderr, "\r\033[K");
  const DatasetBacktest result = TRY(std::move(made).in(arguments.file.string()));
  if (context.json) {
    fmt::print("{}\n", to_text(to_json(arguments, result)));
    return ok();
  }
  if (!context.quiet)
    fmt::print("{} series{}, {} values to train on, {} windows of {} steps of {}\n\n", result.series,
               result.left_out > 0 ? fmt::format(" ({} more are too short for their windows)", result.left_out) : "",
               result.points, result.windows, arguments.horizon, arguments.frequency);
  fmt::print("{}", to_table(result));
  return ok();
}

}  // namespace tidecast
