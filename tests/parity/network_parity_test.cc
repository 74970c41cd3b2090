// Our network against GluonTS 0.17's torch DeepAR, from raw series on, for the same weights: hidden states, the head's
// parameters, log likelihood, loss, every gradient, embeddings' too, and the forecast that feeds back means.  For every
// recording and every instruction set that this processor has.  Tolerances are the recordings'.

#include <gtest/gtest.h>

#include "deepar/model.h"
#include "nn/instruction_sets.h"
#include "nn/lstm.h"
#include "recording.h"

namespace tidecast::deepar {
namespace {

constexpr double kHiddenTolerance = 1e-5, kNllTolerance = 2e-5, kGradientTolerance = 1e-4, kPathTolerance = 1e-4;
constexpr std::size_t kLanes = 16;

class NetworkParity : public testing::TestWithParam<std::tuple<std::string, const char*>> {
 protected:
  NetworkParity()
      : recording_(std::get<0>(GetParam())),
        spec_(recording_.spec()),
        map_(network_shape(spec_)),
        weights_(in_our_order("weight.")) {}
  void SetUp() override {
    const auto available = nn::kernels_named<float>(std::get<1>(GetParam()));
    if (!available.ok()) GTEST_SKIP() << available.message();
    kernels_ = *available;
    ASSERT_LE(recording_.series().size(), kLanes);
  }

  // GluonTS feeds lags, embeddings, static reals, log scale, features; we feed lags, features, static reals, log scale,
  // embeddings.
  std::vector<float> columns_in_our_order(const std::vector<float>& theirs) const {
    const auto lags = spec_.lags.size(), features = static_cast<std::size_t>(spec_.features()),
               statics = static_cast<std::size_t>(spec_.window_inputs()),
               width = static_cast<std::size_t>(map_.shape().inputs_of(0)),
               embedded = width - lags - features - statics;
    std::vector<float> ours;
    for (std::size_t row = 0; row < theirs.size() / width; ++row) {
      const auto take = [&](std::size_t from, std::size_t count) {
        const auto begin = theirs.begin() + static_cast<std::ptrdiff_t>(row * width + from);
        ours.insert(ours.end(), begin, begin + static_cast<std::ptrdiff_t>(count));
      };
      take(0, lags);
      take(lags + embedded + statics, features);
      take(lags + embedded, statics);
      take(lags, embedded);
    }
    return ours;
  }

  // prefix: "weight." or "gradient."
  std::vector<float> in_our_order(const std::string& prefix) const {
    std::vector<float> flat;
    for (const nn::ParameterBlock& block : map_.blocks()) {
      std::vector<float> values;
      if (block.name.starts_with("lstm."))
        values = recording_.floats(prefix + "rnn." + block.name.substr(5));
      else if (block.name.starts_with("embedding."))
        values = recording_.floats(prefix + "embedder._embedders." + block.name.substr(10));
      else
        for (int row = 0; row < nn::head_outputs(spec_.head); ++row)  // A projection of its own for each output.
          std::ranges::copy(
              recording_.floats(fmt::format("{}param_proj.proj.{}.{}", prefix, row, block.name.substr(5))),
              std::back_inserter(values));
      if (block.name == "lstm.weight_ih_l0") values = columns_in_our_order(values);
      EXPECT_EQ(values.size(), block.size) << block.name;
      flat.insert(flat.end(), values.begin(), values.end());
    }
    return flat;
  }

  std::size_t split_of(const TimeSeries& series) const {
    return series.values.size() - static_cast<std::size_t>(spec_.horizon);
  }

  // What the head says of raw outputs [output][lane], as GluonTS records it.
  std::vector<float> parameters_of(const float* raw, const float* scale) const {
    std::vector<float> parameters(static_cast<std::size_t>(nn::head_outputs(spec_.head)) * kLanes);
    kernels_->head_parameters(spec_.head, {.lanes = kLanes, .raw = raw, .candidates = nullptr, .scale = scale},
                              parameters.data());
    return parameters;
  }

