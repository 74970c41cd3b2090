#pragma once
// What the tests of this room share: example values, and values as text for comparison.

#include <gtest/gtest.h>

#include <limits>

#include "storage/temporary_folder.h"
#include "tracking/tracking.h"

namespace tidecast {

// The value that must be there.
template <typename T>
T must(Result<T> result) {
  EXPECT_TRUE(result.ok()) << result.message();
  return std::move(result).value();
}

inline std::unique_ptr<Tracking> open(const TemporaryFolder& folder) { return must(Tracking::open(folder.path())); }

inline ProcessingTime knew(int minute) { return ProcessingTime::from_ms(1'746'532'800'000 + minute * 60'000); }
inline EventTime happened(int minute) { return EventTime::from_ms(1'746'532'800'000 + minute * 60'000); }

inline Forecast forecast_at(int minute, const std::string& stage = "production", int version = 1) {
  const double level = minute;
  return {.stage = stage,
          .version = version,
          .series = "tx.fee",
          .origin = happened(minute),
          .made_at = knew(minute),
          .taus = {0.05, 0.5, 0.95},
          .quantiles = {{level - 1, 1}, {level, 2}, {level + 0.1, 3}},
          .mean = {level / 3, 2},
          .naive = {7, 7},
          .seasonal_naive = {8, 9}};
}

inline Score score_at(int minute, const std::string& stage = "production", int version = 1) {
  return {.stage = stage,
          .version = version,
          .series = "tx.fee",
          .origin = happened(minute),
          .landed_at = knew(minute + 2),
          .steps = 2,
          .quantile_losses = {0.1, 0.2, minute / 7.0},
          .naive_loss = 0.3,
          .seasonal_naive_loss = 0.4,
          .absolute_truth = 12.5,
          .squared_error = 1.25,
          .error = -0.5,
          .inside = 1};
}

inline std::string text_of(const std::vector<double>& numbers) {
  std::string text = "[";
  for (const double number : numbers) text += fmt::format("{:a} ", number);  // Every bit of them.
  return text + "]";
}

inline std::string text_of(const Forecast& f) {
  std::string text = fmt::format("{} {} {} {} made {}", f.stage, f.version, f.series, f.origin.ms(), f.made_at.ms());
  for (const auto* part : {&f.taus, &f.mean, &f.naive, &f.seasonal_naive}) text += " " + text_of(*part);
  for (const auto& quantile : f.quantiles) text += " " + text_of(quantile);
  return text;
}

inline std::string text_of(const Score& s) {
  return fmt::format("{} {} {} {} landed {} steps {} inside {} {}", s.stage, s.version, s.series, s.origin.ms(),
                     s.landed_at.ms(), s.steps, s.inside,
                     text_of({s.naive_loss, s.seasonal_naive_loss, s.absolute_truth, s.squared_error, s.error})) +
         text_of(s.quantile_losses);
}

// "10 11 12": the minutes of their origins.
template <typename Scored>
std::string origins_of(const std::vector<Scored>& list) {
  std::string text;
  for (const auto& item : list)
    text += fmt::format("{}{}", text.empty() ? "" : " ", (item.origin - happened(0)).count() / 60'000);
  return text;
}

}  // namespace tidecast
