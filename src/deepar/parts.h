#pragma once
// The parts that a training is made of, each with a name and words for its ways: what `forecast.recipe` in the
// definition file chooses, and what the model's description records.  docs/deepar.md says what each is worth.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tidecast::deepar {

// What a window's values are measured in before the network sees them.
enum class Scaling {
  kLocation,   // (y - mean) / mean absolute deviation: recipe R's.
  kMagnitude,  // y / mean |y|: GluonTS's, and R's of counts.
  kNone,       // y.
};
enum class Lags {
  kAuto,  // Six on small sets, else GluonTS's.
  kFew,
  kMany,
  kLong,  // GluonTS's, and a day and a week where those are 1,200 to 4,000 steps back.
};
enum class Calendar {
  kAuto,  // The fields of whose cycles the training spans two.
  kAll,   // GluonTS's fields of the step.
  kNone,
};
enum class Sampling {
  kShuffled,   // Each window anew from all series.
  kFileOrder,  // Series by series, each split with the probability that makes a window a visit: GluonTS's.
};
enum class Schedule {
  kCosine,   // Fifty steps of warm-up, then down to a hundredth.
  kPlateau,  // Halved after ten epochs without a better loss: GluonTS's.
  kConstant,
};
enum class Selection {
  kHeldOut,    // The weights that were best on windows kept from the training.
  kTrainLoss,  // Those of the epoch with the least training loss: GluonTS's and SageMaker's.
  kLast,
};

struct Recipe {
  enum class Base { kDefault, kGluonTs } base = Base::kDefault;
  std::optional<Scaling> scaling;  // nullopt: by the likelihood; location where it has one, else magnitude or none.
  bool copy_gate = true;           // Of a likelihood that has one.
  bool window_constants = true;    // Four measures of the window as inputs.
  bool log_scale = false;          // log of the scale as an input.
  bool age = false;                // log10(2 + steps since the series' start) as an input.
  Lags lags = Lags::kAuto;
  Calendar calendar = Calendar::kAuto;
  Sampling sampling = Sampling::kShuffled;
  Schedule schedule = Schedule::kCosine;
  bool averaging = true;  // The weights' exponential average is the model.
  Selection selection = Selection::kHeldOut;
  bool operator==(const Recipe&) const = default;
};
Recipe gluonts_recipe();

// A part and the words it can be set to; the first is the default recipe's.
struct RecipePart {
  std::string_view name;
  std::vector<std::string_view> words;
};
std::span<const RecipePart> recipe_parts();

std::string_view word_of(const Recipe& recipe, std::string_view part);
// Errors: kInvalidArgument - an unknown part or word, with those that there are.
Status set_part(Recipe& recipe, std::string_view part, std::string_view word);

// "default", "gluonts", and, after a space each, the parts that differ from it: "default copy_gate=off lags=many".
std::string text_of(const Recipe& recipe);
Result<Recipe> parse_recipe(std::string_view text);

}  // namespace tidecast::deepar
