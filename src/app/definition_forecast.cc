// forecast: and validation: what is forecast, how it is trained and what a model must do to be registered.
#include <algorithm>
#include <limits>

#include "app/definition_parts.h"
#include "training/job.h"

namespace tidecast {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::optional<nn::Head> read_head(const Value& value) {
  static const std::vector<std::string_view> kLikelihoods = {
      "student-T", "gaussian", "beta", "deterministic-L1", "negative-binomial", "laplace", "poisson", "gamma"};
  const auto word = value.word({.what = "likelihood", .words = kLikelihoods});
  if (!word) return std::nullopt;
  return nn::head_of(kLikelihoods[*word]).value();
}

// SageMaker's names; the ranges are those of its documents (type and upper end of the tuning range).
void read_hyperparameters(const Value& value, DeepArOptions& out) {
  const ValueMap map = value.map({
      .optional = {"context_length", "num_cells", "num_layers", "dropout_rate", "learning_rate", "mini_batch_size",
                   "likelihood", "epochs", "early_stopping_patience", "embedding_dimension", "cardinality",
                   "num_dynamic_feat", "zoneout_rate", "members", "calibrate"},
      .refused = {{"prediction_length", "stands elsewhere", "forecast.horizon"},
                  {"time_freq", "stands elsewhere", "the window of the target's group"},
                  {"num_eval_samples", "stands elsewhere", "validation.paths"},
                  {"test_quantiles", "stands elsewhere", "validation.confidence"}},
      .synonyms = {{"batch_size", "mini_batch_size"},
                   {"lr", "learning_rate"},
                   {"dropout", "dropout_rate"},
                   {"zoneout", "zoneout_rate"},
                   {"cells", "num_cells"},
                   {"layers", "num_layers"},
                   {"patience", "early_stopping_patience"},
                   {"context", "context_length"}},
  });
  set(out.context, map["context_length"].integer(1, 200));
  set(out.cells, map["num_cells"].integer(1, 200));
  set(out.layers, map["num_layers"].integer(1, 8));
  set(out.dropout, map["dropout_rate"].number(0, 0.2));
  set(out.zoneout, map["zoneout_rate"].number(0, 0.2));
  set(out.learning_rate, map["learning_rate"].number(1e-5, 1e-1));
  set(out.batch, map["mini_batch_size"].integer(1, 1028));
  set(out.epochs, map["epochs"].integer(1, 1000));
  set(out.patience, map["early_stopping_patience"].integer(1, 1000));
  set(out.embedding_dimension, map["embedding_dimension"].integer(1, 100));
  set(out.members, map["members"].integer(1, 32));
  set(out.calibrate, map["calibrate"].boolean());
  // The target is one series: both words come to the same.
  map["cardinality"].word({.what = "cardinality of one series", .words = {"auto", "ignore"}});
  map["num_dynamic_feat"].word({.what = "number of dynamic features of one series", .words = {"auto", "ignore"}});
  const Value likelihood = map["likelihood"];
  if (!likelihood.is(YamlNode::Kind::kList)) {
    if (const auto head = read_head(likelihood)) out.likelihoods = {*head};
    return;
  }
  out.likelihoods.clear();
  for (const Value& each : likelihood.items())
    if (const auto head = read_head(each)) out.likelihoods.push_back(*head);
  if (out.likelihoods.empty() || out.likelihoods.size() > 8)
    likelihood.error(fmt::format("{} likelihoods", out.likelihoods.size()), "1 to 8 of them");
  if (out.members > 0 && out.likelihoods.size() > static_cast<std::size_t>(out.members))
    map["members"].error(fmt::format("{} members for {} likelihoods", out.members, out.likelihoods.size()),
                         "at least one of each");
}

// A recipe by its name, or a map of its parts.
void read_recipe(const Value& value, deepar::Recipe& out) {
  const auto read_base = [&](const Value& base) {
    if (base.word({.what = "recipe", .words = {"default", "gluonts"}}) == 1) out = deepar::gluonts_recipe();
  };
  if (!value.is(YamlNode::Kind::kMap)) return read_base(value);
  std::vector<std::string_view> keys{"base"};
  for (const deepar::RecipePart& part : deepar::recipe_parts()) keys.push_back(part.name);
  const ValueMap map = value.map({.optional = keys});
  read_base(map["base"]);
  for (const deepar::RecipePart& part : deepar::recipe_parts())
    if (const auto word = map[part.name].word({.what = part.name, .words = part.words}))
      CHECK(set_part(out, part.name, part.words[*word]).ok());
}

// From one row of a series to the next.
Milliseconds step_of(const WindowGroup& group) {
  return group.kind == WindowKind::kHopping ? group.every : group.window;
}

// A forecast is of one series on a grid.
void check_series(const Value& target, const WindowGroup& group) {
  if (group.kind == WindowKind::kSession)
    target.error(fmt::format("sessions begin when they like: {} is no series on a grid", group.name),
                 "a column of a tumbling or hopping group");
  else if (!group.key.empty())
    target.error(fmt::format("{} has a series per key, and a forecast is of one", group.name),
                 "a group without a key; where: can pick one series");
}

// The group and column that "group.column" names; the group's index.
std::optional<std::size_t> read_target(const Value& target, const ReadGroups& features, ForecastDefinition& out) {
  const auto text = target.text("group.column");
  if (!text) return std::nullopt;
  std::vector<std::string> names;
  for (const WindowGroup& group : features.groups)
    for (const AggregateColumn& column : group.columns) names.push_back(group.name + "." + column.name);
  const std::vector<std::string_view> words(names.begin(), names.end());
  for (std::size_t g = 0; g < features.groups.size(); ++g) {
    const WindowGroup& group = features.groups[g];
    for (const AggregateColumn& column : group.columns) {
      if (group.name + "." + column.name != *text) continue;
      out.group = group.name;
      out.column = column.name;
      check_series(target, group);
      return g;
    }
  }
  if (!features.complete) return std::nullopt;
  const std::string_view group = std::string_view(*text).substr(0, text->find('.'));
  const bool known =
      std::any_of(features.groups.begin(), features.groups.end(), [&](const auto& g) { return g.name == group; });
  target.error(text->find('.') == std::string::npos ? fmt::format("'{}' names no column of a group", *text)
               : known ? fmt::format("'{}' is no column of {}", text->substr(group.size() + 1), group)
                       : fmt::format("there is no group '{}'", group),
               listed(words), nearest_word(*text, words));
  return std::nullopt;
}

// A run needs so many windows of history: kLeastObservations to train on, then kLeastWindows back-tests.
void check_history(const ValueMap& map, const ForecastDefinition& forecast, const WindowGroup& group) {
  const Milliseconds needed = step_of(group) * (kLeastObservations + kLeastWindows * forecast.horizon);
  const std::string why =
      fmt::format("{} steps of {} need {} of history: {} windows to train on, {} back-tests", forecast.horizon,
                  to_text(step_of(group)), to_text(needed), kLeastObservations, kLeastWindows);
  const Value window = map["training_window"], first = map["first_training_after"];
  if (forecast.training_window && *forecast.training_window < needed)
    window.error(fmt::format("too short: {}", why), fmt::format("all, or a duration from {} on", to_text(needed)));
  const Milliseconds earliest = needed + group.lateness;  // When that many windows have closed.
  if (forecast.first_training_after && *forecast.first_training_after < earliest)
    first.error(fmt::format("too early: {}", why),
                fmt::format("a duration from {} on, or no key (it starts by itself)", to_text(earliest)));
}

// [path, argument...]; a path with a '/' starts at `folder`, else PATH finds it.
std::vector<std::string> read_command(const Value& program, const std::filesystem::path& folder) {
  std::vector<std::string> command;
  for (const Value& item : program.items())
    if (auto word = item.text("a path or an argument")) command.push_back(std::move(*word));
  if (program.is(YamlNode::Kind::kList) && command.empty()) program.error("no program", "[path, argument, ...]");
  if (!command.empty() && command[0].find('/') != std::string::npos)
    command[0] = (folder / command[0]).lexically_normal();
  return command;
}

// Passed on as they are written; two are ours to say.
std::vector<Hyperparameter> read_own_hyperparameters(const Value& value) {
  std::vector<Hyperparameter> all;
  for (const auto& [key, text] : value.entries()) {
    const auto name = key.text("a name");
    const auto content = text.text("a text or a number");
    if (name && *name == "prediction_length") key.error("stands elsewhere", "forecast.horizon");
    if (name && *name == "time_freq") key.error("stands elsewhere", "the window of the target's group");
    if (name && content) all.push_back({*name, *content});
  }
  return all;
}

// A word, or a program of one's own with its settings.
Algorithm read_algorithm(const Value& value, const std::filesystem::path& folder) {
  Algorithm algorithm;
  if (value.is(YamlNode::Kind::kMap)) {
    const ValueMap map = value.map({.required = {"program"},
                                    .optional = {"hyperparameters", "train_at_most"},
                                    .synonyms = {{"command", "program"}, {"max_runtime", "train_at_most"}}});
    ProgramOptions& program = algorithm.program.emplace();
    std::error_code error;
    const std::filesystem::path home =
        std::filesystem::absolute(folder.empty() ? "." : folder, error).lexically_normal();
    program.folder = home;
    if (const Value command = map["program"]) program.command = read_command(command, home);
    if (const Value own = map["hyperparameters"]) program.hyperparameters = read_own_hyperparameters(own);
    set(program.train_at_most, map["train_at_most"].duration(1s, 24h * 30));
    return algorithm;
  }
  static const std::vector<std::string_view> kAlgorithms = {"deepar", "naive", "seasonal_naive", "npts", "ets"};
  if (const auto word = value.word({.what = "algorithm", .words = kAlgorithms}))
    algorithm.baseline = baseline_of(kAlgorithms[*word]);
  return algorithm;
}

}  // namespace

