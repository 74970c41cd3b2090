#include "deepar/parts.h"

#include <gtest/gtest.h>

#include "deepar/recipe.h"

namespace tidecast::deepar {
namespace {

TEST(RecipeParts, EachWordComesBackFromText) {
  for (const Recipe& base : {Recipe{}, gluonts_recipe()})
    for (const RecipePart& part : recipe_parts())
      for (const std::string_view word : part.words) {
        Recipe recipe = base;
        ASSERT_TRUE(set_part(recipe, part.name, word).ok());
        EXPECT_EQ(word_of(recipe, part.name), word);
        const auto read = parse_recipe(text_of(recipe));
        ASSERT_TRUE(read.ok()) << text_of(recipe);
        EXPECT_EQ(*read, recipe) << text_of(recipe);
      }
}

TEST(RecipeParts, TheFirstWordIsTheDefaultRecipes) {
  for (const RecipePart& part : recipe_parts()) EXPECT_EQ(word_of(Recipe{}, part.name), part.words.front());
  EXPECT_EQ(text_of({}), "default");
  EXPECT_EQ(text_of(gluonts_recipe()), "gluonts");
}

TEST(RecipeParts, WhatIsUnknownIsRefusedWithWhatThereIs) {
  Recipe recipe;
  EXPECT_EQ(set_part(recipe, "lags", "all").message(), "lags: found 'all'; allowed: auto, few, many, long");
  EXPECT_EQ(parse_recipe("best").message(), "'best' is no recipe; there are: default, gluonts");
  EXPECT_EQ(parse_recipe("default gate=off").message().substr(0, 46), "'gate' is no part of a recipe; there are: scal");
  EXPECT_EQ(parse_recipe("default age").message(), "age: found ''; allowed: off, on");
}

TimeSeries flat(const Frequency& step, std::size_t count) {
  return {.start = EventTime::epoch(), .step = step, .values = std::vector<double>(count, 1.0)};
}
TrainingPlan plan_of(std::string_view recipe, const DeepArOptions& with = {}) {
  DeepArOptions options = with;
  options.recipe = parse_recipe(recipe).value();
  return plan_training(std::vector{flat(Milliseconds(60'000), 6'000)}, options).value();
}

TEST(RecipeParts, DecideTheInputs) {
  EXPECT_EQ(plan_of("default lags=few").spec.lags, (std::vector{1, 2, 3, 4, 60, 61}));
  EXPECT_EQ(plan_of("default lags=long").spec.lags.back(), 1'441) << "a day; a week is more than a server hands over";
  EXPECT_EQ(long_lags(Milliseconds(300'000)).back(), 2'017) << "a week of five minutes";
  EXPECT_EQ(long_lags(Milliseconds(3'600'000)), gluonts_lags(Milliseconds(3'600'000)));
  EXPECT_EQ(plan_of("default calendar=all").spec.calendar, gluonts_calendar(Milliseconds(60'000)));
  EXPECT_TRUE(plan_of("default calendar=none").spec.calendar.empty());
  EXPECT_FALSE(plan_of("default copy_gate=off").spec.gated());
  EXPECT_FALSE(plan_of("default window_constants=off").spec.constants);
  EXPECT_TRUE(plan_of("default age=on log_scale=on").spec.age);
  EXPECT_EQ(plan_of("default scaling=none").spec.scaling, Scaling::kNone);
}

TEST(RecipeParts, AScalingThatTheLikelihoodCannotHaveIsNotTaken) {
  EXPECT_EQ(plan_of("default scaling=location", {.likelihoods = {nn::Head::kPoisson}}).spec.scaling,
            Scaling::kMagnitude);
}

TEST(GluonTsRecipe, HasItsInputsAndItsScheduleOfAHundredEpochs) {
  const TrainingPlan plan = plan_of("gluonts", {.horizon = 24});
  ModelSpec wanted = gluonts_spec(Milliseconds(60'000), 24);
  wanted.default_scale = 1;  // Of a series of ones.
  wanted.season = wanted.week_lag = plan.spec.season;
  EXPECT_EQ(plan.spec, wanted);
  EXPECT_EQ(plan.steps, 5'000);
  EXPECT_EQ(plan.epoch_steps, 50);
  EXPECT_EQ(plan.evaluate_every, 50);
  EXPECT_EQ(plan.held_out, std::vector{0});
}

TEST(Epochs, AreSageMakersTenBatchesOrOneWindowASeries) {
  EXPECT_EQ(epoch_steps(Recipe::Base::kDefault, 1, 128), 10);
  EXPECT_EQ(epoch_steps(Recipe::Base::kDefault, 3'000, 128), 24);
  EXPECT_EQ(epoch_steps(Recipe::Base::kGluonTs, 3'000, 32), 50);
  const TrainingPlan plan = plan_of("default", {.epochs = 253, .patience = 40});
  EXPECT_EQ(plan.steps, 2'530);
  EXPECT_EQ(plan.patience, 400);
}

}  // namespace
}  // namespace tidecast::deepar
