#pragma once
// What recipe R (docs/deepar.md) decides before any number is trained: season, context, lags, calendar features, small
// or large set, schedule, held-out windows.  Pure functions of the series' lengths and the options.

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "deepar/deepar.h"
#include "deepar/parts.h"
#include "nn/heads.h"
#include "nn/parameters.h"

namespace tidecast::deepar {

// A place in a cycle, scaled to -0.5 .. 0.5 as GluonTS does; in UTC.  Weeks are ISO 8601's: 1 to 53.
enum class CalendarField {
  kSecondOfMinute,
  kMinuteOfHour,
  kHourOfDay,
  kDayOfWeek,
  kDayOfMonth,
  kDayOfYear,
  kWeekOfYear,
  kMonthOfYear
};
std::string_view name_of(CalendarField field);  // "second_of_minute", ...
bool calendar_field_of(std::string_view name, CalendarField& out);
float calendar_value(CalendarField field, EventTime time);  // Of a step: at its Frequency::calendar_time.
// GluonTS's fields of a step, in its order (gluonts/time_feature/_base.py): seconds have six, years none.
std::vector<CalendarField> gluonts_calendar(const Frequency& step);

std::string_view name_of(Scaling scaling);  // "location", "magnitude", "none"

// Everything a forecast needs to know about the network's inputs and what becomes of its outputs.
struct ModelSpec {
  Frequency step{0ms};
  int horizon = 0;
  int context = 0;        // C: steps of warm-up whose next values are forecast in training too.
  int season = 0;         // m, in steps.
  int week_lag = 0;       // What the copy gate calls a week: 7 days where that is a lag, else m.
  int scale_length = 0;   // Ls: the values before the split that location and scale are taken from.
  std::vector<int> lags;  // Ascending, with 1, season and week_lag among them.
  std::vector<CalendarField> calendar;
  nn::Head head = nn::Head::kStudentT;
  Scaling scaling = Scaling::kLocation;
  bool gate = true;          // The copy gate over lags; of a head that has one.
  bool constants = true;     // Four measures of the window as inputs: see window.h.
  bool log_scale = false;    // log of the scale as an input,
  bool age = false;          // and log10(2 + steps since the series' start): GluonTS's.
  float lag_limit = 30;      // Of lags as inputs.
  double filler = 0;         // Stands for a missing value where the scaling has no location: in the head's support.
  double default_scale = 1;  // Of a window without one observed value, where the scaling has no location.
  double scale_floor = 1e-10;
  std::vector<nn::Embedding> embeddings;  // Of each category.
  int static_reals = 0;
  int dynamic = 0;     // Features that are known beforehand.
  double zoneout = 0;  // The rate it was trained with.
  int cells = 0, layers = 0;

  static constexpr int kConstants = 4;
  // Inputs of a step, in this order: lags, calendar, age, dynamic.
  int features() const { return static_cast<int>(calendar.size()) + (age ? 1 : 0) + dynamic; }
  int step_inputs() const { return static_cast<int>(lags.size()) + features(); }
  // Inputs of a window, in this order: static reals, log scale, constants; then the embedded vectors.
  int window_inputs() const { return static_reals + (log_scale ? 1 : 0) + (constants ? kConstants : 0); }
  bool gated() const { return gate && nn::has_gate(head); }
  int sequence() const { return context + horizon - 1; }  // T: steps of a training window.
  int past() const { return context - 1 + lags.back(); }  // Values before the split that the inputs reach.
  bool operator==(const ModelSpec&) const = default;
};

// GluonTS's inputs: its lags, all calendar fields of the step, age, log scale, one category and one static real (which
// series without take as 0), neither copy gate nor constants.  context 0: the horizon, as GluonTS has it.
ModelSpec gluonts_spec(const Frequency& step, int horizon, int context = 0);
int gluonts_embedding_dimension(int cardinality);

struct TrainingPlan {
  ModelSpec spec;
  Recipe recipe;
  Selection selection = Selection::kHeldOut;  // The recipe's, or kLast where nothing is to be selected.
  bool small_set = false;
  int steps = 0, schedule_steps = 0;
  int epoch_steps = 0;     // Of what SageMaker and GluonTS call an epoch.
  int evaluate_every = 0;  // Steps between looks at what the selection goes by.
  int patience = 0;        // Steps without a better look that end the training; 0: none do.
  double average_decay = 0;
  std::vector<int> held_out;  // Per series: windows at its end that are not targets.
};

inline constexpr int kGluonTsLagMax = 1200;
// GluonTS's lags of a step (gluonts/time_feature/lag.py), ascending: the last seven, and those round multiples of
// coarser cycles up to lag_max >= 7 steps.  A day of minutes, 1,440, is beyond GluonTS's own 1,200.
std::vector<int> gluonts_lags(const Frequency& step, int lag_max = kGluonTsLagMax);
// Those and, of steps whose day or week is further back than that, a day and a week, one step on either side; as far as
// kLongLagMax.
inline constexpr int kLongLagMax = 4'000;  // A server hands over 4,096 values, and the context wants some.
std::vector<int> long_lags(const Frequency& step);

// Errors: kInvalidArgument - an option out of range.
Status check_options(const DeepArOptions& options);
// Of each member of a model of these series: the options' likelihoods in turn.
std::vector<nn::Head> member_heads(std::span<const TimeSeries> series, const DeepArOptions& options);
// What trains the first member; train_deepar() asks for one at a time.
// Errors: kInvalidArgument - an option out of range, no series, steps of different widths, or a model in `like` that
// does not say how it was trained or has another step.  Whether a series is long enough only the training finds.
Result<TrainingPlan> plan_training(std::span<const TimeSeries> series, const DeepArOptions& options);

// GluonTS's epoch, 50 batches; by the default recipe SageMaker's, as far as its logs tell: about one window a series,
// at least ten batches.
int epoch_steps(Recipe::Base base, std::size_t series, int batch);

// The learning rate's factor at `step` (from 0) of Schedule::kCosine: fifty steps of warm-up times a cosine from 1 to
// .01 over `schedule_steps`.
double rate_factor(int step, int schedule_steps);
// The weight of the old average at `step` (from 0): decay, less at the beginning.
double average_keep(int step, double decay);

}  // namespace tidecast::deepar
