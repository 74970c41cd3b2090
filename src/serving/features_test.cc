// Requests for a real model that was trained with categories and features known beforehand, in SageMaker's form and in
// that of the Open Inference Protocol.

#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"
#include "serving/endpoint.h"
#include "serving/open_inference.h"

namespace tidecast {
namespace {

constexpr int kHorizon = 6;
constexpr std::size_t kLength = 40;

// Hours of a series of some kind and place, with two features known beforehand, for the horizon too.
TimeSeries hours(int kind, int place, std::size_t length) {
  TimeSeries series{.start = EventTime::from_ms(*parse_rfc3339("2026-05-06T00:00:00Z")), .step = 1h, .values = {}};
  series.categories = {kind, place};
  series.dynamic.resize(2);
  Rng rng(static_cast<std::uint64_t>(kind * 10 + place));
  for (std::size_t i = 0; i < length + kHorizon; ++i) {
    series.dynamic[0].push_back(rng.below(2) == 0 ? 1 : -1);
    series.dynamic[1].push_back(static_cast<double>(i % 7));
    if (i < length) series.values.push_back(20 + (kind == 0 ? 5 : -5) * series.dynamic[0][i] + rng.uniform());
  }
  return series;
}

const std::string& artefact() {
  static const std::string made = [] {
    std::vector<TimeSeries> series;
    for (int kind = 0; kind < 2; ++kind)
      for (int place = 0; place < 3; ++place) series.push_back(hours(kind, place, 300));
    return train_deepar(series, {.horizon = kHorizon, .steps = 10, .select = false, .cells = 8, .layers = 1})
        .value()
        .model->serialize();
  }();
  return made;
}

json::object instance_of(const TimeSeries& series) {
  json::array features;
  for (const std::vector<double>& feature : series.dynamic)
    features.emplace_back(json::array(feature.begin(), feature.end()));
  return {{"start", "2026-05-06 00:00:00"},
          {"target", json::array(series.values.begin(), series.values.end())},
          {"cat", json::array(series.categories.begin(), series.categories.end())},
          {"dynamic_feat", std::move(features)}};
}

class Features : public testing::Test {
 protected:
  Features()
      : endpoints_({.step = 1h, .threads = 2},
                   [](const auto&, auto) -> Result<TimeSeries> { return not_found("none"); }) {
    const auto deployed = endpoints_.deploy("production", 3, artefact(), hours(0, 0, 200));
    EXPECT_TRUE(deployed.ok()) << deployed.message();
  }

  HttpResponse post(const std::string& path, const json::object& body) const {
    return wait_for(endpoints_.handle({.method = "POST", .path = path, .body = to_text(body)}));
  }
  HttpResponse invoke(json::array instances, int samples = 20) const {
    return post("/endpoints/production/invocations", {{"instances", std::move(instances)},
                                                      {"configuration",
                                                       {{"num_samples", samples},
                                                        {"output_types", {"mean", "quantiles", "samples"}},
                                                        {"quantiles", {"0.50", "0.9"}}}}});
  }
  std::string refusal(json::object instance) const {
    const HttpResponse response = invoke({instance_of(hours(0, 0, kLength)), std::move(instance)});
    EXPECT_EQ(response.status, 400) << response.body.substr(0, 300);
    if (response.status != 400) return "";
    return std::string(parse_json(response.body).value().at("detail").as_string());
  }
  ForecastPaths by_hand(const TimeSeries& series, int paths = 20) const {
    return sample_paths(*endpoints_.serving("production")->model, series, paths, EndpointOptions().seed).value();
  }

