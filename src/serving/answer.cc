#include "serving/answer.h"

#include "net/problem.h"
#include "serving/forecast.h"

namespace tidecast {
namespace {

json::array numbers(std::span<const double> values) { return json::array(values.begin(), values.end()); }

json::object prediction_of(const ForecastPaths& paths, const InstancesInvocation& asked) {
  json::object prediction;
  if (asked.want_mean) prediction["mean"] = numbers(paths.mean());
  if (asked.want_quantiles) {
    json::object& quantiles = prediction["quantiles"].emplace_object();
    for (const NamedQuantile& asked_for : asked.quantiles)
      quantiles[asked_for.name] = numbers(paths.quantile(asked_for.tau));
  }
  if (asked.want_samples) {
    json::array& samples = prediction["samples"].emplace_array();
    for (auto path = paths.values.begin(); path != paths.values.end(); path += paths.horizon)
      samples.emplace_back(json::array(path, path + paths.horizon));
  }
  return prediction;
}

HttpResponse json_answer(const json::object& body) { return {.body = to_text(body) + "\n"}; }

}  // namespace

HttpResponse answer_instances(const Forecaster& model, const InstancesInvocation& asked, std::uint64_t seed) {
  json::object body;
  json::array& predictions = body["predictions"].emplace_array();
  for (std::size_t i = 0; i < asked.instances.size(); ++i) {
    const Result<ForecastPaths> paths = sample_paths(model, asked.instances[i], asked.samples, seed);
    if (!paths.ok()) {
      const std::string where = fmt::format("/instances/{}", i);
      return problem(http_status_of(paths.code()), fmt::format("{}: {}", where, paths.message()), {{"where", where}});
    }
    predictions.push_back(prediction_of(*paths, asked));
  }
  return json_answer(body);
}

HttpResponse answer_series(const Forecaster& model, const SeriesAnswer& about, const TimeSeries& history,
                           std::uint64_t seed) {
  std::vector<double> taus;
  for (const NamedQuantile& quantile : about.quantiles) taus.push_back(quantile.tau);
  const Result<QuantilesOfForecast> forecast = forecast_quantiles(model, history, taus, about.paths, seed);
  if (!forecast.ok()) {
    const int status = forecast.code() == Code::kInvalidArgument ? 409 : http_status_of(forecast.code());
    return problem(status, fmt::format("{}: {}", about.series, forecast.message()), {{"where", "/series"}});
  }
  json::object body{{"series", about.series},
                    {"stage", about.stage},
                    {"model_version", about.version},
                    {"origin", to_rfc3339(forecast->origin)},
                    {"step", to_text(history.step)}};
  json::array& times = body["times"].emplace_array();
  for (std::size_t i = 0; i < forecast->mean.size(); ++i)
    times.emplace_back(to_rfc3339(history.time_of(history.values.size() + i)));
  body["mean"] = numbers(forecast->mean);
  json::object& quantiles = body["quantiles"].emplace_object();
  for (std::size_t q = 0; q < taus.size(); ++q) quantiles[about.quantiles[q].name] = numbers(forecast->quantiles[q]);
  return json_answer(body);
}

HttpResponse answer_fault(int status, const Fault& fault) {
  return problem(status, fault.message(), {{"where", fault.where}, {"found", fault.found}, {"allowed", fault.allowed}});
}

}  // namespace tidecast
