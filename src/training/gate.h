#pragma once
// May a trained model be registered?  One comparison everywhere: good iff loss <= threshold (better than a rival:
// strictly less, except production: not worse).  Pure.

#include <string>
#include <vector>

#include "baselines/baseline_model.h"
#include "training/backtest.h"

namespace tidecast {

enum class Rival { kNaive, kSeasonalNaive, kNpts, kEts, kProduction };
Baseline baseline_of(Rival rival);  // Not of kProduction.

struct GateCheck {
  std::string name;  // "threshold", "naive", "seasonal_naive", "npts", "ets", "production"
  double loss = 0;   // The candidate's, on the windows of this check; NaN if it was not run.
  double limit = 0;  // What it had to reach or beat; NaN if it was not run.
  bool ran = true;   // Production without later windows is not run, which fails nothing.
  bool passed = true;
};

struct GateOutcome {
  bool passed = false;
  std::vector<GateCheck> checks;  // The threshold, then the rivals in the order asked for.
  // One sentence with the figures, three decimals, more only where those would look equal:
  // "loss 0.042 <= threshold 0.240, < naive 0.102, >= seasonal naive 0.040; on 4 later windows 0.040 <= production
  // 0.051".
  std::string reason;
};

GateOutcome judge(const Backtest& backtest, double threshold, const std::vector<Rival>& must_beat);

}  // namespace tidecast
