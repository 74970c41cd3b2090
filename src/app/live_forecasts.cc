#include "app/live_forecasts.h"

#include <algorithm>
#include <cmath>
#include <future>
#include <limits>

#include "baselines/baselines.h"
#include "monitoring/monitor.h"

namespace tidecast {
namespace {

constexpr const char* kThrough = "forecast_through";  // window_end of the last row taken.
constexpr const char* kMute = "forecast_mute";        // mute_, so that a restart does not say it again.

double number_of(const FeatureValue& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return static_cast<double>(*integer);
  if (const auto* number = std::get_if<double>(&value)) return *number;
  return std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

LiveForecasts::LiveForecasts(Project& project, const Endpoints& endpoints, Timeline& timeline)
    : project_(project),
      endpoints_(endpoints),
      timeline_(timeline),
      taus_(confidence_quantiles(project.definition().validation.confidence)),
      group_(project.target_group()),
      column_(*project.features().groups()[group_].column(project.forecast().column)),
      horizon_(project.forecast().horizon),
      season_(project.season()) {
  history_.step = project.step();
}

Status LiveForecasts::restore() {
  for (Forecast& forecast : TRY(project_.tracking().unscored_forecasts())) waiting_.push_back(std::move(forecast));
  const std::optional<json::value> saved = TRY(project_.tracking().state(kThrough));
  const EventTime through = saved ? EventTime::from_ms(saved->to_number<std::int64_t>()) : EventTime::min();
  if (saved) history_ = TRY(project_.target_series(through, ProcessingTime::max(), kForecastHistory));
  gaps_ = TRY(project_.features().gaps({saved ? through : EventTime::min(), EventTime::max()}));
  if (const std::optional<json::value> mute = TRY(project_.tracking().state(kMute)))
    for (const auto& [stage, each] : mute->as_object())
      mute_[stage] = each.is_object()
                         ? Mute{each.at("version").to_number<int>(), std::string(each.at("reason").as_string())}
                         : Mute{each.to_number<int>(), ""};  // As earlier programs wrote it.
  std::vector<ClosedWindow> missed;
  const std::string& group = project_.features().groups()[group_].name;
  const EventRange after{saved ? through + 1ms : EventTime::min(), EventTime::max()};
  for (FeatureRow& row : TRY(project_.features().range(group, after))) missed.push_back({group_, std::move(row)});
  return on_closed(missed);
}

// The gap first: whatever its batch closed was closed by records after it.
Status LiveForecasts::on_ingested(const Ingested& ingested) {
  if (ingested.gap) {
    if (!history_.values.empty())
      std::erase_if(gaps_, [this](const SourceGap& gap) { return gap.until < history_.end(); });
    gaps_.push_back(*ingested.gap);
    blank(history_, *ingested.gap);
  }
  return ingested.closed.empty() ? ok() : on_closed(ingested.closed);
}

Status LiveForecasts::on_closed(const std::vector<ClosedWindow>& windows) {
  return in_transaction(project_.tracking(), [&]() -> Status {
    EventTime through = EventTime::min();
    for (const ClosedWindow& window : windows) {
      if (window.group != group_) continue;
      TRY(on_row(window.row));
      through = window.row.window_end;
    }
    return through == EventTime::min() ? ok() : project_.tracking().set_state(kThrough, through.ms());
  });
}

Status LiveForecasts::on_row(const FeatureRow& row) {
  if (history_.values.empty()) history_.start = row.window_start;
  const FeatureColumn& column = project_.features().groups()[group_].columns[column_];
  const double nothing = column.empty == EmptyWindow::kZero ? 0.0 : std::numeric_limits<double>::quiet_NaN();
  while (history_.end() < row.window_start) TRY(append(nothing, row.write_time));  // Windows without an event.
  TRY(append(number_of(row.values[column_]), row.write_time));
  return forecast_all(row.write_time);
}

// Scores before it forgets: a forecast that has landed looks back over a horizon, which is always still there.
Status LiveForecasts::append(double value, ProcessingTime at) {
  constexpr auto kKept = static_cast<std::size_t>(kForecastHistory);
  const EventTime start = history_.end(), end = history_.time_of(history_.values.size() + 1);
  const bool in_gap = std::ranges::any_of(gaps_, [&](const SourceGap& gap) { return gap.touches(start, end); });
  history_.values.push_back(in_gap ? std::numeric_limits<double>::quiet_NaN() : value);
  TRY(score_landed(at));
  if (history_.values.size() < 2 * kKept) return ok();
  history_.start = history_.time_of(history_.values.size() - kKept);
  history_.values.erase(history_.values.begin(), history_.values.end() - kKept);
  return ok();
}

Status LiveForecasts::score_landed(ProcessingTime at) {
  while (!waiting_.empty()) {
    const Forecast& forecast = waiting_.front();
    if (history_.step.advance(forecast.origin, horizon_) > history_.end()) return ok();
    const std::int64_t first = history_.step.steps_between(history_.start, forecast.origin);
    CHECK(first >= 0);
    const std::span<const double> truth(history_.values.data() + first, static_cast<std::size_t>(horizon_));
    TRY(project_.tracking().put(score_of(forecast, truth, at)));
    waiting_.pop_front();
  }
  return ok();
}

std::map<std::string, ServedModel> LiveForecasts::models() const {
  std::map<std::string, ServedModel> models;
  for (const char* stage : {"production", "staging"})
    if (auto model = endpoints_.serving(stage)) models.emplace(stage, *model);
  if (auto replaced = endpoints_.previous("production")) models.emplace("shadow", *replaced);
  return models;
}

Status LiveForecasts::forecast_all(ProcessingTime at) {
  const std::map<std::string, ServedModel> models = this->models();
  if (models.empty()) return ok();

  // One computation a version, each on its own thread: staging and production mostly serve the same one.
  std::map<int, std::future<Result<QuantilesOfForecast>>> work;
  for (const auto& [stage, served] : models) {
    if (work.contains(served.version)) continue;
    work.emplace(served.version,
                 std::async(work.empty() ? std::launch::deferred : std::launch::async, [this, served = served] {
                   return forecast_quantiles(*served.model, history_, taus_, project_.definition().validation.paths,
                                             project_.forecast().seed);
                 }));
  }
  std::map<int, QuantilesOfForecast> made;
  std::map<int, Status> failures;
  for (auto& [version, future] : work) {
    Result<QuantilesOfForecast> result = future.get();  // All of them, so that none outlives this call.
    if (result.ok())
      made.emplace(version, std::move(result).value());
    else
      failures.emplace(version, result.status());
  }
  TRY(note_mute(models, failures, at));

  const std::vector<double> last = naive(history_.values, horizon_),
                            seasonal = seasonal_naive(history_.values, horizon_, season_);
  for (const auto& [stage, served] : models) {
    if (!made.contains(served.version)) continue;
    const QuantilesOfForecast& result = made.at(served.version);
    Forecast forecast{.stage = stage,
                      .version = served.version,
                      .series = project_.series_name(),
                      .origin = result.origin,
                      .made_at = at,
                      .taus = taus_,
                      .quantiles = result.quantiles,
                      .mean = result.mean,
                      .naive = last,
                      .seasonal_naive = seasonal};
    TRY(project_.tracking().put(forecast));
    waiting_.push_back(std::move(forecast));
  }
  return ok();
}

// Only changes are told: a model that cannot forecast for an hour is one line, not sixty.
Status LiveForecasts::note_mute(const std::map<std::string, ServedModel>& models, const std::map<int, Status>& failures,
                                ProcessingTime at) {
  bool changed = false;
  for (const auto& [stage, served] : models) {
    const auto failure = failures.find(served.version);
    const auto before = mute_.find(stage);
    const bool was_mute = before != mute_.end() && before->second.version == served.version;
    if (was_mute && failure != failures.end()) {
      changed |= std::exchange(before->second.reason, failure->second.message()) != failure->second.message();
      continue;
    }
    if (!was_mute && failure == failures.end()) continue;
    changed = true;
    TRY(timeline_.note(at, "forecast", stage,
                       was_mute
                           ? fmt::format("model {} forecasts again", served.version)
                           : fmt::format("model {} cannot forecast: {}", served.version, failure->second.message())));
    if (was_mute)
      mute_.erase(before);
    else
      mute_[stage] = {served.version, failure->second.message()};
  }
  // Another model has come in its place.
  changed |= std::erase_if(mute_, [&](const auto& mute) {
               const auto model = models.find(mute.first);
               return model != models.end() && model->second.version != mute.second.version;
             }) > 0;
  if (!changed) return ok();
  json::object saved;
  for (const auto& [stage, mute] : mute_) saved[stage] = {{"version", mute.version}, {"reason", mute.reason}};
  return project_.tracking().set_state(kMute, saved);
}

}  // namespace tidecast
