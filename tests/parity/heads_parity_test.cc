// The other heads against GluonTS 0.17, from the recorded hidden states on: parameters, likelihood of every step, loss,
// and the gradient of the head's own weights.  In GluonTS's parametrisation, so without the copy gate.

#include <gtest/gtest.h>

#include <cmath>

#include "nn/heads.h"
#include "nn/kernels.h"
#include "recording.h"

namespace tidecast {
namespace {

struct Case {
  const char* name;
  nn::Head head;
};

class HeadsParity : public testing::TestWithParam<std::tuple<Case, bool>> {};

TEST_P(HeadsParity, ParametersLossAndGradientsAreGluonTss) {
  const auto& [about, portable] = GetParam();
  const nn::Head head = about.head;
  const nn::Kernels<float>& kernels = portable ? nn::portable_kernels<float>() : nn::best_kernels<float>();
  const Recording recording(about.name);
  EXPECT_EQ(nn::head_of(recording.about("head").as_string()).value(), head);
  const auto windows = static_cast<std::size_t>(recording.extent("hidden", 0)),
             steps = static_cast<std::size_t>(recording.extent("hidden", 1)),
             cells = static_cast<std::size_t>(recording.extent("hidden", 2));
  const auto outputs = static_cast<std::size_t>(nn::head_outputs(head));

  // Every step of every window is a lane.
  const std::size_t count = windows * steps, lanes = (count + nn::kLaneAlign - 1) / nn::kLaneAlign * nn::kLaneAlign;
  std::vector<float> hidden(cells * lanes), weights, bias, raw(outputs * lanes);
  const auto recorded_hidden = recording.floats("hidden");
  for (std::size_t lane = 0; lane < count; ++lane)
    for (std::size_t cell = 0; cell < cells; ++cell) hidden[cell * lanes + lane] = recorded_hidden[lane * cells + cell];
  for (std::size_t i = 0; i < outputs; ++i) {
    std::ranges::copy(recording.floats(fmt::format("weight.param_proj.proj.{}.weight", i)),
                      std::back_inserter(weights));
    bias.push_back(recording.floats(fmt::format("weight.param_proj.proj.{}.bias", i))[0]);
  }
  const int k = static_cast<int>(cells);
  kernels.linear(static_cast<int>(lanes), static_cast<int>(outputs), {hidden.data(), weights.data(), 1, k, k}, {},
                 bias.data(), nullptr, raw.data());

  const auto past = recording.floats("input.past_target"), future = recording.floats("input.future_target"),
             scale = recording.floats("scale"), observed = recording.floats("observed");
  const std::size_t past_length = past.size() / windows, horizon = future.size() / windows,
                    context = steps + 1 - horizon;
  const bool is_scaled = nn::target_unit(head) != nn::TargetUnit::kOriginal;
  std::vector<float> target(lanes, 0.5f), scales(lanes, 1.f), weight(lanes, 1.f), nll(lanes), gradient(raw.size());
  for (std::size_t lane = 0; lane < count; ++lane) {
    const std::size_t b = lane / steps, t = lane % steps;
    const float y =
        t + 1 < context ? past[b * past_length + past_length - context + 1 + t] : future[b * horizon + t + 1 - context];
    scales[lane] = scale[b];
    target[lane] = is_scaled ? y / scale[b] : y;
  }
  const nn::HeadStep<float> step{static_cast<int>(lanes), raw.data(), nullptr, scales.data()};

  std::vector<float> parameters(outputs * lanes);
  kernels.head_parameters(head, step, parameters.data());
  if (head == nn::Head::kNegativeBinomial)  // Recorded are the logits before the scale's logarithm is added.
    for (std::size_t lane = 0; lane < lanes; ++lane)
      parameters[lanes + lane] = std::log(parameters[lanes + lane] / (parameters[lane] * scales[lane]));
  for (std::size_t i = 0; i < outputs; ++i)
    expect_close(std::span(parameters).subspan(i * lanes, count), recording.floats(fmt::format("param.{}", i)), 1e-5,
                 fmt::format("param.{}", i));

  kernels.head_loss(head, step, target.data(), weight.data(), 1.f, nll.data(), gradient.data());
  double loss = 0;
  for (std::size_t lane = 0; lane < count; ++lane) {
    if (is_scaled) nll[lane] += std::log(scales[lane]);  // The density of y rather than of y / scale.
    loss += static_cast<double>(nll[lane] * observed[lane]) / static_cast<double>(count);
  }
  expect_close(std::span(nll).first(count), recording.floats("nll"), 2e-5, "nll");
  EXPECT_NEAR(loss, static_cast<double>(recording.floats("loss")[0]), 2e-5 * std::abs(loss));

  // The loss again, masked, with its gradient; lanes beyond the last step teach nothing.
  std::ranges::fill(weight, 0.f);
  std::ranges::copy(observed, weight.begin());
  kernels.head_loss(head, step, target.data(), weight.data(), 1.f / static_cast<float>(count), nll.data(),
                    gradient.data());
  std::vector<float> by_weight(weights.size()), by_bias(outputs);
  for (std::size_t i = 0; i < outputs; ++i)
    for (std::size_t cell = 0; cell < cells; ++cell)
      for (std::size_t lane = 0; lane < lanes; ++lane)
        by_weight[i * cells + cell] += gradient[i * lanes + lane] * hidden[cell * lanes + lane];
  kernels.row_sum(1, static_cast<int>(lanes), gradient.data(), static_cast<int>(outputs), 0, by_bias.data());
  for (std::size_t i = 0; i < outputs; ++i) {
    const std::string name = fmt::format("gradient.param_proj.proj.{}.", i);
    expect_close(std::span(by_weight).subspan(i * cells, cells), recording.floats(name + "weight"), 1e-4,
                 name + "weight");
    expect_close(std::span(by_bias).subspan(i, 1), recording.floats(name + "bias"), 1e-4, name + "bias");
  }
}

INSTANTIATE_TEST_SUITE_P(
    Recordings, HeadsParity,
    testing::Combine(testing::Values(Case{"hourly_student_t", nn::Head::kStudentT},
                                     Case{"hourly_degenerate", nn::Head::kStudentT},
                                     Case{"minute_gaussian", nn::Head::kGaussian},
                                     Case{"business_day_laplace", nn::Head::kLaplace},
                                     Case{"daily_negative_binomial_cats", nn::Head::kNegativeBinomial},
                                     Case{"five_minute_beta", nn::Head::kBeta}),
                     testing::Bool()),
    [](const auto& test) {
      return std::string(std::get<0>(test.param).name) + (std::get<1>(test.param) ? "_portable" : "_best");
    });

}  // namespace
}  // namespace tidecast
