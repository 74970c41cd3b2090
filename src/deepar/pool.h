#pragma once
// Several models whose paths are one forecast, and the calibration of what they say together.

#include <memory>
#include <span>
#include <vector>

#include "deepar/model.h"

namespace tidecast::deepar {

// Split conformal prediction on the paths (Vovk et al.; Romano et al., arXiv:1905.03222, scale the distance on either
// side): what is below the median of a step is moved away from it by `low` times its distance, what is above by `up`,
// so that of held-out truths a tenth lay below the .1 quantile and a tenth above the .9.  The median stays.
struct Calibration {
  double low = 1, up = 1;
  int truths = 0;  // It rests on.
  bool operator==(const Calibration&) const = default;
};
inline constexpr int kTruthsToCalibrate = 50;  // Fewer say too little of a tenth.

// One held-out truth and the forecast's quantiles for it.
struct CalibrationCase {
  double truth = 0, low = 0, median = 0, up = 0;  // low, up: .1 and .9.
};
// nullopt: fewer than kTruthsToCalibrate cases.  Factors are kept within a tenth and ten.
std::optional<Calibration> calibrate(std::span<const CalibrationCase> cases);

// Stretches `paths`; none leaves [least, most], the likelihood's support.
void apply(const Calibration& calibration, double least, double most, ForecastPaths& paths);

// The member that draws path k.
int member_of_path(int k, int members);

class PooledModel final : public Forecaster {
 public:
  // At least one member; all of one step and horizon.  The description is the first member's, and all of them.
  PooledModel(std::vector<std::shared_ptr<const Model>> members, std::optional<Calibration> calibration);

  // The members take the paths in turn, and of every hundred the last four are one member's: a hundred of two
  // members are 52 and 48, which are seven vectors of 16 lanes and not eight.  A member draws its own in order.
  Result<ForecastPaths> forecast(const TimeSeries& history, int paths, std::uint64_t seed) const override;
  int horizon() const override { return members_.front()->horizon(); }
  int history_needed() const override;
  const json::object& describe() const override { return description_; }
  std::string serialize() const override;

  const std::vector<std::shared_ptr<const Model>>& members() const { return members_; }
  const std::optional<Calibration>& calibration() const { return calibration_; }

 private:
  std::vector<std::shared_ptr<const Model>> members_;
  std::optional<Calibration> calibration_;
  json::object description_;
};

}  // namespace tidecast::deepar
