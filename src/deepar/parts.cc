#include "deepar/parts.h"

#include <algorithm>
#include <functional>

namespace tidecast::deepar {
namespace {

// A part with how it is read and set, by the index of its word.
struct Accessor {
  RecipePart part;
  std::function<int(const Recipe&)> get;
  std::function<void(Recipe&, int)> set;
};

template <typename Member>
Accessor choice(std::string_view name, std::vector<std::string_view> words, Member Recipe::*member) {
  return {{name, std::move(words)},
          [member](const Recipe& recipe) { return static_cast<int>(recipe.*member); },
          [member](Recipe& recipe, int word) { recipe.*member = static_cast<Member>(word); }};
}

// `usual`: what the default recipe has.
Accessor flag(std::string_view name, bool usual, bool Recipe::*member) {
  return {{name, usual ? std::vector<std::string_view>{"on", "off"} : std::vector<std::string_view>{"off", "on"}},
          [=](const Recipe& recipe) { return recipe.*member == usual ? 0 : 1; },
          [=](Recipe& recipe, int word) { recipe.*member = (word == 0) == usual; }};
}

const std::vector<Accessor>& accessors() {
  static const std::vector<Accessor> all = {
      {{"scaling", {"auto", "location", "magnitude", "none"}},
       [](const Recipe& recipe) { return recipe.scaling ? static_cast<int>(*recipe.scaling) + 1 : 0; },
       [](Recipe& recipe, int word) {
         recipe.scaling = word == 0 ? std::nullopt : std::optional(static_cast<Scaling>(word - 1));
       }},
      flag("copy_gate", true, &Recipe::copy_gate),
      flag("window_constants", true, &Recipe::window_constants),
      flag("log_scale", false, &Recipe::log_scale),
      flag("age", false, &Recipe::age),
      choice("lags", {"auto", "few", "many", "long"}, &Recipe::lags),
      choice("calendar", {"auto", "all", "none"}, &Recipe::calendar),
      choice("sampling", {"shuffled", "file_order"}, &Recipe::sampling),
      choice("schedule", {"cosine", "plateau", "constant"}, &Recipe::schedule),
      flag("averaging", true, &Recipe::averaging),
      choice("selection", {"held_out", "train_loss", "last"}, &Recipe::selection),
  };
  return all;
}

Result<const Accessor*> accessor_of(std::string_view part) {
  const auto found = std::ranges::find(accessors(), part, [](const Accessor& each) { return each.part.name; });
  if (found != accessors().end()) return &*found;
  std::string known;
  for (const Accessor& each : accessors()) known += (known.empty() ? "" : ", ") + std::string(each.part.name);
  return invalid_argument("'{}' is no part of a recipe; there are: {}", part, known);
}

}  // namespace

Recipe gluonts_recipe() {
  return {.base = Recipe::Base::kGluonTs,
          .scaling = Scaling::kMagnitude,
          .copy_gate = false,
          .window_constants = false,
          .log_scale = true,
          .age = true,
          .lags = Lags::kMany,
          .calendar = Calendar::kAll,
          .sampling = Sampling::kFileOrder,
          .schedule = Schedule::kPlateau,
          .averaging = false,
          .selection = Selection::kTrainLoss};
}

std::span<const RecipePart> recipe_parts() {
  static const std::vector<RecipePart> parts = [] {
    std::vector<RecipePart> all;
    for (const Accessor& each : accessors()) all.push_back(each.part);
    return all;
  }();
  return parts;
}

std::string_view word_of(const Recipe& recipe, std::string_view part) {
  const Accessor& accessor = *accessor_of(part).value();
  return accessor.part.words[static_cast<std::size_t>(accessor.get(recipe))];
}

Status set_part(Recipe& recipe, std::string_view part, std::string_view word) {
  const Accessor& accessor = *TRY(accessor_of(part));
  const auto& words = accessor.part.words;
  const auto found = std::ranges::find(words, word);
  if (found == words.end()) return invalid_argument("{}: found '{}'; allowed: {}", part, word, fmt::join(words, ", "));
  accessor.set(recipe, static_cast<int>(found - words.begin()));
  return ok();
}

std::string text_of(const Recipe& recipe) {
  const bool gluonts = recipe.base == Recipe::Base::kGluonTs;
  const Recipe base = gluonts ? gluonts_recipe() : Recipe{};
  std::string text = gluonts ? "gluonts" : "default";
  for (const Accessor& each : accessors())
    if (each.get(recipe) != each.get(base))
      text += fmt::format(" {}={}", each.part.name, word_of(recipe, each.part.name));
  return text;
}

Result<Recipe> parse_recipe(std::string_view text) {
  const auto next = [&] {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    return word;
  };
  Recipe recipe;
  if (const std::string_view base = next(); base == "gluonts")
    recipe = gluonts_recipe();
  else if (base != "default")
    return invalid_argument("'{}' is no recipe; there are: default, gluonts", base);
  while (!text.empty()) {
    const std::string_view part = next();
    const std::size_t equals = std::min(part.find('='), part.size());
    TRY(set_part(recipe, part.substr(0, equals), part.substr(std::min(part.size(), equals + 1))));
  }
  return recipe;
}

}  // namespace tidecast::deepar
