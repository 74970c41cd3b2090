#include "app/overview.h"

#include <algorithm>
#include <cmath>

#include "app/tuning.h"
#include "monitoring/monitor.h"
#include "serving/forecast.h"

namespace tidecast {
namespace {

constexpr int kBootstrapRounds = 400;

json::value number_or_null(double value) { return std::isfinite(value) ? json::value(value) : json::value(nullptr); }

template <typename Numbers>
json::array numbers(const Numbers& values) {
  json::array list;
  for (const double value : values) list.push_back(number_or_null(value));
  return list;
}

// "Average fee a minute", "Events per 15 minutes".
std::string label_of(const Definition& definition, const FeatureGroup& group) {
  const std::string& name = definition.forecast->column;
  std::string what = name;
  for (const WindowGroup& windows : definition.groups) {
    if (windows.name != group.name) continue;
    for (const AggregateColumn& column : windows.columns) {
      if (column.name != name) continue;
      const std::string field = column.field ? definition.events[windows.event].fields[*column.field].name : "";
      switch (column.kind) {
        case AggregateKind::kCount: what = field.empty() ? "Events" : "Events with " + field; break;
        case AggregateKind::kSum: what = "Total " + field; break;
        case AggregateKind::kMin: what = "Lowest " + field; break;
        case AggregateKind::kMax: what = "Highest " + field; break;
        case AggregateKind::kAvg: what = "Average " + field; break;
        case AggregateKind::kCountDistinct: what = "Different " + field; break;
        case AggregateKind::kStddev: what = "Standard deviation of " + field; break;
        case AggregateKind::kFirst: what = "First " + field; break;
        case AggregateKind::kLast: what = "Last " + field; break;
        case AggregateKind::kQuantile: what = fmt::format("{:g} quantile of {}", column.quantile, field); break;
      }
    }
  }
  if (group.step() == 1min) return what + " a minute";
  if (group.step() == 1h) return what + " an hour";
  if (group.step() == 24h) return what + " a day";
  return fmt::format("{} per {}", what, to_text(group.step()));
}

json::array gaps_json(const std::vector<SourceGap>& gaps) {
  json::array list;
  for (const SourceGap& gap : gaps)
    list.push_back(json::object{{"from", to_rfc3339(gap.from)}, {"until", to_rfc3339(gap.until)}});
  return list;
}

}  // namespace

Status Overview::check(int hours) const {
  if (hours < 1 || hours > kMostHours) return invalid_argument("hours: found {}, allowed: 1 to {}", hours, kMostHours);
  if (!project_.definition().forecast) return failed_precondition("the definition has no forecast");
  return ok();
}

Result<json::object> Overview::target(int hours, ProcessingTime now) {
  TRY(check(hours));
  const FeatureGroup& group = project_.features().groups()[project_.target_group()];
  const std::size_t column = *group.column(project_.forecast().column);
  const std::int64_t steps = std::clamp<std::int64_t>(hours * Milliseconds(1h) / group.step(), 1, kMostValues);
  const TimeSeries truth = TRY(project_.target_series(EventTime::max(), ProcessingTime::max(), steps));
  json::object out{{"series", project_.series_name()},
                   {"label", label_of(project_.definition(), group)},
                   {"unit", group.columns[column].unit},
                   {"step_ms", group.step().count()},
                   {"now", to_rfc3339(now)},
                   {"start", truth.values.empty() ? json::value(nullptr) : json::value(to_rfc3339(truth.start))},
                   {"values", numbers(truth.values)},
                   {"gaps", json::array()},
                   {"said", nullptr},
                   {"forecast", nullptr},
                   {"candidate", nullptr}};
  if (truth.values.empty()) return out;
  out["gaps"] = gaps_json(TRY(project_.features().gaps({truth.start, EventTime::max()})));
  const std::lock_guard lock(mutex_);
  out["said"] = TRY(said_before(truth));
  out["forecast"] = TRY(fan());
  out["candidate"] = TRY(candidate());
  return out;
}

// What production said of each window some steps before it, whichever model that was then.
Result<json::value> Overview::said_before(const TimeSeries& truth) {
  const int ahead = std::max(1, project_.forecast().horizon * 2 / 3);
  std::vector<double> said(truth.values.size(), std::nan(""));
  bool any = false;
  for (const Forecast& forecast :
       TRY(project_.tracking().forecasts("production", truth.values.size() + static_cast<std::size_t>(ahead)))) {
    const std::int64_t at = truth.step.steps_between(truth.start, forecast.origin) + ahead - 1;
    if (at < 0 || at >= static_cast<std::int64_t>(said.size())) continue;
    said[static_cast<std::size_t>(at)] =
        forecast.quantiles[forecast.quantiles.size() / 2][static_cast<std::size_t>(ahead - 1)];
    any = true;
  }
  if (!any) return json::value(nullptr);
  return json::value(json::object{{"steps_before", ahead}, {"values", numbers(said)}});
}

// The stored forecast has three quantiles; its 50 % band comes from the same paths, drawn again.
Result<json::value> Overview::fan() {
  const std::optional<ServedModel> served = endpoints_.serving("production");
  const std::vector<Forecast> newest = TRY(project_.tracking().forecasts("production", 1));
  if (!served || newest.empty() || newest.back().version != served->version) return json::value(nullptr);
  const Forecast& forecast = newest.back();
  if (fan_ && fan_->version == forecast.version && fan_->origin == forecast.origin) return json::value(fan_->shown);
  const double confidence = project_.definition().validation.confidence / 200;
  const std::vector<double> taus{forecast.taus.front(), 0.25, 0.5, 0.75, forecast.taus.back()};
  const TimeSeries history = TRY(project_.target_series(forecast.origin, ProcessingTime::max(), kForecastHistory));
  json::object quantiles;
  const Result<QuantilesOfForecast> drawn = forecast_quantiles(
      *served->model, history, taus, project_.definition().validation.paths, project_.forecast().seed);
  if (drawn.ok() && drawn->origin == forecast.origin && confidence > 0.25) {
    for (std::size_t q = 0; q < taus.size(); ++q) quantiles[shortest(taus[q])] = numbers(drawn->quantiles[q]);
  } else {
    for (std::size_t q = 0; q < forecast.taus.size(); ++q)
      quantiles[shortest(forecast.taus[q])] = numbers(forecast.quantiles[q]);
  }
  fan_ = Fan{forecast.version, forecast.origin,
             json::object{{"stage", "production"},
                          {"version", forecast.version},
                          {"origin", to_rfc3339(forecast.origin)},
                          {"made_at", to_rfc3339(forecast.made_at)},
                          {"quantiles", std::move(quantiles)}}};
  return json::value(fan_->shown);
}

Result<json::value> Overview::candidate() {
  const std::optional<ServedModel> served = endpoints_.serving("staging"),
                                   production = endpoints_.serving("production");
  if (!served || (production && production->version == served->version)) return json::value(nullptr);
  const std::vector<Forecast> newest = TRY(project_.tracking().forecasts("staging", 1));
  if (newest.empty() || newest.back().version != served->version) return json::value(nullptr);
  const Forecast& forecast = newest.back();
  return json::value(json::object{{"stage", "staging"},
                                  {"version", forecast.version},
                                  {"origin", to_rfc3339(forecast.origin)},
                                  {"median", numbers(forecast.quantiles[forecast.quantiles.size() / 2])}});
}

Result<json::array> Overview::evaluations(const std::string& stage, ProcessingTime after) {
  json::array list;
  for (const Evaluation& e : TRY(project_.tracking().evaluations(stage, after))) {
    const auto [entry, is_new] = judged_.try_emplace({stage, e.at.ms()});
    if (is_new) {
      const ProcessingTime from = e.at - project_.definition().monitoring.every;
      const std::vector<Score> scores = TRY(project_.tracking().scores(stage, e.version, from, e.at));
      const Interval interval = loss_interval(scores, static_cast<std::size_t>(project_.forecast().horizon), 0.9,
                                              kBootstrapRounds, project_.forecast().seed);
      entry->second = json::object{{"at", to_rfc3339(e.at)},
                                   {"version", e.version},
                                   {"forecasts", e.forecasts},
                                   {"loss", e.loss ? number_or_null(*e.loss) : json::value(nullptr)},
                                   {"low", number_or_null(interval.low)},
                                   {"up", number_or_null(interval.up)},
                                   {"threshold", e.threshold},
                                   {"breach", e.breach},
                                   {"coverage", number_or_null(e.coverage)},
                                   {"bias", number_or_null(e.bias)},
                                   {"naive", number_or_null(e.naive)},
                                   {"seasonal_naive", number_or_null(e.seasonal_naive)}};
    }
    list.push_back(entry->second);
  }
  return list;
}

Result<json::object> Overview::accuracy(int hours, ProcessingTime now) {
  TRY(check(hours));
  const ProcessingTime after = now - Milliseconds(1h) * hours;
  json::array alarms, retrains, deployments;
  json::value since = nullptr;
  for (const AlarmChange& change : TRY(project_.tracking().alarm_changes())) {
    const json::string at(to_rfc3339(change.at));
    if (change.state == name_of(AlarmState::kAlarm)) {
      if (since.is_null()) since = at;
    } else if (change.state == name_of(AlarmState::kOk)) {
      if (!since.is_null() && change.at > after) alarms.push_back(json::object{{"from", since}, {"until", at}});
      since = nullptr;
    }
  }
  if (!since.is_null()) alarms.push_back(json::object{{"from", since}, {"until", nullptr}});
  for (const Run& run : TRY(project_.tracking().runs()))
    if (run.started_at > after && !is_trial(run))
      retrains.push_back(json::object{
          {"at", to_rfc3339(run.started_at)}, {"run", run.id}, {"why", run.why}, {"outcome", name_of(run.outcome)}});
  for (const Transition& row : TRY(project_.registry().log()))
    if ((row.what == "deploy" || row.what == "rollback") && row.stage == "production" && row.at > after)
      deployments.push_back(json::object{{"at", to_rfc3339(row.at)}, {"version", row.version}});
  const Result<double> threshold = project_.registry().threshold();
  const std::lock_guard lock(mutex_);
  std::erase_if(judged_,
                [&](const auto& entry) { return entry.first.second < (now - Milliseconds(1h) * kMostHours).ms(); });
  json::array production = TRY(evaluations("production", after)), staging;
  for (json::value& judged : TRY(evaluations("staging", after))) {
    // Where both stages hold the same model, one of the two says it all.
    const bool said = std::any_of(production.begin(), production.end(), [&judged](const json::value& other) {
      return other.at("at") == judged.at("at") && other.at("version") == judged.at("version");
    });
    if (!said) staging.push_back(std::move(judged));
  }
  return json::object{{"stage", "production"},
                      {"now", to_rfc3339(now)},
                      {"every_ms", project_.definition().monitoring.every.count()},
                      {"threshold", threshold.ok() ? json::value(*threshold) : json::value(nullptr)},
                      {"evaluations", std::move(production)},
                      {"staging", std::move(staging)},
                      {"alarms", std::move(alarms)},
                      {"retrains", std::move(retrains)},
                      {"deployments", std::move(deployments)}};
}

}  // namespace tidecast
