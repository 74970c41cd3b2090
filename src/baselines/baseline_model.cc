#include "baselines/baseline_model.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/rng.h"
#include "baselines/baselines.h"
#include "baselines/ets.h"
#include "baselines/npts.h"

namespace tidecast {
namespace {

constexpr std::string_view kFormat = "tidecast-baseline";
constexpr int kVersion = 1;
constexpr int kContext = 1100;  // GluonTS's for NPTS.
constexpr int kSeasonsInContext = 4;
constexpr int kHorizonMax = 10'000, kSeasonMax = 1'000'000, kPathsMax = 10'000;

int context_of(int season) { return std::max(kContext, kSeasonsInContext * season); }

std::span<const double> newest(std::span<const double> history, int context) {
  return history.last(std::min(history.size(), static_cast<std::size_t>(context)));
}

Status check_values(std::span<const double> values) {
  if (std::ranges::any_of(values, [](double y) { return std::isinf(y); }))
    return invalid_argument("an infinite value among the last {}", values.size());
  if (std::ranges::all_of(values, [](double y) { return std::isnan(y); }))
    return invalid_argument("not one observed value among the last {}", values.size());
  return ok();
}

NptsOptions npts_options(int season) { return {.season = season, .context = context_of(season)}; }

// What a baseline is, beside the series: all that its file holds.
struct BaselineSpec {
  Baseline baseline = Baseline::kNaive;
  Frequency step{60'000ms};
  int horizon = 1, season = 1;
  EtsForm form;  // Of ETS, as the next.
  EtsDecomposition decomposition = EtsDecomposition::kNone;
};

constexpr std::string_view kErrors[] = {"additive", "multiplicative"};
constexpr std::string_view kTrends[] = {"none", "additive", "damped"};
constexpr std::string_view kSeasons[] = {"none", "additive", "multiplicative"};
constexpr std::string_view kDecompositions[] = {"none", "additive"};

json::object describe(const BaselineSpec& spec) {
  json::object about{{"format", kFormat},
                     {"version", kVersion},
                     {"algorithm", name_of(spec.baseline)},
                     {"step", to_text(spec.step)},
                     {"horizon", spec.horizon},
                     {"season", spec.season},
                     {"context", context_of(spec.season)}};
  if (spec.baseline == Baseline::kEts)
    about["form"] = json::object{{"error", kErrors[static_cast<int>(spec.form.error)]},
                                 {"trend", kTrends[static_cast<int>(spec.form.trend)]},
                                 {"season", kSeasons[static_cast<int>(spec.form.season)]},
                                 {"decomposition", kDecompositions[static_cast<int>(spec.decomposition)]}};
  return about;
}

class BaselineModel final : public Forecaster {
 public:
  explicit BaselineModel(BaselineSpec spec) : spec_(std::move(spec)), about_(tidecast::describe(spec_)) {}

  Result<ForecastPaths> forecast(const TimeSeries& history, int paths, std::uint64_t seed) const override {
    if (history.step != spec_.step)
      return invalid_argument("history has steps of {}; this model was fitted for {}", to_text(history.step),
                              to_text(spec_.step));
    if (paths < 1 || paths > kPathsMax) return invalid_argument("{} paths; allowed: 1 to {}", paths, kPathsMax);
    const auto values = newest(history.values, context_of(spec_.season));
    TRY(check_values(values).in("history"));
    std::vector<double> drawn;
    switch (spec_.baseline) {
      case Baseline::kNaive: drawn = draw_changes(values, 1, paths, seed); break;
      case Baseline::kSeasonalNaive: drawn = draw_changes(values, spec_.season, paths, seed); break;
      case Baseline::kNpts:
        drawn = TRY(Npts::make(values, spec_.horizon, npts_options(spec_.season))).paths(paths, seed);
        break;
      case Baseline::kEts: drawn = TRY(fit(values)).paths(paths, spec_.horizon, seed); break;
    }
    ForecastPaths result{.paths = paths, .horizon = spec_.horizon, .values = {}};
    constexpr double kMax = std::numeric_limits<float>::max();
    for (const double value : drawn) result.values.push_back(static_cast<float>(std::clamp(value, -kMax, kMax)));
    return result;
  }