  const Recording recording_;
  const ModelSpec spec_;
  const nn::ParameterMap map_;
  const std::vector<float> weights_;
  const nn::Kernels<float>* kernels_ = nullptr;
};

TEST_P(NetworkParity, ForwardLossAndEveryGradientAreGluonTss) {
  const std::size_t windows = recording_.series().size(), steps = static_cast<std::size_t>(spec_.sequence());
  const auto outputs = static_cast<std::size_t>(nn::head_outputs(spec_.head)),
             cells = static_cast<std::size_t>(spec_.cells);
  nn::LstmPass<float> pass(map_, kLanes, spec_.sequence(), *kernels_);
  std::vector<float> target(steps * kLanes), weight(target.size()), scale(kLanes), nll(target.size());
  std::vector<int> categories(spec_.embeddings.size() * kLanes, -1);
  ScaledWindow window(spec_);
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    const LaneTarget to{.lane = static_cast<int>(lane),
                        .lanes = kLanes,
                        .inputs = pass.inputs(),
                        .statics = pass.statics(),
                        .target = target.data(),
                        .weight = weight.data(),
                        .scale = scale.data()};
    if (lane >= windows) {
      write_nothing(spec_, to);
      continue;
    }
    const TimeSeries& series = recording_.series()[lane];
    const Source source = make_source(spec_, series, 0, series.values.size()).value();
    window.read(series.values, split_of(series), spec_.horizon);
    write_window(spec_, window, source, split_of(series), to);
    for (std::size_t c = 0; c < source.categories.size(); ++c) categories[c * kLanes + lane] = source.categories[c];
  }
  nn::gather_embeddings(map_, weights_.data(), categories, kLanes, pass.statics());
  pass.forward(weights_.data(), spec_.sequence(), {});

  // [step][row][lane] here, [window][step][row] there.
  const auto from_lanes = [&](const float* ours, std::size_t rows, std::size_t first, std::size_t count) {
    std::vector<float> theirs;
    for (std::size_t b = 0; b < windows; ++b)
      for (std::size_t t = 0; t < steps; ++t)
        for (std::size_t row = first; row < first + count; ++row) theirs.push_back(ours[(t * rows + row) * kLanes + b]);
    return theirs;
  };
  expect_close(from_lanes(pass.hidden(), cells, 0, cells), recording_.floats("hidden"), kHiddenTolerance, "hidden");
  std::vector<float> parameters;
  for (std::size_t t = 0; t < steps; ++t)
    std::ranges::copy(parameters_of(pass.raw() + t * outputs * kLanes, scale.data()), std::back_inserter(parameters));
  if (spec_.head == nn::Head::kNegativeBinomial)  // Recorded are the logits before log scale is added.
    for (std::size_t t = 0; t < steps; ++t)
      for (std::size_t lane = 0; lane < kLanes; ++lane) {
        float& mean = parameters[(t * 2 + 1) * kLanes + lane];
        mean = std::log(mean / (parameters[t * 2 * kLanes + lane] * scale[lane]));
      }
  for (std::size_t i = 0; i < outputs; ++i)
    expect_close(from_lanes(parameters.data(), outputs, i, 1), recording_.floats(fmt::format("param.{}", i)),
                 kHiddenTolerance, fmt::format("param.{}", i));

  const auto run_loss = [&](const std::vector<float>& weights) {
    for (std::size_t t = 0; t < steps; ++t)
      kernels_->head_loss(
          spec_.head,
          {.lanes = kLanes, .raw = pass.raw() + t * outputs * kLanes, .candidates = nullptr, .scale = scale.data()},
          target.data() + t * kLanes, weights.data() + t * kLanes, 1.f / static_cast<float>(windows * steps),
          nll.data() + t * kLanes, pass.raw_gradient() + t * outputs * kLanes);
  };
  run_loss(std::vector(weight.size(), 1.f));
  std::vector<float> each = from_lanes(nll.data(), 1, 0, 1);
  const std::vector<float> observed = from_lanes(weight.data(), 1, 0, 1);
  if (nn::target_unit(spec_.head) != nn::TargetUnit::kOriginal)  // The density of y rather than of y / scale.
    for (std::size_t b = 0; b < windows; ++b)
      for (std::size_t t = 0; t < steps; ++t) each[b * steps + t] += std::log(scale[b]);
  expect_close(observed, recording_.floats("observed"), 0, "observed");
  expect_close(each, recording_.floats("nll"), kNllTolerance, "nll");
  double loss = 0;
  for (std::size_t i = 0; i < each.size(); ++i)
    loss += static_cast<double>(each[i]) * static_cast<double>(observed[i]) / static_cast<double>(each.size());
  EXPECT_NEAR(loss, static_cast<double>(recording_.floats("loss")[0]), kNllTolerance * std::abs(loss));

