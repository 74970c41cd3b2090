#include "serving/answer.h"

#include "net/problem.h"
#include "serving/forecast.h"

namespace tidecast {
namespace {

json::array numbers(std::span<const double> values) { return json::array(values.begin(), values.end()); }

HttpResponse json_answer(const json::object& body) { return {.body = to_text(body) + "\n"}; }

class SageMakerInstances final : public PendingInstances {
 public:
  SageMakerInstances(std::shared_ptr<const Forecaster> model, InstancesInvocation asked, std::uint64_t seed)
      : PendingInstances(std::move(model), std::move(asked), seed), predictions_(static_cast<std::size_t>(parts())) {}

 protected:
  void keep(std::size_t instance, const ForecastPaths& paths) override {
    predictions_[instance] = prediction_text(paths, configuration());
  }
  HttpResponse answer_of_all() override {
    return {.body = fmt::format("{{\"predictions\":[{}]}}\n", fmt::join(predictions_, ","))};
  }
  std::string where(std::size_t instance) const override { return fmt::format("/instances/{}", instance); }

 private:
  std::vector<std::string> predictions_;
};

// Of a series that is stored; a model may look back to its beginning, but as much as this is handed to it.
constexpr int kHistoryCounted = 4'096;

class PendingSeries final : public PendingAnswer {
 public:
  PendingSeries(std::shared_ptr<const Forecaster> model, SeriesAnswer about,
                std::function<Result<TimeSeries>()> history, std::uint64_t seed)
      : model_(std::move(model)), about_(std::move(about)), history_(std::move(history)), seed_(seed) {}

  std::int64_t load() const override {
    return std::int64_t{about_.paths} * model_->horizon() + std::min(model_->history_needed(), kHistoryCounted);
  }
  void run(int) override { answer_ = forecast(); }
  HttpResponse answer() override { return std::move(answer_); }

 private:
  HttpResponse forecast() const {
    const Result<TimeSeries> history = history_();
    if (!history.ok()) return problem(http_status_of(history.code()), history.message(), {{"where", "/series"}});
    std::vector<double> taus;
    for (const NamedQuantile& quantile : about_.quantiles) taus.push_back(quantile.tau);
    const Result<QuantilesOfForecast> made = forecast_quantiles(*model_, *history, taus, about_.paths, seed_);
    if (!made.ok()) {
      const int status = made.code() == Code::kInvalidArgument ? 409 : http_status_of(made.code());
      return problem(status, fmt::format("{}: {}", about_.series, made.message()), {{"where", "/series"}});
    }
    json::object body{{"series", about_.series},
                      {"stage", about_.stage},
                      {"model_version", about_.version},
                      {"origin", to_rfc3339(made->origin)},
                      {"step", to_text(history->step)}};
    json::array& times = body["times"].emplace_array();
    for (std::size_t i = 0; i < made->mean.size(); ++i)
      times.emplace_back(to_rfc3339(history->time_of(history->values.size() + i)));
    body["mean"] = numbers(made->mean);
    json::object& quantiles = body["quantiles"].emplace_object();
    for (std::size_t q = 0; q < taus.size(); ++q) quantiles[about_.quantiles[q].name] = numbers(made->quantiles[q]);
    return json_answer(body);
  }

  const std::shared_ptr<const Forecaster> model_;
  const SeriesAnswer about_;
  const std::function<Result<TimeSeries>()> history_;
  const std::uint64_t seed_;
  HttpResponse answer_;
};

}  // namespace

PendingInstances::PendingInstances(std::shared_ptr<const Forecaster> model, InstancesInvocation asked,
                                   std::uint64_t seed)
    : model_(std::move(model)), asked_(std::move(asked)), seed_(seed), first_bad_(parts()) {}

std::int64_t PendingInstances::load() const {
  const Configuration& wanted = asked_.configuration;
  const std::int64_t draws = (wanted.samples + static_cast<std::int64_t>(wanted.quantiles.size()) + 1) *
                             model_->horizon();  // And what is answered.
  std::int64_t load = 0;
  for (const TimeSeries& instance : asked_.instances)
    load += draws + static_cast<std::int64_t>(instance.values.size() * (1 + instance.dynamic.size()));
  return load;
}

void PendingInstances::run(int part) {
  if (part > first_bad_) return;
  const auto instance = static_cast<std::size_t>(part);
  const Result<ForecastPaths> paths =
      sample_paths(*model_, asked_.instances[instance], asked_.configuration.samples, seed_);
  if (paths.ok()) return keep(instance, *paths);
  const std::lock_guard lock(mutex_);
  if (part > first_bad_) return;
  first_bad_ = part;
  fault_ = paths.status();
}

HttpResponse PendingInstances::answer() {
  if (fault_.ok()) return answer_of_all();
  const std::string place = where(static_cast<std::size_t>(first_bad_));
  return problem(http_status_of(fault_.code()), fmt::format("{}: {}", place, fault_.message()), {{"where", place}});
}

std::string prediction_text(const ForecastPaths& paths, const Configuration& wanted) {
  json::object prediction;
  if (wanted.want_mean) prediction["mean"] = numbers(paths.mean());
  if (wanted.want_quantiles) {
    json::object& quantiles = prediction["quantiles"].emplace_object();
    const SortedPaths sorted(paths);
    for (const NamedQuantile& quantile : wanted.quantiles)
      quantiles[quantile.name] = numbers(sorted.quantile(quantile.tau));
  }
  if (wanted.want_samples) {
    json::array& samples = prediction["samples"].emplace_array();
    for (auto path = paths.values.begin(); path != paths.values.end(); path += paths.horizon)
      samples.emplace_back(json::array(path, path + paths.horizon));
  }
  return to_text(prediction);
}

std::unique_ptr<PendingAnswer> pending_instances(std::shared_ptr<const Forecaster> model, InstancesInvocation asked,
                                                 std::uint64_t seed) {
  return std::make_unique<SageMakerInstances>(std::move(model), std::move(asked), seed);
}

std::unique_ptr<PendingAnswer> pending_series(std::shared_ptr<const Forecaster> model, SeriesAnswer about,
                                              std::function<Result<TimeSeries>()> history, std::uint64_t seed) {
  return std::make_unique<PendingSeries>(std::move(model), std::move(about), std::move(history), seed);
}

HttpResponse answer_fault(int status, const Fault& fault) {
  return problem(status, fault.message(), {{"where", fault.where}, {"found", fault.found}, {"allowed", fault.allowed}});
}

}  // namespace tidecast