std::optional<ForecastDefinition> read_forecast(const Value& forecast, const ReadGroups& features,
                                                const std::filesystem::path& folder) {
  if (!forecast) return std::nullopt;
  ForecastDefinition out;
  const ValueMap map = forecast.map({
      .required = {"target"},
      .optional = {"horizon", "algorithm", "recipe", "hyperparameters", "training_window", "first_training_after",
                   "seed"},
      .synonyms = {{"prediction_length", "horizon"}, {"steps", "horizon"}},
  });
  const auto group = read_target(map["target"], features, out);
  const auto horizon = map["horizon"].integer(1, 400);
  set(out.horizon, horizon);
  out.algorithm = read_algorithm(map["algorithm"], folder);
  if (const Value recipe = map["recipe"]; recipe && !out.algorithm.is_deepar())
    recipe.error(fmt::format("is DeepAR's: {} has none", title_of(out.algorithm)), "no key");
  else
    read_recipe(recipe, out.options.recipe);
  if (const Value hyperparameters = map["hyperparameters"]; hyperparameters && out.algorithm.program)
    hyperparameters.error("are DeepAR's", "forecast.algorithm.hyperparameters for the program's");
  else if (hyperparameters && out.algorithm.baseline)
    hyperparameters.error(fmt::format("are DeepAR's: {} has none", title_of(out.algorithm)), "no key");
  else if (hyperparameters)
    read_hyperparameters(hyperparameters, out.options);
  if (const Value window = map["training_window"]; window && !window.is_word("all"))
    out.training_window = window.duration(1min, 24h * 3650, "all");
  out.first_training_after = map["first_training_after"].duration(1min, 24h * 3650);
  set(out.seed, map["seed"].seed());
  out.options.horizon = out.horizon;
  out.options.seed = out.seed;

  const bool horizon_known = !map["horizon"] || horizon;
  if (group && horizon_known) check_history(map, out, features.groups[*group]);
  return out;
}

