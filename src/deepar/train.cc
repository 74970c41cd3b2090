// The training loop of recipe R (docs/deepar.md, sections 6 to 9).

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/hash.h"
#include "base/rng.h"
#include "deepar/batch.h"
#include "deepar/model.h"
#include "nn/adam.h"

namespace tidecast {
namespace {

using namespace deepar;

constexpr double kClipNorm = 10;
constexpr double kWeightDecay = 1e-8;
constexpr int kReportEvery = 25;
constexpr std::size_t kLossesKept = 50;  // Batches whose mean is reported as the training loss.

struct Splits {
  std::vector<std::size_t> ends;  // Per series: values training may use as targets.
  std::vector<Split> held_out;
};

Splits cut_held_out(std::span<const TimeSeries> series, const TrainingPlan& plan) {
  Splits splits;
  const auto horizon = static_cast<std::size_t>(plan.spec.horizon);
  for (std::size_t i = 0; i < series.size(); ++i) {
    const std::size_t size = series[i].values.size(), held = horizon * static_cast<std::size_t>(plan.held_out[i]);
    splits.ends.push_back(size > held ? size - held : 0);
    if (splits.ends.back() <= horizon) continue;  // Too short to train on, so not judged on either.
    for (std::size_t at = splits.ends.back(); at < size; at += horizon) splits.held_out.push_back({i, at});
  }
  return splits;
}

// The copy gate begins even: its rows of the head start at 0.
std::vector<float> first_parameters(const ModelSpec& spec, const nn::ParameterMap& map, std::uint64_t seed) {
  std::vector<float> parameters = nn::initial_parameters(map, seed);
  const std::ptrdiff_t gate = nn::head_outputs(spec.head), outputs = map.shape().outputs, cells = map.shape().cells;
  const auto weight = parameters.begin() + static_cast<std::ptrdiff_t>(map.head_weight());
  const auto bias = parameters.begin() + static_cast<std::ptrdiff_t>(map.head_bias());
  std::fill(weight + gate * cells, weight + outputs * cells, 0.f);
  std::fill(bias + gate, bias + outputs, 0.f);
  return parameters;
}

// What the model says of the data it saw.
json::object about_data(std::span<const TimeSeries> series) {
  std::size_t points = 0, missing = 0;
  EventTime start = EventTime::max(), end = EventTime::min();
  std::string bytes;
  for (const TimeSeries& s : series) {
    points += s.values.size();
    start = std::min(start, s.start);
    end = std::max(end, s.end());
    const bool width = s.step.is_width();
    const std::int64_t head[] = {s.start.ms(), width ? s.step.width()->count() : 0,
                                 static_cast<std::int64_t>(s.values.size())};
    bytes.append(reinterpret_cast<const char*>(head), sizeof head);
    if (!width) bytes += to_text(s.step);
    for (const double value : s.values) {
      const double canonical = std::isnan(value) ? std::numeric_limits<double>::quiet_NaN() : value;
      missing += std::isnan(value);
      bytes.append(reinterpret_cast<const char*>(&canonical), sizeof canonical);
    }
  }
  return {{"series", series.size()},     {"points", points},
          {"missing", missing},          {"data_start", to_rfc3339(start)},
          {"data_end", to_rfc3339(end)}, {"data_sha256", sha256_hex(bytes)}};
}

json::value number_or_null(double value) { return std::isfinite(value) ? json::value(value) : json::value(nullptr); }

}  // namespace

Result<TrainedDeepAr> train_deepar(std::span<const TimeSeries> series, const DeepArOptions& options,
                                   const TrainingProgress& progress) {
  const TrainingPlan plan = TRY(plan_training(series, options));
  for (std::size_t i = 0; i < series.size(); ++i) TRY(check_values(series[i]).in(fmt::format("series {}", i)));
  const Splits splits = cut_held_out(series, plan);
  const SplitSampler sampler(plan.spec, splits.ends, options.seed);
  if (sampler.empty()) {
    const bool selects = plan.held_out.front() > 0;
    return invalid_argument("every series is too short: at least {} values are needed to train a horizon of {}{}",
                            plan.spec.horizon * (selects ? 2 : 1) + 1, plan.spec.horizon,
                            selects ? " and hold one window out" : "");
  }

  std::vector<Source> sources;
  for (std::size_t i = 0; i < series.size(); ++i)
    sources.push_back(
        TRY(make_source(plan.spec, series[i], 0, series[i].values.size()).in(fmt::format("series {}", i))));
  Workers workers(options.threads);
  BatchEngine engine(plan.spec, sources, options.batch, workers);
  std::vector<float> parameters = first_parameters(plan.spec, engine.map(), options.seed), average = parameters, kept;
  std::vector<float> gradient(parameters.size());
  nn::Adam<float> adam(parameters.size(), kClipNorm, kWeightDecay, nn::best_kernels<float>());
  std::vector<Split> batch(static_cast<std::size_t>(options.batch));
  std::vector<double> losses;

  TrainedDeepAr result;
  result.held_out_loss = std::numeric_limits<double>::quiet_NaN();
  const auto recent_loss = [&] {
    const std::size_t count = std::min(losses.size(), kLossesKept);
    double sum = 0;
    for (std::size_t i = losses.size() - count; i < losses.size(); ++i) sum += losses[i];
    return sum / static_cast<double>(count);
  };
  for (int step = 0; step < plan.steps; ++step) {
    for (std::size_t b = 0; b < batch.size(); ++b)
      batch[b] = sampler.draw(static_cast<std::uint64_t>(step) * batch.size() + b);
    const bool zoneout = plan.spec.zoneout > 0;
    const nn::Regulariser dropout{.kind = zoneout ? nn::Regularisation::kZoneout : nn::Regularisation::kDropout,
                                  .rate = zoneout ? plan.spec.zoneout : options.dropout,
                                  .key = mix64(mix64(options.seed) + static_cast<std::uint64_t>(step))};
    losses.push_back(engine.loss_and_gradient(parameters, batch, dropout, gradient));
    const double norm = adam.step(options.learning_rate * rate_factor(step, plan.schedule_steps),
                                  average_keep(step, plan.average_decay), gradient, parameters, average);
    if (!std::isfinite(losses.back()) || !std::isfinite(norm))
      return internal_error("step {}: the loss left the numbers (loss {}, gradient norm {})", step + 1, losses.back(),
                            norm);
    result.steps = step + 1;
    const bool last = step + 1 == plan.steps;
    if (progress && ((step + 1) % kReportEvery == 0 || last) && !progress(step + 1, plan.steps, recent_loss()))
      return cancelled("training stopped after {} of {} steps", step + 1, plan.steps);
    if (splits.held_out.empty() || !((step + 1) % plan.evaluate_every == 0 || last)) continue;
    const double loss = engine.horizon_loss(average, splits.held_out);
    if (loss < result.held_out_loss || (kept.empty() && std::isfinite(loss))) {
      result.held_out_loss = loss;
      result.best_step = step + 1;
      kept = average;
    }
    if (!kept.empty() && step + 1 - result.best_step >= plan.patience) break;
  }
  if (kept.empty()) {  // Nothing was held out, or nothing held out was observed.
    kept = std::move(average);
    result.best_step = result.steps;
  }
  result.train_loss = recent_loss();

  json::object about = about_data(series);
  about["small_set"] = plan.small_set;
  about["seed"] = options.seed;
  about["batch"] = options.batch;
  about["learning_rate"] = options.learning_rate;
  about["dropout"] = options.dropout;
  about["planned_steps"] = plan.steps;
  about["schedule_steps"] = plan.schedule_steps;
  about["steps"] = result.steps;
  about["best_step"] = result.best_step;
  about["held_out_windows"] = splits.held_out.size();
  about["held_out_loss"] = number_or_null(result.held_out_loss);
  about["train_loss"] = number_or_null(result.train_loss);
  result.model = std::make_shared<const Model>(plan.spec, std::move(kept), std::move(about));
  return result;
}

}  // namespace tidecast
