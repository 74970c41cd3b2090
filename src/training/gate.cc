#include "training/gate.h"

#include <limits>
#include <string_view>

namespace tidecast {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

GateCheck at_most(const char* name, double loss, double limit) { return {name, loss, limit, true, loss <= limit}; }
GateCheck below(const char* name, double loss, double limit) { return {name, loss, limit, true, loss < limit}; }

GateCheck check(const Backtest& backtest, Rival rival) {
  switch (rival) {
    case Rival::kNaive: return below("naive", backtest.loss, backtest.naive);
    case Rival::kSeasonalNaive: return below("seasonal_naive", backtest.loss, backtest.seasonal_naive);
    case Rival::kNpts: return below("npts", backtest.loss, backtest.npts);
    case Rival::kEts: return below("ets", backtest.loss, backtest.ets);
    case Rival::kProduction: break;
  }
  if (!backtest.production || !backtest.challenger) return {"production", kNaN, kNaN, false, true};
  return at_most("production", *backtest.challenger, *backtest.production);
}

// With the fewest decimals, three or more, that tell `value` from `other`.
std::string figure(double value, double other) {
  for (int decimals = 3;; ++decimals) {
    std::string text = fmt::format("{:.{}f}", value, decimals);
    if (!(value != other) || decimals == 17 || text != fmt::format("{:.{}f}", other, decimals)) return text;
  }
}

bool is_at_most(const GateCheck& check) { return check.name == "threshold" || check.name == "production"; }

std::string_view relation(const GateCheck& check) {
  if (is_at_most(check)) return check.passed ? "<=" : ">";
  return check.passed ? "<" : ">=";
}

std::string reason_of(const Backtest& backtest, const std::vector<GateCheck>& checks) {
  std::string all_windows, later_windows;
  for (const GateCheck& check : checks) {
    const std::string loss = figure(check.loss, check.limit), limit = figure(check.limit, check.loss);
    if (!check.ran)
      later_windows = "; production not run: no later windows";
    else if (check.name == "production")
      later_windows = fmt::format("; on {} later windows {} {} production {}", backtest.production_windows, loss,
                                  relation(check), limit);
    else if (check.name == "threshold")
      all_windows = fmt::format("loss {} {} threshold {}", loss, relation(check), limit);
    else
      all_windows += fmt::format(", {} {} {}", relation(check), title_of(*baseline_of(check.name)), limit);
  }
  return all_windows + later_windows;
}

}  // namespace

Baseline baseline_of(Rival rival) {
  CHECK(rival != Rival::kProduction);
  return kBaselines[static_cast<int>(rival)];  // Both in the same order.
}

GateOutcome judge(const Backtest& backtest, double threshold, const std::vector<Rival>& must_beat) {
  GateOutcome outcome{true, {at_most("threshold", backtest.loss, threshold)}, ""};
  for (const Rival rival : must_beat) outcome.checks.push_back(check(backtest, rival));
  for (const GateCheck& each : outcome.checks) outcome.passed = outcome.passed && each.passed;
  outcome.reason = reason_of(backtest, outcome.checks);
  return outcome;
}

}  // namespace tidecast