  run_loss(weight);  // Now with the unobserved steps masked, as the loss has them.
  std::vector<float> gradient(map_.size(), 0.f);
  pass.backward(weights_.data(), spec_.sequence(), {}, gradient.data());
  nn::scatter_embeddings(map_, pass.static_gradient(), categories, kLanes, gradient.data());
  const std::vector<float> theirs = in_our_order("gradient.");
  for (const nn::ParameterBlock& block : map_.blocks())
    expect_close(std::span(gradient).subspan(block.offset, block.size),
                 std::span(theirs).subspan(block.offset, block.size), kGradientTolerance, "gradient of " + block.name);
}

TEST_P(NetworkParity, TheForecastThatFeedsBackMeansIsGluonTss) {
  const std::vector<float> theirs = recording_.floats("mean_path");
  const auto horizon = static_cast<std::size_t>(spec_.horizon), width = static_cast<std::size_t>(spec_.step_inputs());
  const auto outputs = static_cast<std::size_t>(nn::head_outputs(spec_.head));
  const nn::LstmColumns columns(map_, weights_.data());
  for (std::size_t n = 0; n < recording_.series().size(); ++n) {
    const TimeSeries& series = recording_.series()[n];
    const std::size_t split = split_of(series);
    const Source source = make_source(spec_, series, 0, series.values.size()).value();
    ScaledWindow window(spec_);
    window.read(series.values, split, 0);
    const auto scale = static_cast<float>(window.scale());
    const std::vector<float> scales(kLanes, scale);
    nn::LstmVector network(columns, *kernels_);
    std::vector<float> inputs(static_cast<std::size_t>(map_.shape().inputs_of(0))), path, scaled;
    write_window_inputs(spec_, window, source, inputs.data() + width, 1);
    nn::gather_embeddings(map_, weights_.data(), source.categories, 1, inputs.data() + width);
    for (int p = 0; p < spec_.sequence(); ++p) {
      write_known_inputs(spec_, window, source, split, p, inputs);
      const int k = p - spec_.context + 1;
      for (std::size_t i = 0; i < spec_.lags.size() && spec_.lags[i] <= k; ++i)
        inputs[i] = scaled[static_cast<std::size_t>(k - spec_.lags[i])];
      network.read(1, inputs.data());
      if (k < 0) continue;
      std::vector<float> raw(outputs * kLanes), mean(kLanes);
      for (std::size_t row = 0; row < outputs; ++row) {
        double sum = static_cast<double>(weights_[map_.head_bias() + row]);
        for (int cell = 0; cell < spec_.cells; ++cell)
          sum += static_cast<double>(weights_[map_.head_weight() + row * static_cast<std::size_t>(spec_.cells) +
                                              static_cast<std::size_t>(cell)]) *
                 static_cast<double>(network.h(spec_.layers - 1, cell));
        std::fill_n(raw.begin() + static_cast<std::ptrdiff_t>(row * kLanes), kLanes, static_cast<float>(sum));
      }
      nn::head_mean(spec_.head, kLanes, parameters_of(raw.data(), scales.data()).data(), mean.data());
      const bool original = nn::target_unit(spec_.head) == nn::TargetUnit::kOriginal;
      path.push_back(original ? mean[0] : mean[0] * scale);
      scaled.push_back(path.back() / scale);
    }
    expect_close(path, std::span(theirs).subspan(n * horizon, horizon), kPathTolerance, fmt::format("series {}", n));
  }
}

INSTANTIATE_TEST_SUITE_P(Recordings, NetworkParity,
                         testing::Combine(testing::ValuesIn(recordings()),
                                          testing::Values("portable", "avx2", "avx512")),
                         [](const auto& test) { return std::get<0>(test.param) + "_" + std::get<1>(test.param); });

}  // namespace
}  // namespace tidecast::deepar