ValidationDefinition read_validation(const Value& validation) {
  ValidationDefinition out;
  const ValueMap map = validation.map({.optional = {"windows", "confidence", "threshold", "must_beat", "paths"}});
  set(out.windows, map["windows"].integer(kLeastWindows, 100));
  set(out.confidence, map["confidence"].number(50, 99.8));
  if (const Value threshold = map["threshold"]) {
    const ValueMap parts =
        threshold.map({.optional = {"weighted_quantile_loss", "update_rate"},
                       .synonyms = {{"loss", "weighted_quantile_loss"}, {"wql", "weighted_quantile_loss"}}});
    set(out.threshold, parts["weighted_quantile_loss"].number(0, kInfinity, Bounds::kExcluded));
    set(out.update_rate, parts["update_rate"].number(0, 1));
  }
  if (const Value must_beat = map["must_beat"]; must_beat) {
    out.must_beat.clear();
    static constexpr Rival kRivals[] = {Rival::kNaive, Rival::kSeasonalNaive, Rival::kNpts, Rival::kEts,
                                        Rival::kProduction};
    for (const Value& item : must_beat.items()) {
      const auto index =
          item.word({.what = "rival", .words = {"naive", "seasonal_naive", "npts", "ets", "production"}});
      if (!index) continue;
      if (std::find(out.must_beat.begin(), out.must_beat.end(), kRivals[*index]) != out.must_beat.end())
        item.error("stands twice", "each rival once");
      out.must_beat.push_back(kRivals[*index]);
    }
  }
  set(out.paths, map["paths"].integer(10, 10'000));
  return out;
}

}  // namespace tidecast