  int horizon() const override { return spec_.horizon; }
  int history_needed() const override { return context_of(spec_.season); }
  const json::object& describe() const override { return about_; }
  std::string serialize() const override { return to_text(about_) + "\n"; }

 private:
  // The chosen form, or another where these values have no such model: too few of them, or not above 0.
  Result<EtsModel> fit(std::span<const double> values) const {
    auto model = fit_ets(values, spec_.season, spec_.form, spec_.decomposition);
    return model.ok() ? model : fit_ets(values, spec_.season);
  }

  // A path goes on from the values a `lag` before, each time with a change drawn from those seen over that lag.
  std::vector<double> draw_changes(std::span<const double> values, int lag, int paths, std::uint64_t seed) const {
    const auto m = static_cast<std::size_t>(lag), h = static_cast<std::size_t>(spec_.horizon);
    std::vector<double> changes;
    for (std::size_t t = m; t < values.size(); ++t)
      if (const double change = values[t] - values[t - m]; std::isfinite(change)) changes.push_back(change);
    const double mean = std::accumulate(changes.begin(), changes.end(), 0.0) /
                        static_cast<double>(std::max<std::size_t>(1, changes.size()));
    if (changes.empty()) changes.push_back(0);
    const std::vector<double> last = seasonal_naive(values, static_cast<int>(std::min(m, h)), lag);
    std::vector<double> drawn(static_cast<std::size_t>(paths) * h);
    for (std::size_t path = 0; path < static_cast<std::size_t>(paths); ++path)
      for (std::size_t k = 0; k < h; ++k) {
        const auto bits = philox4x32({static_cast<std::uint32_t>(path), static_cast<std::uint32_t>(k), 0, 0},
                                     {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
        const std::size_t chosen = std::size_t{bits[0]} * changes.size() >> 32;
        drawn[path * h + k] = (k < m ? last[k] : drawn[path * h + k - m]) + changes[chosen] - mean;
      }
    return drawn;
  }

  const BaselineSpec spec_;
  const json::object about_;
};

Result<int> whole(const json::object& about, std::string_view key, int most) {
  const json::value* found = about.if_contains(key);
  if (found == nullptr) return invalid_argument("{}: missing", key);
  if (!found->is_int64() || found->get_int64() < 1 || found->get_int64() > most)
    return invalid_argument("{}: found {}; allowed: 1 to {}", key, to_text(*found), most);
  return static_cast<int>(found->get_int64());
}

Result<std::string> word(const json::object& about, std::string_view key) {
  const json::value* found = about.if_contains(key);
  if (found == nullptr) return invalid_argument("{}: missing", key);
  if (!found->is_string()) return invalid_argument("{}: found {}; allowed: a text", key, to_text(*found));
  return std::string(found->get_string());
}

template <std::size_t N>
Result<int> choice(const json::object& about, std::string_view key, const std::string_view (&allowed)[N]) {
  const std::string text = TRY(word(about, key));
  const auto found = std::ranges::find(allowed, text);
  if (found == std::end(allowed))
    return invalid_argument("{}: found '{}'; allowed: {}", key, text, fmt::join(allowed, ", "));
  return static_cast<int>(found - allowed);
}

Result<BaselineSpec> read_spec(const json::object& about) {
  if (const int version = TRY(whole(about, "version", std::numeric_limits<int>::max())); version != kVersion)
    return invalid_argument("version: found {}; allowed: {}", version, kVersion);
  BaselineSpec spec;
  const std::string name = TRY(word(about, "algorithm"));
  const auto baseline = baseline_of(name);
  if (!baseline) return invalid_argument("algorithm: found '{}'; allowed: naive, seasonal_naive, npts, ets", name);
  spec.baseline = *baseline;
  spec.step = TRY(parse_frequency(TRY(word(about, "step"))).in("step"));
  spec.horizon = TRY(whole(about, "horizon", kHorizonMax));
  spec.season = TRY(whole(about, "season", kSeasonMax));
  if (spec.baseline != Baseline::kEts) return spec;
  const json::value* form = about.if_contains("form");
  if (form == nullptr || !form->is_object()) return invalid_argument("form: missing, or no object");
  const json::object& parts = form->get_object();
  spec.form.error = static_cast<EtsError>(TRY(choice(parts, "error", kErrors).in("form")));
  spec.form.trend = static_cast<EtsTrend>(TRY(choice(parts, "trend", kTrends).in("form")));
  spec.form.season = static_cast<EtsSeason>(TRY(choice(parts, "season", kSeasons).in("form")));
  spec.decomposition = static_cast<EtsDecomposition>(TRY(choice(parts, "decomposition", kDecompositions).in("form")));
  return spec;
}

}  // namespace

std::string_view name_of(Baseline baseline) {
  static constexpr std::string_view kNames[] = {"naive", "seasonal_naive", "npts", "ets"};
  return kNames[static_cast<int>(baseline)];
}

std::string_view title_of(Baseline baseline) {
  static constexpr std::string_view kTitles[] = {"naive", "seasonal naive", "NPTS", "ETS"};
  return kTitles[static_cast<int>(baseline)];
}

std::optional<Baseline> baseline_of(std::string_view name) {
  for (const Baseline baseline : kBaselines)
    if (name == name_of(baseline)) return baseline;
  return std::nullopt;
}

Result<std::shared_ptr<const Forecaster>> fit_baseline(Baseline baseline, const TimeSeries& series, int horizon,
                                                       int season) {
  if (horizon < 1 || horizon > kHorizonMax)
    return invalid_argument("horizon {}; allowed: 1 to {}", horizon, kHorizonMax);
  if (season < 1 || season > kSeasonMax) return invalid_argument("season {}; allowed: 1 to {}", season, kSeasonMax);
  const auto values = newest(series.values, context_of(season));
  TRY(check_values(values));
  BaselineSpec spec{.baseline = baseline, .step = series.step, .horizon = horizon, .season = season};
  if (baseline == Baseline::kEts) {
    const EtsModel model = TRY(fit_ets(values, season));
    spec.form = model.form;
    if (!model.figure.empty()) spec.decomposition = EtsDecomposition::kAdditive;
  }
  return std::make_shared<const BaselineModel>(std::move(spec));
}

bool is_baseline(std::string_view artefact) {
  return artefact.starts_with(fmt::format("{{\"format\":\"{}\"", kFormat));
}

Result<std::shared_ptr<const Forecaster>> load_baseline(std::string_view artefact) {
  const json::value about = TRY(parse_json(artefact));
  if (!is_baseline(artefact)) return invalid_argument("format: allowed: {}", kFormat);
  return std::make_shared<const BaselineModel>(TRY(read_spec(about.as_object())));
}

Result<BaselineForecast> forecast_npts(std::span<const double> history, int horizon, int season,
                                       std::span<const double> levels) {
  const Npts npts = TRY(Npts::make(history, horizon, npts_options(season)));
  BaselineForecast forecast{.mean = npts.mean(), .quantiles = {}};
  for (const double level : levels) forecast.quantiles.push_back(npts.quantile(level));
  return forecast;
}

Result<BaselineForecast> forecast_ets(std::span<const double> history, int horizon, int season,
                                      std::span<const double> levels, std::uint64_t seed) {
  const EtsModel model = TRY(fit_ets(newest(history, context_of(season)), season));
  BaselineForecast forecast{.mean = model.point(horizon), .quantiles = {}};
  const std::vector<double> all = model.quantiles(levels, horizon, seed);
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const auto begin = all.begin() + static_cast<std::ptrdiff_t>(i * static_cast<std::size_t>(horizon));
    forecast.quantiles.emplace_back(begin, begin + horizon);
  }
  return forecast;
}

}  // namespace tidecast