  Endpoints endpoints_;
};

json::array numbers(const std::vector<double>& values) { return json::array(values.begin(), values.end()); }

TEST_F(Features, OfARequestReachTheModelAndMakeItsForecast) {
  const std::vector<TimeSeries> series{hours(0, 2, kLength), hours(1, 0, kLength + 5)};
  const HttpResponse response = invoke({instance_of(series[0]), instance_of(series[1])});
  ASSERT_EQ(response.status, 200) << response.body;
  const json::value body = parse_json(response.body).value();
  for (std::size_t i = 0; i < 2; ++i) {
    const json::value& prediction = body.at("predictions").at(i);
    const ForecastPaths paths = by_hand(series[i]);
    EXPECT_EQ(to_text(prediction.at("mean")), to_text(numbers(paths.mean())));
    EXPECT_EQ(to_text(prediction.at("quantiles")),
              to_text(json::object{{"0.50", numbers(paths.quantile(0.5))}, {"0.9", numbers(paths.quantile(0.9))}}));
    const json::array& samples = prediction.at("samples").as_array();
    ASSERT_EQ(samples.size(), 20u);
    EXPECT_EQ(samples[7].at(3).to_number<float>(), paths.values[7 * kHorizon + 3]);
  }
  TimeSeries other = series[0];
  other.categories[0] = 1;
  EXPECT_NE(by_hand(other).values, by_hand(series[0]).values) << "a category decides";
}

TEST_F(Features, ThatDoNotFitAreNamedWithInstanceAndField) {
  const json::object good = instance_of(hours(0, 0, kLength));
  const auto with = [&](const char* member, const json::value& value) {
    json::object instance = good;
    instance[member] = value;
    return refusal(std::move(instance));
  };
  const auto without = [&](const char* member) {
    json::object instance = good;
    instance.erase(member);
    return refusal(std::move(instance));
  };
  const std::string cat = "/instances/1/cat: found ", dynamic = "/instances/1/dynamic_feat";
  const std::string codes = "; allowed: an array of 2 integers, the codes of the categories";
  const std::string arrays = "; allowed: an array of 2 arrays of 46 numbers, target and horizon";
  EXPECT_EQ(without("cat"), cat + "nothing" + codes);
  EXPECT_EQ(with("cat", json::array{0}), cat + "an array of 1" + codes);
  EXPECT_EQ(with("cat", 1), cat + "1" + codes);
  EXPECT_EQ(with("cat", json::array{0, 3}),
            "/instances/1/cat/1: found 3; allowed: an integer from 0 to 2, as the model was trained");
  EXPECT_EQ(with("cat", json::array{0.5, 1}),
            "/instances/1/cat/0: found 0.5; allowed: an integer from 0 to 1, as the model was trained");
  EXPECT_EQ(without("dynamic_feat"), dynamic + ": found nothing" + arrays);
  EXPECT_EQ(with("dynamic_feat", json::array{json::array{1}}), dynamic + ": found an array of 1" + arrays);
  json::array features = good.at("dynamic_feat").as_array();
  features[1].as_array().resize(40);
  EXPECT_EQ(with("dynamic_feat", features), dynamic + "/1: found 40 numbers; allowed: 46, target and horizon");
  features = good.at("dynamic_feat").as_array();
  features[0].as_array()[45] = nullptr;
  EXPECT_EQ(with("dynamic_feat", features), dynamic + "/0/45: found null; allowed: a number; a feature has no gaps");
}

TEST(Categories, OfASingleOneMayBeTheBareCode) {
  const SeriesNeeds needs{.horizon = 2, .cardinality = {3}};
  const auto category = [&](const char* cat) {
    return parse_instance(fmt::format(R"({{"start":"2026-05-06","target":[1],"cat":{}}})", cat), needs);
  };
  EXPECT_EQ(category("2").value().categories, std::vector<int>{2});
  EXPECT_EQ(category("[2]").value().categories, std::vector<int>{2});
  EXPECT_EQ(category("3").status().message(),
            "/cat: found 3; allowed: an integer from 0 to 2, as the model was trained");
}

// The tensors of series of one length.
json::object tensors(const std::vector<TimeSeries>& all, bool batched) {
  json::array start, target, cat, dynamic;
  for (const TimeSeries& series : all) {
    start.emplace_back("2026-05-06 00:00:00");
    for (const double value : series.values) target.emplace_back(std::isnan(value) ? json::value() : value);
    for (const int code : series.categories) cat.emplace_back(code);
    for (const auto& feature : series.dynamic)
      for (const double value : feature) dynamic.emplace_back(value);
  }
  const auto tensor = [&](const char* name, const char* datatype, json::array shape, json::array data) {
    if (batched) shape.insert(shape.begin(), all.size());
    return json::object{{"name", name}, {"shape", std::move(shape)}, {"datatype", datatype}, {"data", std::move(data)}};
  };
  json::array inputs{tensor("start", "BYTES", batched ? json::array() : json::array{1}, start),
                     tensor("target", "FP64", {all[0].values.size()}, target), tensor("cat", "INT64", {2}, cat),
                     tensor("dynamic_feat", "FP64", {2, all[0].values.size() + kHorizon}, dynamic)};
  return {{"id", "7"}, {"inputs", std::move(inputs)}};
}

class OpenInference : public Features {
 protected:
  HttpResponse infer(const json::object& body) const { return post("/v2/models/production/infer", body); }
  json::value get(const std::string& path, int status = 200) const {
    const HttpResponse response = endpoints_.handle({.method = "GET", .path = path});
    EXPECT_EQ(response.status, status) << response.body;
    return parse_json(response.body).value();
  }
};

TEST_F(OpenInference, TellsOfItsServerAndModels) {
  EXPECT_EQ(get("/v2").at("name"), "tidecast");
  EXPECT_EQ(to_text(get("/v2/health/live")), R"({"live":true})");
  EXPECT_EQ(to_text(get("/v2/health/ready")), R"({"live":true,"ready":true})");
  const std::string model = to_text(get("/v2/models/production"));
  EXPECT_EQ(
      model,
      R"({"name":"production","versions":["3"],"platform":"tidecast","inputs":[)"
      R"({"name":"start","datatype":"BYTES","shape":[-1]},{"name":"target","datatype":"FP64","shape":[-1,-1]},)"
      R"({"name":"cat","datatype":"INT64","shape":[-1,2]},)"
      R"({"name":"dynamic_feat","datatype":"FP64","shape":[-1,2,-1]}],"outputs":[)"
      R"({"name":"mean","datatype":"FP64","shape":[-1,6]},{"name":"quantiles","datatype":"FP64","shape":[-1,-1,6]},)"
      R"({"name":"samples","datatype":"FP64","shape":[-1,-1,6]}]})");
  EXPECT_EQ(to_text(get("/v2/models/production/versions/3")), model);
  EXPECT_EQ(to_text(get("/v2/models/production/versions/3/ready")), R"({"name":"production","ready":true})");
  EXPECT_EQ(get("/v2/models/production/versions/4", 404).at("error"), "version 4 is not loaded; allowed: 3");
  EXPECT_EQ(get("/v2/models/staging/ready", 503).at("error"), "staging has no model yet");
  EXPECT_EQ(get("/v2/models/shadow", 404).at("error"), "there is no such stage; allowed: staging, production");
  get("/v2/models/production/infer", 405);
  get("/v2/repository/index", 404);
}

TEST_F(OpenInference, GivesTheSameForecastAsTheOtherForm) {
  TimeSeries series = hours(1, 1, kLength);
  series.values[3] = std::nan("");
  json::object body = tensors({series}, false);
  body["parameters"] = {{"num_samples", 20}, {"quantiles", "0.50,0.9"}};
  const HttpResponse response = infer(body);
  ASSERT_EQ(response.status, 200) << response.body;
  const ForecastPaths paths = by_hand(series);
  json::array quantiles = numbers(paths.quantile(0.5));
  for (const double value : paths.quantile(0.9)) quantiles.emplace_back(value);
  EXPECT_EQ(
      response.body,
      fmt::format(R"({{"model_name":"production","model_version":"3","id":"7","outputs":[)"
                  R"({{"name":"mean","datatype":"FP64","shape":[6],"data":{}}},)"
                  R"({{"name":"quantiles","datatype":"FP64","shape":[2,6],"parameters":{{"quantiles":"0.50,0.9"}},)"
                  R"("data":{}}}]}})"
                  "\n",
                  to_text(numbers(paths.mean())), to_text(quantiles)));
}

TEST_F(OpenInference, ForecastsABatchNestedOrFlat) {
  const std::vector<TimeSeries> series{hours(0, 0, kLength), hours(1, 2, kLength)};
  json::object body = tensors(series, true);
  body["parameters"] = {{"num_samples", 4}, {"binary_data_output", true}};
  body["outputs"] = json::array{json::object{{"name", "samples"}, {"parameters", {{"binary_data", false}}}}};
  const HttpResponse flat = infer(body);
  ASSERT_EQ(flat.status, 200) << flat.body;
  const json::value answer = parse_json(flat.body).value(), &output = answer.at("outputs").at(0);
  EXPECT_EQ(to_text(output.at("shape")), "[2,4,6]");
  std::vector<float> values, expected = by_hand(series[0], 4).values;
  for (const json::value& value : output.at("data").as_array()) values.push_back(value.to_number<float>());
  for (const float value : by_hand(series[1], 4).values) expected.push_back(value);
  EXPECT_EQ(values, expected);

  json::array nested;
  for (const TimeSeries& one : series) nested.push_back(numbers(one.values));
  body.at("inputs").at(1).as_object()["data"] = nested;
  EXPECT_EQ(infer(body).body, flat.body);
}

TEST_F(OpenInference, SaysWhatIsWrongInError) {
  const json::object good = tensors({hours(0, 0, kLength), hours(0, 1, kLength)}, true);
  const auto error = [&](const std::function<void(json::object&)>& spoil) {
    json::object body = good;
    spoil(body);
    const HttpResponse response = infer(body);
    EXPECT_EQ(response.status, 400) << response.body;
    return std::string(parse_json(response.body).value().at("error").as_string());
  };
  const auto input = [&](std::size_t i, const char* member, const json::value& value) {
    return error([&](json::object& body) { body.at("inputs").at(i).as_object()[member] = value; });
  };
  EXPECT_EQ(input(0, "name", "begin"), "/inputs/0/name: found \"begin\"; allowed: start, target, cat, dynamic_feat");
  EXPECT_EQ(input(1, "datatype", "FP16"), "/inputs/1/datatype: found \"FP16\"; allowed: \"FP64\"");
  EXPECT_EQ(input(1, "shape", json::array{2, 39}), "/inputs/1/data: found 80 items; allowed: 78, as the shape says");
  EXPECT_EQ(input(2, "shape", json::array{4}), "/inputs/2/shape: found [4]; allowed: [2,2], after that of target");
  EXPECT_EQ(input(3, "shape", json::array{2, 2, 40}),
            "/inputs/3/shape: found [2,2,40]; allowed: [2,2,46], after that of target");
  EXPECT_EQ(input(2, "data", json::array{0, 0, 2, 1}),
            "/inputs/2/data/2: found 2; allowed: an integer from 0 to 1, as the model was trained");
  EXPECT_EQ(input(0, "data", json::array{"2026-05-06", "soon"}),
            "/inputs/0/data/1: found \"soon\"; allowed: a time like \"2026-05-06 14:30:00\", or a date; without a zone "
            "it is UTC");
  EXPECT_EQ(error([](json::object& body) { body.at("inputs").as_array().pop_back(); }),
            "/inputs: found no input dynamic_feat; allowed: dynamic_feat: FP64, 2 times 46 numbers for each instance, "
            "target and horizon");
  EXPECT_EQ(error([](json::object& body) {
              body["parameters"] = {{"num_sample", 5}};
            }),
            "/parameters: found the member \"num_sample\"; allowed: num_samples, quantiles, binary_data_output");
  EXPECT_EQ(error([](json::object& body) {
              body["parameters"] = {{"quantiles", "0.1,1"}};
            }),
            "/parameters/quantiles/1: found \"1\"; allowed: a quantile above 0 and below 1, like \"0.9\"");
  EXPECT_EQ(error([](json::object& body) {
              body["outputs"] = json::array{json::object{{"name", "median"}}};
            }),
            "/outputs/0/name: found \"median\"; allowed: \"mean\", \"quantiles\" or \"samples\"");
  EXPECT_EQ(error([](json::object& body) {
              body["outputs"] = json::array{json::object{{"name", "mean"}}, json::object{{"name", "mean"}}};
            }),
            "/outputs/1/name: found \"mean\"; allowed: each output once");
  EXPECT_EQ(error([](json::object& body) {
              body["parameters"] = {{"num_samples", 60'000}};
            }),
            "/parameters/num_samples: found 60000; allowed: an integer from 1 to 10000");
}

TEST(OpenInferenceRequests, SurviveAnyDamage) {
  Rng rng(11);
  const SeriesNeeds needs{.step = 1h, .horizon = kHorizon, .cardinality = {2, 3}, .dynamic = 2};
  json::object body = tensors({hours(0, 0, 4), hours(1, 2, 4)}, true);
  body["parameters"] = {{"num_samples", 5}, {"quantiles", "0.1,0.9"}};
  const std::string good = to_text(body);
  ASSERT_TRUE(parse_inference(good, needs).ok());
  int wrong = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string damaged = good;
    for (std::uint64_t n = 1 + rng.below(3); n > 0; --n) {
      const std::size_t at = rng.below(damaged.size());
      if (rng.below(2))
        damaged[at] = "0123456789[]{},:\"a-"[rng.below(19)];
      else
        damaged.erase(at, 1 + rng.below(5));
    }
    const Parsed<InferenceRequest> parsed = parse_inference(damaged, needs);
    if (parsed.ok()) continue;
    ++wrong;
    ASSERT_FALSE(parsed.status().found.empty() || parsed.status().allowed.empty()) << damaged;
  }
  EXPECT_GT(wrong, 10'000);
}

TEST(OpenInferencePaths, NameModelVersionAndWhatIsAsked) {
  EXPECT_EQ(parse_open_path("/v2/models/a/versions/2/infer")->version, "2");
  EXPECT_EQ(parse_open_path("/v2/models/a/ready")->what, OpenPath::What::kModelReady);
  for (const char* path : {"/v2/models", "/v2/models/", "/v2/models/a/", "/v2/models/a/versions", "/v2/models//infer",
                           "/v2/models/a/versions/2/infer/x", "/v2/health", "/v2x"})
    EXPECT_FALSE(parse_open_path(path)) << path;
}

}  // namespace
}  // namespace tidecast
