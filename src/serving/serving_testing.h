#pragma once
// A model for tests whose forecasts can be told in the head: path p at step s is `level` + p + s / 4 (floats hold that
// exactly).  Its artefact is the text "LEVEL HORIZON" ("3 5"), or "broken", "nan" and "short" for models that fail so.

#include <atomic>
#include <cmath>
#include <limits>
#include <sstream>

#include "deepar/deepar.h"

namespace tidecast {

enum class FakeFlaw { kNone, kNan, kShort };

class FakeModel final : public Forecaster {
 public:
  FakeModel(float level, int horizon, FakeFlaw flaw = FakeFlaw::kNone)
      : level_(level), horizon_(horizon), flaw_(flaw) {}

  Result<ForecastPaths> forecast(const TimeSeries& history, int paths, std::uint64_t seed) const override {
    bool observed = false;
    for (const double value : history.values) observed |= !std::isnan(value);
    if (!observed) return invalid_argument("not one observed value");
    last_seed = seed;
    const int steps = flaw_ == FakeFlaw::kShort ? horizon_ - 1 : horizon_;
    ForecastPaths out{.paths = paths, .horizon = steps, .values = {}};
    for (int p = 0; p < paths; ++p)
      for (int s = 0; s < steps; ++s) out.values.push_back(level_ + static_cast<float>(p) + static_cast<float>(s) / 4);
    if (flaw_ == FakeFlaw::kNan) out.values.back() = std::numeric_limits<float>::quiet_NaN();
    return out;
  }
  int horizon() const override { return horizon_; }
  int history_needed() const override { return 20; }
  const json::object& describe() const override { return description_; }
  std::string serialize() const override { return fmt::format("{} {}", level_, horizon_); }

  mutable std::atomic<std::uint64_t> last_seed = 0;  // Of the last forecast.

 private:
  float level_;
  int horizon_;
  FakeFlaw flaw_;
  json::object description_;
};

inline Result<std::shared_ptr<const Forecaster>> load_fake(std::string_view artefact) {
  if (artefact == "broken") return invalid_argument("byte 0: no model");
  if (artefact == "nan") return std::make_shared<const FakeModel>(0.f, 5, FakeFlaw::kNan);
  if (artefact == "short") return std::make_shared<const FakeModel>(0.f, 5, FakeFlaw::kShort);
  std::istringstream text{std::string(artefact)};
  float level = 0;
  int horizon = 0;
  text >> level >> horizon;
  return std::make_shared<const FakeModel>(level, horizon);
}

}  // namespace tidecast
