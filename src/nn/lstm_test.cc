#include "nn/lstm.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"
#include "nn/instruction_sets.h"

namespace tidecast::nn {
namespace {

// A small network with statics, embeddings and the gated Student-T head, in double: loss and gradient of everything
// together.
struct SmallNet {
  static constexpr int kSteps = 6, kLanes = 16, kInputs = 3, kGiven = 2, kOutputs = gated_outputs(Head::kStudentT);
  ParameterMap map{
      NetworkShape{.inputs = kInputs,
                   .statics = kGiven + 3,
                   .cells = 5,
                   .layers = 2,
                   .outputs = kOutputs,
                   .embeddings = {{.cardinality = 4, .dimension = 2}, {.cardinality = 3, .dimension = 1}}}};
  const Kernels<double>& kernels;
  LstmPass<double> pass{map, kLanes, kSteps, kernels};
  std::vector<double> inputs, statics, candidates, target, weight, parameters;
  std::vector<int> categories;  // [embedding][lane]
  Regulariser regulariser;

  explicit SmallNet(std::uint64_t seed, const Kernels<double>& table = best_kernels<double>()) : kernels(table) {
    Rng rng(seed);
    const auto fill = [&](std::vector<double>& v, std::size_t n, double reach) {
      v.resize(n);
      for (double& x : v) x = reach * (2 * rng.uniform() - 1);
    };
    fill(inputs, kSteps * kInputs * kLanes, 1.5);
    fill(statics, kGiven * kLanes, 1.5);
    fill(candidates, kSteps * kCandidates * kLanes, 2);
    fill(target, kSteps * kLanes, 2);
    fill(parameters, map.size(), 0.7);
    weight.assign(kSteps * kLanes, 1);
    weight[5] = weight[17] = 0;  // Two unobserved values.
    for (const Embedding& embedding : map.shape().embeddings)
      for (int lane = 0; lane < kLanes; ++lane)
        categories.push_back(
            lane == 7 ? -1 : static_cast<int>(rng.below(static_cast<std::uint64_t>(embedding.cardinality))));
  }

  double loss(std::vector<double>* gradient) {
    std::copy(inputs.begin(), inputs.end(), pass.inputs());
    std::copy(statics.begin(), statics.end(), pass.statics());
    gather_embeddings<double>(map, parameters.data(), categories, kLanes, pass.statics());
    pass.forward(parameters.data(), kSteps, regulariser);
    double sum = 0;
    for (std::size_t t = 0; t < kSteps; ++t) {
      std::vector<double> each(kLanes);
      kernels.head_loss(Head::kStudentT,
                        {kLanes, pass.raw() + t * kOutputs * kLanes, candidates.data() + t * kCandidates * kLanes},
                        target.data() + t * kLanes, weight.data() + t * kLanes, 1.0, each.data(),
                        pass.raw_gradient() + t * kOutputs * kLanes);
      for (const double l : each) sum += l;
    }
    if (gradient) {
      gradient->assign(map.size(), 0);
      add_gradient(*gradient);
    }
    return sum;
  }

