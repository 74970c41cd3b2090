#include "nn/lstm.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"

namespace tidecast::nn {
namespace {

// A small network with the gated Student-T head, in double: loss and gradient of everything together.
struct SmallNet {
  static constexpr int kSteps = 6, kLanes = 8;
  ParameterMap map{NetworkShape{.inputs = 3, .cells = 5, .layers = 2, .outputs = kGatedOutputs}};
  LstmPass<double> pass{map, kLanes, kSteps, best_kernels<double>()};
  std::vector<double> inputs, candidates, target, weight, parameters;
  Dropout dropout;

  explicit SmallNet(std::uint64_t seed) {
    Rng rng(seed);
    const auto fill = [&](std::vector<double>& v, std::size_t n, double reach) {
      v.resize(n);
      for (double& x : v) x = reach * (2 * rng.uniform() - 1);
    };
    fill(inputs, kSteps * 3 * kLanes, 1.5);
    fill(candidates, kSteps * kCandidates * kLanes, 2);
    fill(target, kSteps * kLanes, 2);
    fill(parameters, map.size(), 0.7);
    weight.assign(kSteps * kLanes, 1);
    weight[5] = weight[17] = 0;  // Two unobserved values.
  }

  double loss(std::vector<double>* gradient) {
    std::copy(inputs.begin(), inputs.end(), pass.inputs());
    pass.forward(parameters.data(), kSteps, dropout);
    double sum = 0;
    for (std::size_t t = 0; t < kSteps; ++t) {
      std::vector<double> each(kLanes);
      best_kernels<double>().student_t_loss(
          {kLanes, pass.raw() + t * kGatedOutputs * kLanes, candidates.data() + t * kCandidates * kLanes},
          target.data() + t * kLanes, weight.data() + t * kLanes, 1.0, each.data(),
          pass.raw_gradient() + t * kGatedOutputs * kLanes);
      for (const double l : each) sum += l;
    }
    if (gradient) {
      gradient->assign(map.size(), 0);
      pass.backward(parameters.data(), kSteps, dropout, gradient->data());
    }
    return sum;
  }
};

TEST(LstmPass, GradientAgreesWithFiniteDifferencesThroughHeadGateAndBothLayers) {
  for (const double rate : {0.0, 0.3}) {
    SmallNet net(17);
    net.dropout = {.rate = rate, .key = 99};
    std::vector<double> gradient;
    net.loss(&gradient);
    constexpr double kStep = 1e-5;
    for (std::size_t i = 0; i < net.map.size(); ++i) {
      const double kept = net.parameters[i];
      net.parameters[i] = kept + kStep;
      const double up = net.loss(nullptr);
      net.parameters[i] = kept - kStep;
      const double down = net.loss(nullptr);
      net.parameters[i] = kept;
      ASSERT_NEAR(gradient[i], (up - down) / (2 * kStep), 1e-6 * (1 + std::abs(gradient[i])))
          << "parameter " << i << ", dropout " << rate;
    }
  }
}

TEST(LstmPass, AGradientAddsUpAcrossCallsAndLeavesTheNextForwardAlone) {
  SmallNet net(3);
  std::vector<double> once;
  const double loss = net.loss(&once);
  std::vector<double> twice;
  EXPECT_EQ(net.loss(&twice), loss) << "the way back must not disturb the next way forward";
  EXPECT_EQ(once, twice);
  net.loss(nullptr);
  net.pass.backward(net.parameters.data(), SmallNet::kSteps, net.dropout, twice.data());
  for (std::size_t i = 0; i < once.size(); ++i) EXPECT_NEAR(twice[i], 2 * once[i], 1e-9 * (1 + std::abs(once[i])));
}

TEST(LstmPass, ALaneDoesNotDependOnItsNeighbours) {
  SmallNet net(8);
  net.loss(nullptr);
  const std::vector<double> before(net.pass.hidden(), net.pass.hidden() + 5 * SmallNet::kLanes);
  for (std::size_t i = 0; i < net.inputs.size(); ++i)
    if (i % SmallNet::kLanes != 2) net.inputs[i] += 1;
  net.loss(nullptr);
  for (std::size_t cell = 0; cell < 5; ++cell) {
    EXPECT_EQ(net.pass.hidden()[cell * SmallNet::kLanes + 2], before[cell * SmallNet::kLanes + 2]);
    EXPECT_NE(net.pass.hidden()[cell * SmallNet::kLanes + 3], before[cell * SmallNet::kLanes + 3]);
  }
}

// The three forms of the network - a shard of windows, one sequence, many paths - compute the same.
TEST(LstmForms, OneSequenceAndManyPathsFollowTheTrainingPass) {
  const ParameterMap map(NetworkShape{.inputs = 4, .cells = 13, .layers = 3, .outputs = 8});
  const auto parameters = initial_parameters(map, 5);
  const Kernels<float>& kernels = best_kernels<float>();
  constexpr int kSteps = 9, kContext = 6, kLanes = 8;
  LstmPass<float> pass(map, kLanes, kSteps, kernels);
  Rng rng(6);
  for (int i = 0; i < kSteps * 4 * kLanes; ++i) pass.inputs()[i] = static_cast<float>(rng.normal());
  pass.forward(parameters.data(), kSteps, {});

  const LstmColumns columns(map, parameters.data());
  LstmVector encoder(columns, kernels);
  for (int t = 0; t < kContext; ++t) {
    float inputs[4];
    for (int i = 0; i < 4; ++i) inputs[i] = pass.inputs()[(t * 4 + i) * kLanes];  // Lane 0.
    encoder.advance(inputs);
  }
  const float* hidden = pass.hidden() + (kContext - 1) * 13 * kLanes;
  for (int cell = 0; cell < 13; ++cell) EXPECT_NEAR(encoder.h(2, cell), hidden[cell * kLanes], 1e-6f);

  LstmState<float> state(map, 16, kernels);
  state.take(encoder);
  for (int t = kContext; t < kSteps; ++t) {
    float inputs[4];
    std::vector<float> own(16);
    for (int i = 0; i < 4; ++i) inputs[i] = pass.inputs()[(t * 4 + i) * kLanes];
    for (float& x : own) x = inputs[0];  // The first input comes by lane, the others are shared.
    std::vector<float> shared(4 * 13);
    encoder.first_layer_sum(inputs, 1, shared.data());
    const float* raw = state.advance(
        parameters.data(),
        {.input = own.data(), .weight = parameters.data() + map.weight_ih(0), .stride_k = 1, .stride_n = 4, .k = 1},
        shared.data());
    for (int output = 0; output < 8; ++output)
      for (const int lane : {0, 15})
        EXPECT_NEAR(raw[output * 16 + lane], pass.raw()[(t * 8 + output) * kLanes], 1e-6f) << "step " << t;
  }
}

TEST(ParameterMap, NamesAndShapesAreTorchs) {
  const ParameterMap map(NetworkShape{.inputs = 12, .cells = 40, .layers = 2, .outputs = 8});
  ASSERT_EQ(map.blocks().size(), 10u);
  EXPECT_EQ(map.blocks()[0].name, "lstm.weight_ih_l0");
  EXPECT_EQ(map.blocks()[0].shape, (std::vector<std::int64_t>{160, 12}));
  EXPECT_EQ(map.blocks()[5].name, "lstm.weight_hh_l1");
  EXPECT_EQ(map.blocks()[8].name, "head.weight");
  EXPECT_EQ(map.size(), 160u * (12 + 40) + 320 + 160 * 80 + 320 + 8 * 41);
  const auto first = initial_parameters(map, 1);
  EXPECT_EQ(first, initial_parameters(map, 1));
  EXPECT_NE(first, initial_parameters(map, 2));
  for (const float p : first) ASSERT_LE(std::abs(p), 1 / std::sqrt(40.f));
}

}  // namespace
}  // namespace tidecast::nn
