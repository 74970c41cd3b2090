#pragma once
// What a network can end in: the distributions of its next value.  The linear layer gives raw outputs; a head maps them
// to parameters.  Losses and maps are kernels (Kernels::head_loss, head_parameters), samples are drawn in nn/draw.h.
//
// Parametrisations, a, b, c the raw outputs in their order, s the window's scale, sp = softplus, eps = 2^-23.  Without
// candidates they are GluonTS's (torch/distributions), with candidates the gate's sum is added to the one called
// location and the counts have the recipe's (docs/deepar.md).
//
//   head               parameters                                       target and loss in units of
//   student-T          df = 2 + sp(a), location = b,                    x = (y - location of the window) / s
//                      scale = max(sp(c), 1e-7)
//   gaussian           location = a, scale = max(sp(b), 1e-7)           x
//   laplace            location = a, scale = max(sp(b), 1e-7)           x
//   deterministic-L1   value = a; loss |x - value|                      x
//   negative-binomial  r = max(sp(a), eps), mean = s r e^b              y, a count
//          with gate:  r = 1 / (sp(a) + 1e-4),
//                      mean = s sp(5 location) / 5 + 1e-6, location = b
//   poisson            mean = s max(sp(a), eps)                         y, a count
//          with gate:  mean as the negative binomial's, location = a
//   beta               c1 = sp(a) + eps, c0 = sp(b) + eps               y in (0, 1); the window is not scaled; no gate
//   gamma              concentration = sp(a) + eps, rate = sp(b) + eps  y / s > 0; no gate
//
// The negative binomial of mean m has variance m + m^2 / r.  A loss in x or y / s becomes that of y by adding log s.  A
// gate over counts chooses among values in y / s.  A target outside a head's support is cut to its edge: counts
// under 1e-6 to 0, beta's to [1e-6, 1 - 1e-6], gamma's to 1e-10.

#include <string_view>

#include "base/result.h"

namespace tidecast::nn {

enum class Head { kStudentT, kGaussian, kLaplace, kNegativeBinomial, kPoisson, kBeta, kGamma, kPoint };

inline constexpr int kCandidates = 4;      // Values the copy gate chooses from (a fifth choice is zero).
inline constexpr int kHeadOutputsMax = 3;  // Raw outputs of any head, without the gate's.
inline constexpr double kSigmaFloor = 1e-7;

// One step's raw outputs, [output][lane]: the head's own and, with candidates, the gate's five, whose softmax weighs
// the candidates.  Heads without a gate do not look at `candidates`.
template <typename Real>
struct HeadStep {
  int lanes = 0;
  const Real* raw = nullptr;
  const Real* candidates = nullptr;  // [kCandidates][lanes]; null: no gate.
  const Real* scale = nullptr;       // [lanes], the windows' scales, > 0; only counts read it; null: 1.
};

enum class TargetUnit {
  kShifted,   // (y - location) / scale
  kRatio,     // y / scale
  kOriginal,  // y
};

constexpr int head_outputs(Head head) {
  return head == Head::kStudentT ? 3 : head == Head::kPoisson || head == Head::kPoint ? 1 : 2;
}
constexpr bool has_gate(Head head) { return head != Head::kBeta && head != Head::kGamma; }
constexpr int gated_outputs(Head head) { return head_outputs(head) + (has_gate(head) ? kCandidates + 1 : 0); }
constexpr bool is_count(Head head) { return head == Head::kNegativeBinomial || head == Head::kPoisson; }
constexpr TargetUnit target_unit(Head head) {
  return is_count(head) || head == Head::kBeta ? TargetUnit::kOriginal
         : head == Head::kGamma                ? TargetUnit::kRatio
                                               : TargetUnit::kShifted;
}

// As SageMaker spells its likelihoods, and the others alike: student-T, gaussian, laplace, negative-binomial, poisson,
// beta, gamma, deterministic-L1.
std::string_view name_of(Head head);
// In any case, with or without - and _; GluonTS's StudentTOutput, NormalOutput ... too.  Errors: kInvalidArgument.
Result<Head> head_of(std::string_view name);

// The mean of each lane's distribution (deterministic-L1: the value) from what head_parameters wrote, in the target's
// unit.  parameters: [head_outputs][lanes].
template <typename Real>
void head_mean(Head head, int lanes, const Real* parameters, Real* mean);

}  // namespace tidecast::nn
