#include "deepar/recipe.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <set>

#include "deepar/model.h"
#include "deepar/window.h"
#include "stats/season.h"

namespace tidecast::deepar {
namespace {

constexpr int kRecentLags = 7;
constexpr int kPointsPerLag = 200;      // Fewer points than this times the lags are a small set.
constexpr int kContextMax = 64;         // Whole seasons are taken into the context up to here.
constexpr int kHeldOutWindows = 100;    // Wanted over all series.
constexpr int kHeldOutMax = 10;         // Of one series.
constexpr double kHeldOutShare = 0.15;  // Of a series' length.
constexpr int kWarmUpSteps = 50;
constexpr int kMostSteps = 10'000'000;
constexpr double kScaleFloorShare = 1e-3;
constexpr std::size_t kMembers = 2;      // At least, pooled in a model.
constexpr int kEmbeddingDimension = 10;  // SageMaker's.
constexpr int kGluonTsEpoch = 50, kGluonTsEpochs = 100, kLeastEpoch = 10;

struct CalendarCycle {
  CalendarField field;
  std::string_view name;
  Milliseconds cycle;
};
constexpr Milliseconds kDay = 24h;
constexpr CalendarCycle kCycles[] = {
    {CalendarField::kSecondOfMinute, "second_of_minute", 1min},
    {CalendarField::kMinuteOfHour, "minute_of_hour", 1h},
    {CalendarField::kHourOfDay, "hour_of_day", kDay},
    {CalendarField::kDayOfWeek, "day_of_week", 7 * kDay},
    {CalendarField::kDayOfMonth, "day_of_month", kDay * 61 / 2},
    {CalendarField::kDayOfYear, "day_of_year", 365 * kDay},
    {CalendarField::kWeekOfYear, "week_of_year", 365 * kDay},
    {CalendarField::kMonthOfYear, "month_of_year", 365 * kDay},
};
const CalendarCycle& cycle_of(CalendarField field) { return kCycles[static_cast<int>(field)]; }

// ISO 8601: the week of a day is that of its Thursday, counted in the Thursday's year.
int iso_week(const Civil& day) {
  const Civil thursday = civil_of(ms_of(day) + (3 - day.weekday) * kDay.count());
  return (thursday.day_of_year - 1) / 7 + 1;
}

// A week in steps, rounded down; 0 of months and longer.
int week_of(const Frequency& step) {
  if (step.unit() == StepUnit::kBusinessDay) return static_cast<int>(5 / step.multiple());
  const auto width = step.width();
  return width ? static_cast<int>(std::min<std::int64_t>(7 * kDay / *width, INT32_MAX)) : 0;
}

// Python's a // b of floats, b > 0: what GluonTS's lags are made with.  4 weeks are 4 // 0.2 = 19 business days,
// not 20.
double floor_quotient(double a, double b) { return std::floor((a - std::fmod(a, b)) / b + 0.5); }

// The values that a head is of.
Status check_support(nn::Head head, const TimeSeries& series) {
  const auto check = [&](const auto& allows, std::string_view allowed) -> Status {
    for (std::size_t i = 0; i < series.values.size(); ++i)
      if (const double y = series.values[i]; !std::isnan(y) && !allows(y))
        return invalid_argument("value {}, of {}, is {}; a likelihood {} allows {}", i, to_rfc3339(series.time_of(i)),
                                y, name_of(head), allowed);
    return ok();
  };
  if (nn::is_count(head))
    return check([](double y) { return y >= 0 && y == std::floor(y); }, "whole numbers from 0 on");
  if (head == nn::Head::kGamma) return check([](double y) { return y > 0; }, "numbers above 0");
  if (head == nn::Head::kBeta) return check([](double y) { return y > 0 && y < 1; }, "numbers between 0 and 1");
  return ok();
}

// The scaling that the head has: targets that cannot be shifted, or not be scaled, leave no choice.
Scaling scaling_of(nn::Head head, const Recipe& recipe) {
  switch (nn::target_unit(head)) {
    case nn::TargetUnit::kShifted: return recipe.scaling.value_or(Scaling::kLocation);
    case nn::TargetUnit::kRatio: return Scaling::kMagnitude;
    case nn::TargetUnit::kOriginal: return nn::is_count(head) ? Scaling::kMagnitude : Scaling::kNone;
  }
  return Scaling::kLocation;
}

// Whole numbers from 0 on, of which at least one in a hundred is 0 and one is not.
bool are_small_counts(std::span<const TimeSeries> series) {
  std::size_t zeros = 0, observed = 0;
  for (const TimeSeries& s : series)
    for (const double y : s.values) {
      if (std::isnan(y)) continue;
      if (y < 0 || y != std::floor(y)) return false;
      ++observed;
      zeros += y == 0;
    }
  return zeros * 100 >= observed && zeros < observed;
}

// Scaling, features and embeddings by the head and by what the series carry.
void fit_to_series(std::span<const TimeSeries> series, const DeepArOptions& options, ModelSpec& spec) {
  const Recipe& recipe = options.recipe;
  const bool gluonts = recipe.base == Recipe::Base::kGluonTs;
  spec.head = member_heads(series, options).front();
  spec.zoneout = options.zoneout;
  spec.scaling = scaling_of(spec.head, recipe);
  if (spec.scaling == Scaling::kNone && nn::target_unit(spec.head) == nn::TargetUnit::kOriginal) spec.filler = 0.5;
  if (spec.scaling == Scaling::kMagnitude) {
    double sum = 0, count = 0;
    for (const TimeSeries& s : series)
      for (const double y : s.values)
        if (!std::isnan(y)) sum += std::abs(y), ++count;
    if (sum > 0) spec.default_scale = sum / count;
    // Or a stretch of zeros would make lags of anything.
    if (!gluonts) spec.scale_floor = kScaleFloorShare * spec.default_scale;
  }
  spec.static_reals = std::max(static_cast<int>(series[0].static_reals.size()), gluonts ? 1 : 0);
  spec.dynamic = static_cast<int>(series[0].dynamic.size());
  const auto embed = [&](int cardinality) {
    const int by_recipe = gluonts ? gluonts_embedding_dimension(cardinality) : kEmbeddingDimension;
    spec.embeddings.push_back({cardinality, options.embedding_dimension > 0 ? options.embedding_dimension : by_recipe});
  };
  for (std::size_t i = 0; i < series[0].categories.size(); ++i) {
    int most = 0;
    for (const TimeSeries& s : series)
      if (i < s.categories.size()) most = std::max(most, s.categories[i]);
    embed(most + 1);
  }
  if (gluonts && spec.embeddings.empty()) spec.embeddings = {{1, gluonts_embedding_dimension(1)}};
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
TrainingPlan plan_by_recipe(std::span<const TimeSeries> series, std::size_t points, std::size_t longest,
                            const DeepArOptions& options) {
  TrainingPlan plan;
  const Recipe& recipe = plan.recipe = options.recipe;
  const bool gluonts = recipe.base == Recipe::Base::kGluonTs;
  ModelSpec& spec = plan.spec;
  spec.step = series[0].step;
  spec.horizon = options.horizon;
  spec.season = options.season > 0 ? options.season : season_of(spec.step);
  spec.context = options.context > 0 ? options.context : gluonts ? spec.horizon : context_of(spec.horizon, spec.season);
  spec.scale_length = gluonts ? spec.context : std::max(spec.context, spec.season);
  spec.cells = options.cells;
  spec.layers = options.layers;
  spec.gate = recipe.copy_gate;
  spec.constants = recipe.window_constants;
  spec.log_scale = recipe.log_scale;
  spec.age = recipe.age;
  if (gluonts) spec.lag_limit = kScaledLimit;

  const std::vector<int> many = gluonts_lags(spec.step);
  plan.small_set = !gluonts && points < kPointsPerLag * many.size();
  const bool few = recipe.lags == Lags::kFew || (recipe.lags == Lags::kAuto && plan.small_set);
  spec.lags = few                          ? with({}, {1, 2, 3, 4, spec.season, spec.season + 1})
              : recipe.lags == Lags::kLong ? long_lags(spec.step)
                                           : many;
  if (spec.gate || spec.constants) spec.lags = with(spec.lags, {1, spec.season});
  const int week = week_of(spec.step);
  spec.week_lag = std::ranges::binary_search(spec.lags, week) ? week : spec.season;
  const auto after = [&](std::size_t steps) {
    return spec.step.advance(EventTime::epoch(), static_cast<std::int64_t>(steps)) - EventTime::epoch();
  };
  for (const CalendarField field : gluonts_calendar(spec.step)) {
    // A step as long as the cycle sees nothing of it.
    const bool seen = after(1) < cycle_of(field).cycle && after(longest) >= 2 * cycle_of(field).cycle;
    if (recipe.calendar == Calendar::kAll || (recipe.calendar == Calendar::kAuto && seen))
      spec.calendar.push_back(field);
  }

  const int epoch = epoch_steps(recipe.base, series.size(), options.batch);
  plan.steps = options.steps > 0 ? options.steps
               : options.epochs > 0
                   ? static_cast<int>(std::min<std::int64_t>(std::int64_t{options.epochs} * epoch, kMostSteps))
               : gluonts        ? kGluonTsEpochs * kGluonTsEpoch
               : plan.small_set ? 1000
                                : 3500;
  plan.schedule_steps = plan.steps;
  return plan;
}

}  // namespace

Status check_options(const DeepArOptions& o) {
  const auto in_range = [](std::string_view name, auto value, auto low, auto high) -> Status {
    if (value >= low && value <= high) return ok();
    return invalid_argument("{}: found {}; allowed: {} to {}", name, value, low, high);
  };
  TRY(in_range("horizon", o.horizon, 1, 1000));
  TRY(in_range("season", o.season, 0, 100'000));
  TRY(in_range("context", o.context, 0, 2000));
  TRY(in_range("steps", o.steps, 0, kMostSteps));
  TRY(in_range("epochs", o.epochs, 0, 100'000));
  TRY(in_range("patience", o.patience, 0, 100'000));
  TRY(in_range("likelihoods", o.likelihoods.size(), 0u, 8u));
  TRY(in_range("members", o.members, 0, 32));
  if (o.members > 0 && o.likelihoods.size() > static_cast<std::size_t>(o.members))
    return invalid_argument("members: found {} for {} likelihoods; allowed: at least one of each", o.members,
                            o.likelihoods.size());
  TRY(in_range("batch", o.batch, 1, 4096));
  TRY(in_range("cells", o.cells, 1, 512));
  TRY(in_range("layers", o.layers, 1, 8));
  TRY(in_range("threads", o.threads, 1, 256));
  TRY(in_range("learning_rate", o.learning_rate, 1e-9, 1.0));
  TRY(in_range("dropout", o.dropout, 0.0, 0.95));
  TRY(in_range("zoneout", o.zoneout, 0.0, 0.95));
  return in_range("embedding_dimension", o.embedding_dimension, 0, 1000);
}

std::string_view name_of(Scaling scaling) {
  return scaling == Scaling::kLocation ? "location" : scaling == Scaling::kMagnitude ? "magnitude" : "none";
}

std::string_view name_of(CalendarField field) { return cycle_of(field).name; }

bool calendar_field_of(std::string_view name, CalendarField& out) {
  for (const CalendarCycle& cycle : kCycles)
    if (cycle.name == name) return out = cycle.field, true;
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
    case CalendarField::kWeekOfYear: return place(iso_week(c) - 1, 52);
    case CalendarField::kMonthOfYear: return place(c.month - 1, 11);
  }
  return 0;
}

std::vector<CalendarField> gluonts_calendar(const Frequency& step) {
  using enum CalendarField;
  switch (step.unit()) {
    case StepUnit::kMillisecond:  // GluonTS knows none; a second's serve.
    case StepUnit::kSecond: return {kSecondOfMinute, kMinuteOfHour, kHourOfDay, kDayOfWeek, kDayOfMonth, kDayOfYear};
    case StepUnit::kMinute: return {kMinuteOfHour, kHourOfDay, kDayOfWeek, kDayOfMonth, kDayOfYear};
    case StepUnit::kHour: return {kHourOfDay, kDayOfWeek, kDayOfMonth, kDayOfYear};
    case StepUnit::kDay:
    case StepUnit::kBusinessDay: return {kDayOfWeek, kDayOfMonth, kDayOfYear};
    case StepUnit::kWeek: return {kDayOfMonth, kWeekOfYear};
    case StepUnit::kMonth:
    case StepUnit::kQuarter: return {kMonthOfYear};
    case StepUnit::kYear: return {};
  }
  return {};
}

std::vector<int> gluonts_lags(const Frequency& step, int lag_max) {
  std::set<int> lags;
  for (int lag = 1; lag <= kRecentLags; ++lag) lags.insert(lag);
  // Each of the last `count` cycles, in steps, and `reach` steps on either side; cycle and step in the same unit.
  const auto around = [&](double cycle, double step_in_units, int count, int reach) {
    for (int k = 1; k <= count; ++k) {
      const double middle = floor_quotient(k * cycle, step_in_units);
      for (double lag = middle - reach; lag <= middle + reach; ++lag)
        if (lag > kRecentLags && lag <= lag_max) lags.insert(static_cast<int>(lag));
    }
  };
  const double n = static_cast<double>(step.multiple());
  const auto minutes = [&](double m) { around(60, m, 3, 2); };
  const auto hours = [&](double m) { around(24, m, 7, 1); };
  const auto days = [&](double m, int week, int month) {
    around(week, m, 4, 1);
    around(month, m, 1, 1);
  };
  const auto weeks = [&](double m) {
    around(52, m, 3, 1);
    around(4, m, 3, 0);  // 4, 8 and 12 weeks.
  };
  const auto months = [&](double m) { around(12, m, 3, 1); };
  const auto seconds = [&](double m) {
    around(60, m, 3, 2);
    minutes(m / 60);
    hours(m / 3600);
  };
  switch (step.unit()) {
    case StepUnit::kMillisecond: seconds(n / 1000); break;
    case StepUnit::kSecond: seconds(n); break;
    case StepUnit::kMinute: minutes(n), hours(n / 60), days(n / 1440, 7, 30), weeks(n / 10080); break;
    case StepUnit::kHour: hours(n), days(n / 24, 7, 30), weeks(n / 168); break;
    case StepUnit::kDay: days(n, 7, 30), weeks(n / 7); break;
    case StepUnit::kBusinessDay: days(n, 5, 22), weeks(n / 5); break;
    case StepUnit::kWeek: weeks(n); break;
    case StepUnit::kMonth: months(n); break;
    case StepUnit::kQuarter: months(3 * n); break;
    case StepUnit::kYear: break;
  }
  return {lags.begin(), lags.end()};
}

std::vector<int> long_lags(const Frequency& step) {
  std::vector<int> lags = gluonts_lags(step);
  const auto width = step.width();
  if (!width) return lags;
  for (const Milliseconds cycle : {kDay, 7 * kDay}) {
    const std::int64_t steps = cycle / *width;
    if (cycle % *width != 0ms || steps <= lags.back() || steps >= kLongLagMax) continue;
    for (const int lag : {-1, 0, 1}) lags.push_back(static_cast<int>(steps) + lag);
  }
  return lags;
}

int gluonts_embedding_dimension(int cardinality) { return std::min(50, (cardinality + 1) / 2); }

ModelSpec gluonts_spec(const Frequency& step, int horizon, int context) {
  ModelSpec spec;
  spec.step = step;
  spec.horizon = horizon;
  spec.context = spec.scale_length = context > 0 ? context : horizon;
  spec.season = spec.week_lag = 1;
  spec.lags = gluonts_lags(step);
  spec.calendar = gluonts_calendar(step);
  spec.scaling = Scaling::kMagnitude;
  spec.gate = spec.constants = false;
  spec.log_scale = spec.age = true;
  spec.lag_limit = kScaledLimit;
  spec.embeddings = {{1, gluonts_embedding_dimension(1)}};
  spec.static_reals = 1;
  spec.cells = 40;
  spec.layers = 2;
  return spec;
}

Result<TrainingPlan> plan_training(std::span<const TimeSeries> series, const DeepArOptions& options) {
  TRY(check_options(options));
  if (series.empty()) return invalid_argument("no series to train on");
  std::size_t points = 0, longest = 0;
  for (std::size_t i = 0; i < series.size(); ++i) {
    if (series[i].step.multiple() < 1) return invalid_argument("series {}: a step of {}", i, to_text(series[i].step));
    if (series[i].step != series[0].step)
      return invalid_argument("series {}: steps of {}; the first has {}", i, to_text(series[i].step),
                              to_text(series[0].step));
    points += series[i].values.size();
    longest = std::max(longest, series[i].values.size());
  }

  TrainingPlan plan = options.like ? TRY(plan_from_json(options.like->describe()).in("like"))
                                   : plan_by_recipe(series, points, longest, options);
  if (!options.like) fit_to_series(series, options, plan.spec);
  if (options.warm_start) plan.spec = TRY(spec_from_json(options.warm_start->describe()).in("warm_start"));
  for (std::size_t i = 0; i < series.size(); ++i)
    TRY(check_support(plan.spec.head, series[i]).in(fmt::format("series {}", i)));
  if (plan.spec.step != series[0].step)
    return invalid_argument("{}: trained for steps of {}; the series have {}", options.like ? "like" : "warm_start",
                            to_text(plan.spec.step), to_text(series[0].step));
  if (options.warm_start && plan.spec.horizon != options.horizon)
    return invalid_argument("warm_start: trained for a horizon of {}; asked for {}", plan.spec.horizon,
                            options.horizon);
  plan.selection = !options.select || options.like ? Selection::kLast : plan.recipe.selection;
  plan.epoch_steps = epoch_steps(plan.recipe.base, series.size(), options.batch);
  const bool held_out = plan.selection == Selection::kHeldOut;
  if (options.calibrate && !options.like && options.select && !held_out)
    return invalid_argument("calibrate: needs held-out windows; the recipe's selection is {}",
                            word_of(plan.recipe, "selection"));
  plan.evaluate_every = !held_out ? plan.epoch_steps : plan.small_set ? 25 : 125;
  plan.patience =
      options.patience > 0
          ? static_cast<int>(std::min<std::int64_t>(std::int64_t{options.patience} * plan.epoch_steps, kMostSteps))
      : held_out ? std::max(plan.evaluate_every, plan.steps * 2 / 5)
                 : 0;
  plan.average_decay = plan.small_set ? 0.99 : 0.998;

  const int wanted =
      std::min(kHeldOutMax, (kHeldOutWindows + static_cast<int>(series.size()) - 1) / static_cast<int>(series.size()));
  for (const TimeSeries& s : series) {
    const int fit = static_cast<int>(kHeldOutShare * static_cast<double>(s.values.size()) / plan.spec.horizon);
    plan.held_out.push_back(held_out ? std::max(1, std::min(wanted, fit)) : 0);
  }
  return plan;
}

std::vector<nn::Head> member_heads(std::span<const TimeSeries> series, const DeepArOptions& options) {
  std::vector<nn::Head> heads = options.likelihoods;
  const bool gluonts = options.recipe.base == Recipe::Base::kGluonTs;
  if (heads.empty()) {
    heads = {nn::Head::kStudentT};
    if (!gluonts && are_small_counts(series)) heads.push_back(nn::Head::kNegativeBinomial);
  }
  const std::size_t kinds = heads.size(), by_recipe = gluonts ? kinds : std::max(kinds, kMembers);
  const std::size_t members = options.members > 0 ? static_cast<std::size_t>(options.members) : by_recipe;
  heads.resize(members);
  for (std::size_t i = kinds; i < members; ++i) heads[i] = heads[i - kinds];
  return heads;
}

int epoch_steps(Recipe::Base base, std::size_t series, int batch) {
  if (base == Recipe::Base::kGluonTs) return kGluonTsEpoch;
  return static_cast<int>(std::max<std::size_t>(
      kLeastEpoch, (series + static_cast<std::size_t>(batch) - 1) / static_cast<std::size_t>(batch)));
}

double rate_factor(int step, int schedule_steps) {
  const double part = std::min(1.0, static_cast<double>(step) / schedule_steps);
  const double cosine = 0.01 + 0.99 * (1 + std::cos(std::numbers::pi * part)) / 2;
  return cosine * std::min(1.0, (step + 1.0) / kWarmUpSteps);
}

double average_keep(int step, double decay) { return std::min(decay, (1.0 + step) / (10.0 + step)); }

}  // namespace tidecast::deepar
