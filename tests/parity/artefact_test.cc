// Kept model files and what they say of kept windows: what was written before is still read, and means the same.  The
// Python client's tests hold plain PyTorch to the same figures.  TIDECAST_GOLDEN=update writes them anew.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/json.h"
#include "base/rng.h"
#include "deepar/batch.h"
#include "deepar/pool.h"

namespace tidecast::deepar {
namespace {

namespace fs = std::filesystem;
const fs::path kFolder = fs::path(TIDECAST_ROOT) / "tests/parity/artefacts";

struct Case {
  const char* name;
  const char* recipe;
  std::vector<nn::Head> likelihoods;
  int categories = 0, dynamic = 0;
};
const Case kCases[] = {
    {"pooled", "default", {nn::Head::kStudentT, nn::Head::kNegativeBinomial}, 1, 1},
    {"gluonts", "gluonts", {nn::Head::kNegativeBinomial}},
    {"gaussian", "default copy_gate=off lags=few calendar=all", {nn::Head::kGaussian, nn::Head::kLaplace}},
};
const std::vector<std::size_t> kSplits{90, 143, 200, 252};

// Counts by the quarter of an hour, with gaps.
TimeSeries series_of(const Case& c) {
  Rng rng(11);
  TimeSeries series{.start = EventTime::from_ms(1'778'025'600'000), .step = Milliseconds(900'000), .values = {}};
  for (std::size_t i = 0; i < 260; ++i)
    series.values.push_back(
        i % 37 == 5 ? std::nan("")
                    : static_cast<double>(rng.poisson(9 + 7 * std::sin(2 * M_PI * static_cast<double>(i) / 24))));
  series.categories.assign(static_cast<std::size_t>(c.categories), 1);
  for (int f = 0; f < c.dynamic; ++f) {
    auto& feature = series.dynamic.emplace_back();
    for (std::size_t i = 0; i < series.values.size(); ++i) feature.push_back(std::cos(static_cast<double>(i) / 24));
  }
  return series;
}

std::vector<std::shared_ptr<const Model>> members_of(const std::shared_ptr<const Forecaster>& model) {
  if (const auto* pool = dynamic_cast<const PooledModel*>(model.get())) return pool->members();
  return {std::dynamic_pointer_cast<const Model>(model)};
}

// [member][split]: the mean loss over the observed steps of the horizon.
json::array losses_of(const std::shared_ptr<const Forecaster>& model, const TimeSeries& series) {
  json::array all;
  Workers workers(1);
  for (const auto& member : members_of(model)) {
    const std::vector<Source> sources{make_source(member->spec(), series, 0, series.values.size()).value()};
    BatchEngine engine(member->spec(), sources, 1, workers);
    json::array losses;
    for (const std::size_t split : kSplits)
      losses.push_back(engine.horizon_loss(member->parameters(), std::vector<Split>{{0, split}}));
    all.push_back(std::move(losses));
  }
  return all;
}

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_anew(const Case& c) {
  const TimeSeries series = series_of(c);
  DeepArOptions options{.horizon = 6, .context = 12, .steps = 60, .cells = 8, .learning_rate = 3e-3};
  options.recipe = parse_recipe(c.recipe).value();
  options.likelihoods = c.likelihoods;
  options.members = static_cast<int>(c.likelihoods.size());
  TimeSeries other = series;
  for (int& category : other.categories) category = 0;
  const auto trained = train_deepar(std::vector{series, other}, options).value();
  std::ofstream(kFolder / fmt::format("{}.safetensors", c.name), std::ios::binary) << trained.model->serialize();
  json::array values, dynamic;
  for (const double y : series.values) values.push_back(std::isnan(y) ? json::value(nullptr) : json::value(y));
  for (const auto& feature : series.dynamic) dynamic.push_back(json::array(feature.begin(), feature.end()));
  std::ofstream(kFolder / fmt::format("{}.json", c.name))
      << to_text(json::object{{"start", to_rfc3339(series.start)},
                              {"values", std::move(values)},
                              {"categories", json::array(series.categories.begin(), series.categories.end())},
                              {"dynamic", std::move(dynamic)},
                              {"splits", json::array(kSplits.begin(), kSplits.end())},
                              {"losses", losses_of(trained.model, series)}})
      << '\n';
}

class Artefacts : public testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(All, Artefacts, testing::ValuesIn(kCases), [](const auto& each) { return each.param.name; });

TEST_P(Artefacts, GiveTheRecordedLogLikelihoods) {
  const Case& c = GetParam();
  if (const char* golden = std::getenv("TIDECAST_GOLDEN"); golden != nullptr && std::string_view(golden) == "update")
    write_anew(c);
  const std::string bytes = read(kFolder / fmt::format("{}.safetensors", c.name));
  const auto model = load_deepar(bytes);
  ASSERT_TRUE(model.ok()) << model.message();
  EXPECT_TRUE((*model)->serialize() == bytes);
  const json::value recorded = parse_json(read(kFolder / fmt::format("{}.json", c.name))).value();
  const json::array found = losses_of(*model, series_of(c)), &wanted = recorded.at("losses").as_array();
  ASSERT_EQ(found.size(), wanted.size());
  for (std::size_t m = 0; m < found.size(); ++m)
    for (std::size_t k = 0; k < kSplits.size(); ++k)
      EXPECT_NEAR(found[m].at(k).to_number<double>(), wanted[m].at(k).to_number<double>(), 2e-5)
          << "member " << m << ", split " << kSplits[k];
}

}  // namespace
}  // namespace tidecast::deepar
