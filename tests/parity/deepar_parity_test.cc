// Our network against GluonTS 0.17's torch DeepAR for the same weights and inputs (recorded by its own code, one window
// a series): hidden states, parameters of the Student-T, log likelihood, loss and every gradient.  Tolerances are the
// recording's: the largest difference over the largest magnitude of a tensor.  From `rnn_input` on, so without the copy
// gate and with GluonTS's scaling, which divides by one number a window and adds its logarithm to the likelihood.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "deepar/recipe.h"
#include "nn/instruction_sets.h"
#include "nn/lstm.h"
#include "recording.h"

namespace tidecast {
namespace {

constexpr double kHiddenTolerance = 1e-5, kNllTolerance = 2e-5, kGradientTolerance = 1e-4;

// "lstm.weight_ih_l0" is "rnn.weight_ih_l0" there; our head's rows are three projections of their own there.
std::vector<float> in_our_order(const Recording& recording, const nn::ParameterMap& map, const std::string& prefix) {
  std::vector<float> flat(map.size());
  for (const nn::ParameterBlock& block : map.blocks()) {
    if (block.name.starts_with("lstm.")) {
      const auto values = recording.floats(prefix + "rnn." + block.name.substr(5));
      EXPECT_EQ(values.size(), block.size) << block.name;
      std::ranges::copy(values, flat.begin() + static_cast<std::ptrdiff_t>(block.offset));
      continue;
    }
    const std::string what = block.name.substr(5);  // "weight" or "bias"
    auto at = flat.begin() + static_cast<std::ptrdiff_t>(block.offset);
    for (int row = 0; row < nn::kStudentTOutputs; ++row)
      at = std::ranges::copy(recording.floats(fmt::format("{}param_proj.proj.{}.{}", prefix, row, what)), at).out;
  }
  return flat;
}

class DeepArParity : public testing::TestWithParam<std::tuple<const char*, const char*>> {};

TEST_P(DeepArParity, ForwardLossAndEveryGradientAreGluonTss) {
  const auto& [name, instruction_set] = GetParam();
  const auto available = nn::kernels_named<float>(instruction_set);
  if (!available.ok()) GTEST_SKIP() << available.message();
  const nn::Kernels<float>& kernels = *available.value();
  const Recording recording(name);
  const auto windows = static_cast<std::size_t>(recording.extent("rnn_input", 0)),
             steps = static_cast<std::size_t>(recording.extent("rnn_input", 1));
  const auto inputs = static_cast<std::size_t>(recording.extent("rnn_input", 2));
  const nn::NetworkShape shape{
      .inputs = static_cast<int>(inputs), .cells = 40, .layers = 2, .outputs = nn::kStudentTOutputs};
  const nn::ParameterMap map(shape);
  const std::vector<float> weights = in_our_order(recording, map, "weight.");
  constexpr std::size_t kLanes = 16;
  ASSERT_LE(windows, kLanes);

  // [window][step][row] there, [step][row][lane] here.
  nn::LstmPass<float> pass(map, kLanes, static_cast<int>(steps), kernels);
  const auto rnn_input = recording.floats("rnn_input");
  for (std::size_t b = 0; b < windows; ++b)
    for (std::size_t i = 0; i < steps * inputs; ++i) pass.inputs()[i * kLanes + b] = rnn_input[b * steps * inputs + i];
  const auto from_lanes = [&](const float* ours, std::size_t rows, std::size_t first, std::size_t count) {
    std::vector<float> theirs;
    for (std::size_t b = 0; b < windows; ++b)
      for (std::size_t t = 0; t < steps; ++t)
        for (std::size_t row = first; row < first + count; ++row) theirs.push_back(ours[(t * rows + row) * kLanes + b]);
    return theirs;
  };
  pass.forward(weights.data(), static_cast<int>(steps), {});
  expect_close(from_lanes(pass.hidden(), 40, 0, 40), recording.floats("hidden"), kHiddenTolerance, "hidden");

  // What was to be forecast: the context after its first value, then the horizon, in units of the window's scale.
  const auto past = recording.floats("input.past_target"), future = recording.floats("input.future_target");
  const auto scale = recording.floats("scale"), observed = recording.floats("observed");
  const std::size_t past_length = past.size() / windows, horizon = future.size() / windows,
                    context = steps + 1 - horizon;
  std::vector<float> target(steps * kLanes), weight(steps * kLanes), nll(steps * kLanes),
      parameters(steps * 3 * kLanes);
  for (std::size_t b = 0; b < windows; ++b)
    for (std::size_t t = 0; t < steps; ++t) {
      const float y = t + 1 < context ? past[b * past_length + past_length - context + 1 + t]
                                      : future[b * horizon + t + 1 - context];
      target[t * kLanes + b] = y / scale[b];
      weight[t * kLanes + b] = observed[b * steps + t];
    }
  const auto run_head = [&](std::span<const float> weights_of_loss) {
    for (std::size_t t = 0; t < steps; ++t) {
      const nn::StudentTStep<float> step{kLanes, pass.raw() + t * 3 * kLanes, nullptr};
      float* out = parameters.data() + t * 3 * kLanes;
      kernels.student_t_parameters(step, out, out + kLanes, out + 2 * kLanes);
      kernels.student_t_loss(step, target.data() + t * kLanes, weights_of_loss.data() + t * kLanes,
                             1.f / static_cast<float>(windows * steps), nll.data() + t * kLanes,
                             pass.raw_gradient() + t * 3 * kLanes);
    }
  };
  run_head(std::vector(weight.size(), 1.f));
  for (std::size_t i = 0; i < 3; ++i)
    expect_close(from_lanes(parameters.data(), 3, i, 1), recording.floats(fmt::format("param.{}", i)), kHiddenTolerance,
                 fmt::format("param.{}", i));
  const auto with_scale = [&] {  // The density of y rather than of y / scale.
    std::vector<float> all = from_lanes(nll.data(), 1, 0, 1);
    for (std::size_t b = 0; b < windows; ++b)
      for (std::size_t t = 0; t < steps; ++t) all[b * steps + t] += std::log(scale[b]);
    return all;
  };
  expect_close(with_scale(), recording.floats("nll"), kNllTolerance, "nll");
  double loss = 0;
  const std::vector<float> each = with_scale();
  for (std::size_t i = 0; i < each.size(); ++i)
    loss += static_cast<double>(each[i]) * static_cast<double>(observed[i]) / static_cast<double>(each.size());
  EXPECT_NEAR(loss, static_cast<double>(recording.floats("loss")[0]), kNllTolerance * std::abs(loss));

  run_head(weight);  // Now with the unobserved steps masked, as the loss has them.
  std::vector<float> gradient(map.size(), 0.f);
  pass.backward(weights.data(), static_cast<int>(steps), {}, gradient.data());
  const std::vector<float> theirs = in_our_order(recording, map, "gradient.");
  for (const nn::ParameterBlock& block : map.blocks())
    expect_close(std::span(gradient).subspan(block.offset, block.size),
                 std::span(theirs).subspan(block.offset, block.size), kGradientTolerance, "gradient of " + block.name);
}

INSTANTIATE_TEST_SUITE_P(Recordings, DeepArParity,
                         testing::Combine(testing::Values("hourly_student_t", "hourly_degenerate"),
                                          testing::Values("portable", "avx2", "avx512")),
                         [](const auto& test) {
                           return std::string(std::get<0>(test.param)) + "_" + std::get<1>(test.param);
                         });

TEST(GluonTsFeatures, LagsAndCalendarOfHoursAreGluonTss) {
  const Recording recording("hourly_student_t");
  std::vector<int> lags;
  for (const json::value& lag : recording.about("lags").as_array()) lags.push_back(static_cast<int>(lag.as_int64()));
  EXPECT_EQ(deepar::gluonts_lags(Milliseconds(3'600'000)), lags);

  // The recorded windows' future time features: hour, day of week, day of month, day of year, age.
  const auto features = recording.floats("input.future_time_feat");
  const std::int64_t horizon = recording.extent("input.future_time_feat", 1),
                     width = recording.extent("input.future_time_feat", 2);
  const EventTime start = EventTime::from_ms(parse_rfc3339("2024-02-27T05:00:00Z").value());
  const auto length = static_cast<std::int64_t>(recording.about("series").at(0).at("target").as_array().size());
  using deepar::CalendarField;
  const CalendarField fields[] = {CalendarField::kHourOfDay, CalendarField::kDayOfWeek, CalendarField::kDayOfMonth,
                                  CalendarField::kDayOfYear};
  for (std::int64_t k = 0; k < horizon; ++k) {
    const EventTime time = start + Milliseconds(3'600'000) * (length - horizon + k);
    for (std::size_t f = 0; f < std::size(fields); ++f)
      EXPECT_NEAR(deepar::calendar_value(fields[f], time), features[static_cast<std::size_t>(k * width) + f], 1e-6)
          << name_of(fields[f]) << " at " << to_rfc3339(time);
  }
}

}  // namespace
}  // namespace tidecast
