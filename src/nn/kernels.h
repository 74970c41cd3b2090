#pragma once
// The inner loops of the network, one table of functions per instruction set.
//
// Layout everywhere: the batch is the fastest index.  A matrix of `rows` features for `lanes` windows (or paths) is
// [row][lane], so every load is contiguous and no operand is ever packed.  `lanes` is a multiple of the table's and
// unused lanes hold finite numbers.  Weights keep torch's layout [out][in].  Pointers need no alignment but their
// element's; none may be null unless said.  Nothing allocates, throws or keeps state; the same call gives the same bits
// on any thread.

#include <cstdint>

#include "nn/heads.h"

namespace tidecast::nn {

inline constexpr int kLaneAlign = 16;  // The widest vector of floats: lanes in multiples of it suit all kernels.

// sum over k of weight(k, n) * input[k][lane], with weight(k, n) = weight[k * stride_k + n * stride_n].  With `block`
// the weights come in blocks: k % block takes the place of k, and the next block begins block_stride elements later.
// So a weight's gradient over several steps is a product too: errors transposed to [step, lane][row] times what was
// fed, [step][column][lane].
template <typename Real>
struct Product {
  const Real* input = nullptr;
  const Real* weight = nullptr;
  std::int64_t stride_k = 0, stride_n = 0;
  int k = 0;      // 0: this product adds nothing.
  int block = 0;  // Divides k; 0: no blocks.
  std::int64_t block_stride = 0;
};

struct AdamStep {
  double rate = 0;            // Learning rate of this step.
  int step = 1;               // From 1; corrects the bias of the moments.
  double weight_decay = 0;    // L2, added to the gradient.
  double gradient_scale = 1;  // Multiplies the gradient first (clipping).
  double average_keep = 0;    // average = keep * average + (1 - keep) * parameter.
};

template <typename Real>
struct Kernels {
  const char* name;
  int lanes;  // Of a vector: at least in multiples of this they come.

  // out[n][lane] = start[n][lane] (where null: bias[n], or 0) + both products, for n < outputs.  start may be out.
  void (*linear)(int lanes, int outputs, const Product<Real>& first, const Product<Real>& second, const Real* bias,
                 const Real* start, Real* out);

  // out[j][i] = in[i][j] for i < rows, j < columns; a row begins `pitch` elements after the one before.
  void (*transpose)(int rows, int columns, const Real* in, std::int64_t in_pitch, Real* out, std::int64_t out_pitch);

  // sums[i] += sum over steps and lanes of left[step][i][lane]: a bias's gradient.  A
  // step's rows are contiguous; the next step's begin left_stride elements later.
  void (*row_sum)(int steps, int lanes, const Real* left, int left_rows, std::int64_t left_stride, Real* sums);

  // One LSTM cell over n = cells * lanes elements.  gates: [4][n], before their squashing on entry and after it on
  // return, in torch's order input, forget, cell, output.
  void (*cell)(int n, Real* gates, const Real* c_before, Real* c, Real* tanh_c, Real* h);
  // The same where nobody asks for the gates afterwards: c and h [n] take their next state, to 1e-6 of 1 + |c|, for
  // |c| < 1e33.
  void (*cell_state)(int n, const Real* gates, Real* c, Real* h);
  // The way back of `cell`: on entry gates as it left them, dh = d loss / d h, dc = what came from the step after; on
  // return gates hold d loss / d gates before squashing and dc what goes to the step before.  sums [4][n] grows by what
  // gates then hold.
  void (*cell_back)(int n, Real* gates, const Real* c_before, const Real* tanh_c, const Real* dh, Real* dc, Real* sums);

  // out[i] = 0 with probability `rate`, else in[i] / (1 - rate).  Who falls is a function of key and counter + i alone,
  // so the same call on a gradient is the way back.  in may be out.
  void (*dropout)(int n, double rate, std::uint64_t key, std::uint32_t counter, const Real* in, Real* out);

  // now[i] = before[i] with probability `rate`, drawn as dropout draws.
  void (*zoneout)(int n, double rate, std::uint64_t key, std::uint32_t counter, const Real* before, Real* now);
  // Its way back: moves the errors of what was kept from now to before, where they are added.
  void (*zoneout_back)(int n, double rate, std::uint64_t key, std::uint32_t counter, Real* now, Real* before);

  // Points first .. first + lanes - 1 of a sequence that covers the unit square evenly, in fractions of 2^32; lanes:
  // any number.  keys: three random numbers.  Over the keys every point alone is uniform.  Of the first 2^m one is in
  // every interval of length 2^-m in either dimension, and in every rectangle of that area whose sides are powers of
  // two.
  void (*step_points)(int lanes, std::uint32_t first, const std::uint32_t* keys, std::uint32_t* x, std::uint32_t* y);

  // out = location + scale * t with t Student-T of df degrees of freedom, by Bailey's polar form (Mathematics of
  // Computation 62, 1994): t = sqrt(df (u^(-2/df) - 1)) cos(2 pi v), exact for uniform u in (0, 1], v in [0, 1).
  // Bounded by +-limit.
  void (*student_t_draw)(int lanes, const Real* df, const Real* location, const Real* scale, const Real* u,
                         const Real* v, Real limit, Real* out);

  // Adam with coupled L2 (Kingma and Ba, arXiv:1412.6980; .9, .999, 1e-8) and the running average of the parameters.
  void (*adam)(int n, const AdamStep& step, const Real* gradient, Real* parameters, Real* first, Real* second,
               Real* average);

  // Element by element, for tests and small uses: exp, log (of normal numbers > 0), tanh, logistic, softplus.
  void (*elementwise)(int n, int function, const Real* in, Real* out);
  // log gamma(x + 1/2) - log gamma(x) and its derivative, x >= 1: what the Student-T density needs of lgamma and
  // digamma.
  void (*lgamma_half_step)(int n, const Real* x, Real* value, Real* derivative);

  // Any head of heads.h: -log density of target[lane] (kPoint: its absolute error), times weight[lane], and its
  // derivative by each raw output, the gate's too (times weight and gradient_scale).  Finite for |raw| <= 50 and
  // targets up to 1e6 in size, counts up to 1e9.
  void (*head_loss)(Head head, const HeadStep<Real>& step, const Real* target, const Real* weight, Real gradient_scale,
                    Real* loss, Real* raw_gradient);
  // out: [head_outputs(head)][lanes], in the order of heads.h.
  void (*head_parameters)(Head head, const HeadStep<Real>& step, Real* out);
};

enum Elementwise { kExp, kLog, kTanh, kSigmoid, kSoftplus };

// Runs anywhere.
template <typename Real>
const Kernels<Real>& portable_kernels();
// Needs AVX2 and FMA; only to be called where has_avx2().
template <typename Real>
const Kernels<Real>& avx2_kernels();
bool has_avx2();
// Needs AVX-512 F, DQ, BW, VL and FMA; only to be called where has_avx512().
template <typename Real>
const Kernels<Real>& avx512_kernels();
bool has_avx512();

// The fastest this processor can run, or those that the environment variable TIDECAST_KERNELS names (portable, avx2,
// avx512; read once).  Where it names none that this processor can run, the fastest serve; instruction_sets.h tells.
template <typename Real>
const Kernels<Real>& best_kernels();

}  // namespace tidecast::nn