  void add_gradient(std::vector<double>& gradient) {
    pass.backward(parameters.data(), kSteps, regulariser, gradient.data());
    scatter_embeddings<double>(map, pass.static_gradient(), categories, kLanes, gradient.data());
  }
};

constexpr double kStep = 1e-5;  // Of a finite difference.
double slope(SmallNet& net, double& at) {
  const double kept = at;
  at = kept + kStep;
  const double up = net.loss(nullptr);
  at = kept - kStep;
  const double down = net.loss(nullptr);
  at = kept;
  return (up - down) / (2 * kStep);
}

TEST(LstmPass, GradientAgreesWithFiniteDifferencesThroughHeadGateLayersStaticsAndEmbeddings) {
  using enum Regularisation;
  for (const Kernels<double>* kernels : available_kernels<double>())
    for (const auto& [kind, rate] : {std::pair(kNone, 0.0), {kDropout, 0.3}, {kZoneout, 0.3}}) {
      SmallNet net(17, *kernels);
      net.regulariser = {.kind = kind, .rate = rate, .key = 99};
      std::vector<double> gradient;
      net.loss(&gradient);
      for (std::size_t i = 0; i < net.map.size(); ++i)
        ASSERT_NEAR(gradient[i], slope(net, net.parameters[i]), 1e-6 * (1 + std::abs(gradient[i])))
            << kernels->name << ", parameter " << i << ", regulariser " << static_cast<int>(kind);
    }
}

TEST(LstmPass, TheGradientOfStaticsAgreesWithFiniteDifferences) {
  SmallNet net(18);
  std::vector<double> gradient;
  net.loss(&gradient);
  const std::vector<double> by_static(net.pass.static_gradient(), net.pass.static_gradient() + net.statics.size());
  for (std::size_t i = 0; i < net.statics.size(); ++i)
    ASSERT_NEAR(by_static[i], slope(net, net.statics[i]), 1e-6 * (1 + std::abs(by_static[i]))) << i;
}

// A static is an input that is the same at every step: the same weights, loss and gradient.
TEST(LstmPass, AStaticIsAnInputRepeatedAtEveryStep) {
  const ParameterMap apart(NetworkShape{.inputs = 2, .statics = 3, .cells = 7, .layers = 2, .outputs = 3}),
      together(NetworkShape{.inputs = 5, .cells = 7, .layers = 2, .outputs = 3});
  ASSERT_EQ(apart.size(), together.size()) << "weight_ih_l0 holds the step's inputs, then the statics";
  constexpr int kSteps = 5, kLanes = 16;
  for (const Kernels<double>* kernels : available_kernels<double>()) {
    LstmPass<double> a(apart, kLanes, kSteps, *kernels), b(together, kLanes, kSteps, *kernels);
    Rng rng(4);
    for (int i = 0; i < 3 * kLanes; ++i) a.statics()[i] = rng.normal();
    for (int t = 0; t < kSteps; ++t)
      for (int row = 0; row < 5; ++row)
        for (int lane = 0; lane < kLanes; ++lane) {
          double& repeated = b.inputs()[(t * 5 + row) * kLanes + lane];
          if (row < 2)
            repeated = a.inputs()[(t * 2 + row) * kLanes + lane] = rng.normal();
          else
            repeated = a.statics()[(row - 2) * kLanes + lane];
        }
    const std::vector<float> weights = initial_parameters(apart, 9);
    const std::vector<double> parameters(weights.begin(), weights.end());
    std::vector<double> by_a(apart.size()), by_b(apart.size());
    for (auto* pass : {&a, &b}) {
      pass->forward(parameters.data(), kSteps, {});
      for (int i = 0; i < kSteps * 3 * kLanes; ++i) pass->raw_gradient()[i] = pass->raw()[i];
      pass->backward(parameters.data(), kSteps, {}, (pass == &a ? by_a : by_b).data());
    }
    for (int i = 0; i < kSteps * 3 * kLanes; ++i) ASSERT_NEAR(a.raw()[i], b.raw()[i], 1e-13);
    for (std::size_t i = 0; i < by_a.size(); ++i) ASSERT_NEAR(by_a[i], by_b[i], 1e-12 * (1 + std::abs(by_b[i]))) << i;
  }
}

TEST(LstmPass, ZoneoutKeepsItsShareOfTheStateAndAnotherKeyKeepsOthers) {
  SmallNet net(5);
  net.regulariser = {.kind = Regularisation::kZoneout, .rate = 0.25, .key = 3};
  constexpr std::size_t kState = 5 * SmallNet::kLanes;
  const auto hidden = [&] {
    net.loss(nullptr);
    return std::vector<double>(net.pass.hidden(), net.pass.hidden() + SmallNet::kSteps * kState);
  };
  const std::vector<double> h = hidden();
  std::size_t kept = 0;
  for (std::size_t i = kState; i < h.size(); ++i) kept += h[i] == h[i - kState];
  const double n = static_cast<double>(h.size() - kState);
  EXPECT_NEAR(static_cast<double>(kept), 0.25 * n, 5 * std::sqrt(n * 0.25 * 0.75));
  EXPECT_EQ(h, hidden());
  net.regulariser.key = 4;
  EXPECT_NE(h, hidden());
}

TEST(LstmPass, AGradientAddsUpAcrossCallsAndLeavesTheNextForwardAlone) {
  SmallNet net(3);
  std::vector<double> once;
  const double loss = net.loss(&once);
  std::vector<double> twice;
  EXPECT_EQ(net.loss(&twice), loss) << "the way back must not disturb the next way forward";
  EXPECT_EQ(once, twice);
  net.loss(nullptr);
  net.add_gradient(twice);
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

// The forms of the network - a shard of windows, one sequence, many paths - compute the same.
void expect_forms_agree(const Kernels<float>& kernels, double zoneout) {
  const ParameterMap map(NetworkShape{.inputs = 2, .statics = 2, .cells = 13, .layers = 3, .outputs = 8});
  const auto parameters = initial_parameters(map, 5);
  constexpr int kSteps = 9, kContext = 6, kLanes = 16;
  LstmPass<float> pass(map, kLanes, kSteps, kernels);
  Rng rng(6);
  for (int i = 0; i < kSteps * 2 * kLanes; ++i) pass.inputs()[i] = static_cast<float>(rng.normal());
  for (int i = 0; i < 2 * kLanes; ++i) pass.statics()[i] = static_cast<float>(rng.normal());
  const auto input = [&](int t, int i) {  // Lane 0.
    return i < 2 ? pass.inputs()[(t * 2 + i) * kLanes] : pass.statics()[(i - 2) * kLanes];
  };
  pass.forward(parameters.data(), kSteps, {.kind = Regularisation::kExpectedZoneout, .rate = zoneout});

  const LstmColumns columns(map, parameters.data());
  LstmVector encoder(columns, kernels, zoneout);
  std::vector<float> context;
  for (int t = 0; t < kContext; ++t)
    for (int i = 0; i < 4; ++i) context.push_back(input(t, i));
  encoder.read(2, context.data());  // In two parts.
  encoder.read(kContext - 2, context.data() + 2 * 4);
  const float* hidden = pass.hidden() + (kContext - 1) * 13 * kLanes;
  for (int cell = 0; cell < 13; ++cell) EXPECT_NEAR(encoder.h(2, cell), hidden[cell * kLanes], 1e-6f);

  LstmState state(map, parameters.data(), kLanes, kernels, zoneout);
  state.take(encoder);
  for (int t = kContext; t < kSteps; ++t) {
    float inputs[4];
    std::vector<float> own(16);
    for (int i = 0; i < 4; ++i) inputs[i] = input(t, i);
    for (float& x : own) x = inputs[0];  // The first input comes by lane, the others are shared.
    std::vector<float> shared(4 * 13);
    encoder.first_layer_sum(inputs, 1, shared.data());
    const float* raw = state.advance(own.data(), 1, shared.data());
    for (int output = 0; output < 8; ++output)
      for (const int lane : {0, 15})
        EXPECT_NEAR(raw[output * 16 + lane], pass.raw()[(t * 8 + output) * kLanes], 1e-6f) << "step " << t;
  }
}

TEST(LstmForms, OneSequenceAndManyPathsFollowTheTrainingPassWithAndWithoutZoneout) {
  for (const Kernels<float>* kernels : available_kernels<float>())
    for (const double zoneout : {0.0, 0.4}) expect_forms_agree(*kernels, zoneout);
}

// Few paths are many to the bit, so that a path does not depend on how many there are.
TEST(LstmForms, FewPathsAreTheFirstOfManyToTheBit) {
  const ParameterMap map(NetworkShape{.inputs = 3, .cells = 13, .layers = 3, .outputs = 8});
  const auto parameters = initial_parameters(map, 5);
  const LstmColumns columns(map, parameters.data());
  Rng rng(7);
  for (const Kernels<float>* kernels : available_kernels<float>())
    for (const double zoneout : {0.0, 0.4})
      for (int paths = 1; paths <= kernels->lanes; ++paths) {
        const int lanes = kernels->lanes;
        LstmVector encoder(columns, *kernels, zoneout);
        const float context[] = {0.5f, -1, 2};
        encoder.read(1, context);
        LstmState many(map, parameters.data(), lanes, *kernels, zoneout);
        LstmFew few(map, parameters.data(), columns, paths, *kernels, zoneout);
        ASSERT_EQ(few.lanes(), lanes);
        many.take(encoder);
        few.take(encoder);
        const float *of_many = many.head(), *of_few = few.head();
        for (int step = 0;; ++step) {
          for (int output = 0; output < 8; ++output)
            for (int path = 0; path < paths; ++path)
              ASSERT_EQ(of_many[output * lanes + path], of_few[output * lanes + path])
                  << kernels->name << ", " << paths << " paths, step " << step;
          if (step == 4) break;
          std::vector<float> own(3 * static_cast<std::size_t>(lanes)), shared(4 * 13);
          for (float& x : own) x = static_cast<float>(rng.normal());
          encoder.first_layer_sum(context, step, shared.data());  // None to all of the inputs differ by path.
          of_many = many.advance(own.data(), step, shared.data());
          of_few = few.advance(own.data(), step, shared.data());
        }
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

TEST(ParameterMap, EmbeddingsLieBehindTheHeadAndBeginNormal) {
  const NetworkShape plain{.inputs = 4, .statics = 12, .cells = 8, .layers = 1, .outputs = 3};
  NetworkShape shape = plain;
  shape.embeddings = {{.cardinality = 1000, .dimension = 7}, {.cardinality = 5, .dimension = 2}};
  const ParameterMap map(shape);
  ASSERT_EQ(map.blocks().size(), 8u);
  EXPECT_EQ(map.blocks()[6].name, "embedding.0.weight");
  EXPECT_EQ(map.blocks()[6].shape, (std::vector<std::int64_t>{1000, 7}));
  EXPECT_EQ(map.embedding(1), map.size() - 10);
  const auto parameters = initial_parameters(map, 1), others = initial_parameters(ParameterMap(plain), 1);
  EXPECT_TRUE(std::equal(others.begin(), others.end(), parameters.begin())) << "the rest is as without embeddings";
  double sum = 0, squares = 0, within = 0;
  for (std::size_t i = map.embedding(0); i < map.embedding(1); ++i) {
    const double x = static_cast<double>(parameters[i]);
    sum += x, squares += x * x, within += std::abs(x) < 1;
  }
  EXPECT_NEAR(sum / 7000, 0, 5 / std::sqrt(7000.0));
  EXPECT_NEAR(squares / 7000, 1, 5 * std::sqrt(2.0 / 7000));
  EXPECT_NEAR(within / 7000, 0.6827, 0.03);  // The normal's share within one deviation.
}

TEST(Embeddings, ARowThatLanesShareGetsTheSumOfTheirGradients) {
  const ParameterMap map(NetworkShape{.inputs = 1,
                                      .statics = 3,
                                      .cells = 2,
                                      .layers = 1,
                                      .outputs = 3,
                                      .embeddings = {{.cardinality = 3, .dimension = 2}}});
  constexpr int kLanes = 16;
  std::vector<float> parameters(map.size());
  for (std::size_t i = 0; i < 6; ++i) parameters[map.embedding(0) + i] = static_cast<float>(i + 1);
  std::vector<int> categories(kLanes, -1);
  categories[0] = categories[3] = 2;
  categories[1] = 0;
  std::vector<float> statics(3 * kLanes, 9), gradient(map.size());
  gather_embeddings<float>(map, parameters.data(), categories, kLanes, statics.data());
  EXPECT_EQ(statics[0], 9) << "statics before the embedded ones are the caller's";
  EXPECT_EQ(statics[kLanes + 3], 5);
  EXPECT_EQ(statics[2 * kLanes + 3], 6);
  EXPECT_EQ(statics[kLanes + 1], 1);
  EXPECT_EQ(statics[kLanes + 2], 0) << "an unused lane";
  scatter_embeddings<float>(map, statics.data(), categories, kLanes, gradient.data());
  const std::vector<float> table(gradient.end() - 6, gradient.end());
  EXPECT_EQ(table, (std::vector<float>{1, 2, 0, 0, 10, 12}));
}

}  // namespace
}  // namespace tidecast::nn
