#include "deepar/recipe.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <set>

#include "deepar/model.h"
#include "stats/season.h"

namespace tidecast::deepar {
namespace {

constexpr Milliseconds kSecond{1000}, kMinute{60'000}, kHour{3'600'000}, kDay{86'400'000}, kWeek{604'800'000};

constexpr int kLagMax = 1200;  // As in GluonTS.
constexpr int kRecentLags = 7;
constexpr int kPointsPerLag = 200;      // Fewer points than this times the lags are a small set.
constexpr int kContextMax = 64;         // Whole seasons are taken into the context up to here.
constexpr int kHeldOutWindows = 100;    // Wanted over all series.
constexpr int kHeldOutMax = 10;         // Of one series.
constexpr double kHeldOutShare = 0.15;  // Of a series' length.
constexpr int kWarmUpSteps = 50;

// The coarsest unit that divides the step: GluonTS looks at the multiples of coarser ones.
Milliseconds unit_of(Milliseconds step) {
  for (const Milliseconds unit : {kWeek, kDay, kHour, kMinute})
    if (step % unit == Milliseconds(0)) return unit;
  return kSecond;
}

struct CalendarCycle {
  CalendarField field;
  Milliseconds unit_max;  // Steps counted in a coarser unit than this cannot see the field.
  Milliseconds cycle;
};
constexpr CalendarCycle kCycles[] = {
    {CalendarField::kSecondOfMinute, kSecond, kMinute}, {CalendarField::kMinuteOfHour, kMinute, kHour},
    {CalendarField::kHourOfDay, kHour, kDay},           {CalendarField::kDayOfWeek, kDay, kWeek},
    {CalendarField::kDayOfMonth, kWeek, kDay * 61 / 2}, {CalendarField::kDayOfYear, kWeek, kDay * 365},
};

Status check_options(const DeepArOptions& o) {
  const auto in_range = [](std::string_view name, auto value, auto low, auto high) -> Status {
    if (value >= low && value <= high) return ok();
    return invalid_argument("{}: found {}; allowed: {} to {}", name, value, low, high);
  };
  TRY(in_range("horizon", o.horizon, 1, 1000));
  TRY(in_range("season", o.season, 0, 100'000));
  TRY(in_range("context", o.context, 0, 2000));
  TRY(in_range("steps", o.steps, 0, 10'000'000));
  TRY(in_range("batch", o.batch, 1, 4096));
  TRY(in_range("cells", o.cells, 1, 512));
  TRY(in_range("layers", o.layers, 1, 8));
  TRY(in_range("threads", o.threads, 1, 256));
  TRY(in_range("learning_rate", o.learning_rate, 1e-9, 1.0));
  return in_range("dropout", o.dropout, 0.0, 0.95);
}

int context_of(int horizon, int season) {
  const int seasons = std::min(2, kContextMax / season);
  return std::max(horizon, seasons * season);
}

std::vector<int> with(std::vector<int> lags, std::initializer_list<int> more) {
  lags.insert(lags.end(), more);
  std::ranges::sort(lags);
  lags.erase(std::ranges::unique(lags).begin(), lags.end());
  return lags;
}

// Inputs, network and steps of a model of `points` values over all series, the longest of `longest`.
TrainingPlan plan_by_recipe(Milliseconds step, std::size_t points, std::size_t longest, const DeepArOptions& options) {
  TrainingPlan plan;
  ModelSpec& spec = plan.spec;
  spec.step = step;
  spec.horizon = options.horizon;
  spec.season = options.season > 0 ? options.season : season_of(spec.step);
  spec.context = options.context > 0 ? options.context : context_of(spec.horizon, spec.season);
  spec.scale_length = std::max(spec.context, spec.season);
  spec.cells = options.cells;
  spec.layers = options.layers;

  const std::vector<int> many = gluonts_lags(spec.step);
  plan.small_set = points < kPointsPerLag * many.size();
  spec.lags = plan.small_set ? with({}, {1, 2, 3, 4, spec.season, spec.season + 1}) : with(many, {1, spec.season});
  const int week = static_cast<int>(std::min<std::int64_t>(kWeek / spec.step, INT32_MAX));
  spec.week_lag = std::ranges::binary_search(spec.lags, week) ? week : spec.season;
  const Milliseconds span = spec.step * static_cast<std::int64_t>(longest);
  for (const CalendarCycle& c : kCycles)
    if (unit_of(spec.step) <= c.unit_max && span >= 2 * c.cycle) spec.calendar.push_back(c.field);

  plan.steps = options.steps > 0 ? options.steps : plan.small_set ? 1000 : 2500;
  plan.schedule_steps = plan.steps;
  return plan;
}

}  // namespace

std::string_view name_of(CalendarField field) {
  switch (field) {
    case CalendarField::kSecondOfMinute: return "second_of_minute";
    case CalendarField::kMinuteOfHour: return "minute_of_hour";
    case CalendarField::kHourOfDay: return "hour_of_day";
    case CalendarField::kDayOfWeek: return "day_of_week";
    case CalendarField::kDayOfMonth: return "day_of_month";
    case CalendarField::kDayOfYear: return "day_of_year";
  }
  return "?";
}

bool calendar_field_of(std::string_view name, CalendarField& out) {
  for (const CalendarCycle& cycle : kCycles)
    if (name_of(cycle.field) == name) return out = cycle.field, true;
  return false;
}

float calendar_value(CalendarField field, EventTime time) {
  const Civil c = civil_of(time.ms());
  const auto place = [](int value, int last) { return static_cast<float>(value) / static_cast<float>(last) - 0.5f; };
  switch (field) {
    case CalendarField::kSecondOfMinute: return place(c.second, 59);
    case CalendarField::kMinuteOfHour: return place(c.minute, 59);
    case CalendarField::kHourOfDay: return place(c.hour, 23);
    case CalendarField::kDayOfWeek: return place(c.weekday, 6);
    case CalendarField::kDayOfMonth: return place(c.day - 1, 30);
    case CalendarField::kDayOfYear: return place(c.day_of_year - 1, 365);
  }
  return 0;
}

std::vector<int> gluonts_lags(Milliseconds step) {
  const Milliseconds unit = unit_of(step);
  std::set<int> lags;
  for (int lag = 1; lag <= kRecentLags; ++lag) lags.insert(lag);
  const auto around = [&](Milliseconds middle, int reach) {
    const std::int64_t lag = middle / step;
    for (std::int64_t l = lag - reach; l <= lag + reach; ++l)
      if (l > kRecentLags && l <= kLagMax) lags.insert(static_cast<int>(l));
  };
  if (unit == kSecond)
    for (int k = 1; k <= 3; ++k) around(k * kMinute, 2);
  if (unit <= kMinute)
    for (int k = 1; k <= 3; ++k) around(k * kHour, 2);
  if (unit <= kHour)
    for (int k = 1; k <= 7; ++k) around(k * kDay, 1);
  if (unit > kSecond && unit <= kDay) {
    for (int k = 1; k <= 4; ++k) around(k * kWeek, 1);
    around(30 * kDay, 1);
  }
  if (unit > kSecond) {
    for (int k = 1; k <= 3; ++k) around(k * 52 * kWeek, 1);
    for (int k : {4, 8, 12}) around(k * kWeek, 0);
  }
  return {lags.begin(), lags.end()};
}

Result<TrainingPlan> plan_training(std::span<const TimeSeries> series, const DeepArOptions& options) {
  TRY(check_options(options));
  if (series.empty()) return invalid_argument("no series to train on");
  std::size_t points = 0, longest = 0;
  for (std::size_t i = 0; i < series.size(); ++i) {
    if (series[i].step <= Milliseconds(0))
      return invalid_argument("series {}: a step of {} ms", i, series[i].step.count());
    if (series[i].step != series[0].step)
      return invalid_argument("series {}: steps of {} ms; the first has {}", i, series[i].step.count(),
                              series[0].step.count());
    points += series[i].values.size();
    longest = std::max(longest, series[i].values.size());
  }

  TrainingPlan plan = options.like ? TRY(plan_from_json(options.like->describe()).in("like"))
                                   : plan_by_recipe(series[0].step, points, longest, options);
  if (plan.spec.step != series[0].step)
    return invalid_argument("like: trained for steps of {} ms; the series have {}", plan.spec.step.count(),
                            series[0].step.count());
  plan.evaluate_every = plan.small_set ? 25 : 125;
  plan.patience = std::max(plan.evaluate_every, plan.steps * 2 / 5);
  plan.average_decay = plan.small_set ? 0.99 : 0.998;

  const int wanted =
      std::min(kHeldOutMax, (kHeldOutWindows + static_cast<int>(series.size()) - 1) / static_cast<int>(series.size()));
  for (const TimeSeries& s : series) {
    const int fit = static_cast<int>(kHeldOutShare * static_cast<double>(s.values.size()) / plan.spec.horizon);
    plan.held_out.push_back(options.select && !options.like ? std::max(1, std::min(wanted, fit)) : 0);
  }
  return plan;
}

double rate_factor(int step, int schedule_steps) {
  const double part = std::min(1.0, static_cast<double>(step) / schedule_steps);
  const double cosine = 0.01 + 0.99 * (1 + std::cos(std::numbers::pi * part)) / 2;
  return cosine * std::min(1.0, (step + 1.0) / kWarmUpSteps);
}

double average_keep(int step, double decay) { return std::min(decay, (1.0 + step) / (10.0 + step)); }

}  // namespace tidecast::deepar
