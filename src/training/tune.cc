#include "training/tune.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/rng.h"

namespace tidecast {
namespace {

constexpr std::size_t kGroup = 8;  // Variants that are halved together: 8 at a quarter, 4 at a half, 2 in full.

// What SageMaker allows, but that a long horizon has a longer context.
struct Hyperparameter {
  std::string_view name;
  double low, high;
  bool whole;
  json::value (*get)(const DeepArOptions&);
  void (*set)(DeepArOptions&, double);
};
template <auto member>
constexpr Hyperparameter hyperparameter(std::string_view name, double low, double high) {
  using Value = std::remove_reference_t<decltype(std::declval<DeepArOptions&>().*member)>;
  return {.name = name,
          .low = low,
          .high = high,
          .whole = std::is_integral_v<Value>,
          .get = [](const DeepArOptions& options) { return json::value(options.*member); },
          .set = [](DeepArOptions& options, double value) { options.*member = static_cast<Value>(value); }};
}
constexpr std::array kHyperparameters{
    hyperparameter<&DeepArOptions::context>("context_length", 1, 2000),
    hyperparameter<&DeepArOptions::batch>("mini_batch_size", 1, 1028),
    hyperparameter<&DeepArOptions::learning_rate>("learning_rate", 1e-5, 1e-1),
    hyperparameter<&DeepArOptions::cells>("num_cells", 1, 200),
    hyperparameter<&DeepArOptions::layers>("num_layers", 1, 8),
    hyperparameter<&DeepArOptions::dropout>("dropout_rate", 0, 0.2),
};

const Hyperparameter* find(std::string_view name) {
  const auto found = std::ranges::find(kHyperparameters, name, &Hyperparameter::name);
  return found == kHyperparameters.end() ? nullptr : &*found;
}

std::string names() {
  std::string text;
  for (const Hyperparameter& each : kHyperparameters) text += (text.empty() ? "" : ", ") + std::string(each.name);
  return text;
}

// Two significant digits: finer is noise, and a table shows them as they are.
double rounded(double value) {
  const std::string text = fmt::format("{:.1e}", value);
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// Uniform in [0, 1).
double uniform(std::uint32_t bits) { return static_cast<double>(bits) * 0x1p-32; }

double draw(const SearchRange& range, double part) {
  if (!range.choices.empty())
    return range.choices[static_cast<std::size_t>(part * static_cast<double>(range.choices.size()))];
  if (range.scale == SearchRange::Scale::kLinear) return rounded(range.low + part * (range.high - range.low));
  return rounded(range.low * std::pow(range.high / range.low, part));
}

json::value number(double value) {
  if (value == std::floor(value)) return static_cast<std::int64_t>(value);
  return value;
}

bool better(const Trial& a, const Trial& b) {
  if (a.diverged.empty() != b.diverged.empty()) return a.diverged.empty();
  if (a.rung != b.rung) return a.rung > b.rung;
  if (a.diverged.empty() && a.result.held_out_loss != b.result.held_out_loss)
    return a.result.held_out_loss < b.result.held_out_loss;
  return a.number < b.number;
}

class Search {
 public:
  Search(const TuneOptions& options, const Clock& clock, const TrialFunction& train)
      : options_(options), clock_(clock), train_(train), began_(clock.now()) {}

  Result<Tuning> run() {
    TRY(check());
    std::vector<Trial> first(1);
    TRY(train(first, kFullRung));
    keep(first);
    int begun = 1;
    while (!tuning_.stopped) {
      std::vector<Trial> group;
      while (!tuning_.stopped && group.size() < kGroup && begun < most() && fits(group.size() + 1)) {
        std::vector<Trial> next(1);
        next[0].number = ++begun;
        next[0].differs = draw_variant(options_.space, options_.defaults, options_.seed, begun);
        next[0].rung = 0;
        TRY(train(next, 0));
        std::ranges::move(next, std::back_inserter(group));
      }
      if (group.empty()) break;
      for (int rung = 1; rung <= kFullRung && !tuning_.stopped; ++rung) {
        std::ranges::sort(group, better);
        std::vector<Trial> rest(
            std::make_move_iterator(group.begin() + static_cast<std::ptrdiff_t>(half(group.size()))),
            std::make_move_iterator(group.end()));
        group.resize(half(group.size()));
        keep(rest);
        if (rung == kFullRung || group.size() > 1) TRY(train(group, rung));  // Else there is nothing left to halve.
      }
      keep(group);
    }
    if (options_.trials > 0) tuning_.not_begun = options_.trials - begun;
    std::ranges::sort(tuning_.ranked, better);
    return std::move(tuning_);
  }

 private:
  static std::size_t half(std::size_t count) { return (count + 1) / 2; }
  int most() const { return options_.trials > 0 ? options_.trials : kMostTrials; }

  Status check() const {
    if (options_.trials < 0 || options_.trials > kMostTrials)
      return invalid_argument("{} trials; allowed: 1 to {}", options_.trials, kMostTrials);
    if (options_.trials == 0 && !options_.budget)
      return invalid_argument("neither trials nor a budget; allowed: one of them, or both");
    if (options_.budget && *options_.budget <= 0ms)
      return invalid_argument("a budget of {}; allowed: more than 0", to_text(*options_.budget));
    return options_.space.empty() ? invalid_argument("nothing to search") : ok();
  }

  // Whether the group, with its variant number `count` begun now, comes to its end within the budget.
  bool fits(std::size_t count) const {
    if (!options_.budget) return true;
    const double shares = kRungs[0] + (count > 2 ? kRungs[1] * static_cast<double>(half(count)) : 0) +
                          kRungs[kFullRung] * static_cast<double>(half(half(count)));
    const double left = static_cast<double>((*options_.budget - (clock_.now() - began_)).count()) / 1000;
    return shares * seconds_ / shares_ <= left;
  }

  // One that is stopped leaves the group, or keeps the result of its last rung where it has one.
  Status train(std::vector<Trial>& group, int rung) {
    for (std::size_t i = 0; i < group.size(); ++i) {
      Trial& trial = group[i];
      if (!trial.diverged.empty()) continue;
      const int before = std::exchange(trial.rung, rung);
      const ProcessingTime begin = clock_.now();
      Result<TrialResult> result = train_(trial);
      const double seconds = static_cast<double>((clock_.now() - begin).count()) / 1000;
      trial.seconds += seconds;
      seconds_ += seconds;
      shares_ += kRungs[rung];
      if (result.ok() && !std::isfinite(result->held_out_loss))
        result = internal_error("the held-out loss is {}", result->held_out_loss);
      if (result.ok()) {
        trial.result = *result;
      } else if (result.code() == Code::kInternal) {
        trial.diverged = result.message();
      } else if (result.code() == Code::kCancelled) {
        tuning_.stopped = true;
        trial.rung = before;
        if (rung == 0 || trial.number == 1) group.erase(group.begin() + static_cast<std::ptrdiff_t>(i));
        return ok();
      } else {
        return std::move(result).status();
      }
    }
    return ok();
  }

  void keep(std::vector<Trial>& trials) { std::ranges::move(trials, std::back_inserter(tuning_.ranked)); }

  const TuneOptions& options_;
  const Clock& clock_;
  const TrialFunction& train_;
  const ProcessingTime began_;
  double seconds_ = 0, shares_ = 0;  // Of all trainings so far.
  Tuning tuning_;
};

}  // namespace

json::object hyperparameters_of(const DeepArOptions& options) {
  json::object values;
  for (const Hyperparameter& each : kHyperparameters) values[each.name] = each.get(options);
  return values;
}

Status set_hyperparameters(const json::object& values, DeepArOptions& options) {
  DeepArOptions changed = options;
  for (const auto& [name, value] : values) {
    const Hyperparameter* each = find(name);
    if (each == nullptr)
      return invalid_argument("{}: there is no such hyperparameter; allowed: {}", std::string_view(name), names());
    const double found = value.is_number() ? value.to_number<double>() : std::nan("");
    if (!(found >= each->low && found <= each->high) || (each->whole && found != std::floor(found)))
      return invalid_argument("{}: found {}; allowed: {} {} to {}", each->name, to_text(value),
                              each->whole ? "whole numbers from" : "numbers from", each->low, each->high);
    each->set(changed, found);
  }
  options = std::move(changed);
  return ok();
}

std::vector<SearchRange> search_space(const DeepArOptions& defaults) {
  std::vector<SearchRange> space;
  if (std::ranges::find(defaults.likelihoods, nn::Head::kPoint) == defaults.likelihoods.end()) {
    SearchRange context{.name = "context_length"};
    for (const double share : {0.5, 0.75, 1.5, 2.0})
      context.choices.push_back(std::clamp(std::round(share * defaults.context), 1.0, find("context_length")->high));
    space.push_back(std::move(context));
  }
  space.push_back({.name = "mini_batch_size", .choices = {16, 32, 64}});
  space.push_back({.name = "learning_rate", .low = 3e-4, .high = 1e-2, .scale = SearchRange::Scale::kLog});
  space.push_back({.name = "num_cells", .choices = {20, 30, 40, 60, 80}});
  space.push_back({.name = "num_layers", .choices = {1, 2, 3}});
  if (defaults.zoneout == 0)  // Which stands in its place.
    space.push_back({.name = "dropout_rate", .low = 0, .high = 0.2});
  return space;
}

json::object draw_variant(const std::vector<SearchRange>& space, const json::object& defaults, std::uint64_t seed,
                          int number_of_trial) {
  const std::uint64_t key = mix64(seed);
  json::object differs;
  for (std::uint32_t attempt = 0; differs.empty(); ++attempt)
    for (std::uint32_t i = 0; i < space.size(); ++i) {
      const auto bits = philox4x32({static_cast<std::uint32_t>(number_of_trial), attempt, i, 0},
                                   {static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32)});
      if (uniform(bits[0]) < 0.5) continue;  // Keeps the default.
      const double value = draw(space[i], uniform(bits[1]));
      if (value != defaults.at(space[i].name).to_number<double>()) differs[space[i].name] = number(value);
    }
  return differs;
}

const Trial* Tuning::defaults() const {
  const auto found = std::ranges::find(ranked, 1, &Trial::number);
  return found == ranked.end() ? nullptr : &*found;
}

const Trial* Tuning::best() const {
  const bool any = !ranked.empty() && ranked[0].rung == kFullRung && ranked[0].diverged.empty();
  return any ? &ranked[0] : nullptr;
}

Result<Tuning> tune(const TuneOptions& options, const Clock& clock, const TrialFunction& train) {
  return Search(options, clock, train).run();
}

}  // namespace tidecast
