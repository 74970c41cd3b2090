#pragma once
// A model for the tests of this room: its median is the last observed value plus an offset, its paths lie evenly
// round that, one unit apart, and it remembers what it was asked.  It looks back over five values.

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "deepar/deepar.h"

namespace tidecast {

class FakeDeepAr final : public Forecaster {
 public:
  struct Question {
    TimeSeries history;
    int paths;
    std::uint64_t seed;
  };

  FakeDeepAr(int horizon, double offset) : horizon_(horizon), offset_(offset) {}

  Result<ForecastPaths> forecast(const TimeSeries& history, int paths, std::uint64_t seed) const override {
    questions.push_back({history, paths, seed});
    double last = std::nan("");
    const std::size_t count = history.values.size();
    for (std::size_t i = count - std::min<std::size_t>(count, 5); i < count; ++i)
      if (const double value = history.values[i]; !std::isnan(value)) last = value;
    if (std::isnan(last)) return invalid_argument("not one observed value among the last 5");
    ForecastPaths futures{paths, horizon_, {}};
    for (int path = 0; path < paths; ++path)
      for (int step = 0; step < horizon_; ++step)
        futures.values.push_back(static_cast<float>(last + offset_ + path - (paths - 1) / 2.0));
    return futures;
  }

  int horizon() const override { return horizon_; }
  int history_needed() const override { return 5; }
  const json::object& describe() const override { return description_; }
  std::string serialize() const override { return fmt::format("fake {} {}", horizon_, offset_); }

  mutable std::vector<Question> questions;

 private:
  int horizon_;
  double offset_;
  json::object description_;
};

}  // namespace tidecast
