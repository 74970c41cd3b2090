#include "serving/endpoint.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <set>
#include <thread>

#include "base/json.h"
#include "base/log.h"
#include "serving/serving_testing.h"

namespace tidecast {
namespace {

constexpr const char* kOneInstance = R"({"instances":[{"start":"2026-05-06 00:00:00","target":[1,2,3]}]})";

TimeSeries sample() {
  TimeSeries series{.start = EventTime::from_ms(1'700'000'040'000), .step = 60s, .values = {}};
  series.values.assign(50, 3.0);
  series.values[45] = std::nan("");
  return series;
}

// The history of the only series that there is, ten minutes up to as_of or 2026-05-06T00:10.
Result<TimeSeries> history(const std::string& series, std::optional<EventTime> as_of) {
  if (series == "empty") return TimeSeries{.start = EventTime::epoch(), .step = 60s, .values = {}};
  if (series == "closed") return failed_precondition("the store is being repaired");
  if (series != "fees.avg") return not_found("series '{}' is unknown; allowed: fees.avg", series);
  const EventTime end = as_of.value_or(EventTime::from_ms(*parse_rfc3339("2026-05-06T00:10:00Z")));
  return TimeSeries{.start = end - 600s, .step = 60s, .values = std::vector<double>(10, 2.0)};
}

Endpoints make_endpoints(EndpointOptions options = {}) { return Endpoints(std::move(options), history, load_fake); }

HttpResponse answer_of(const Endpoints& endpoints, const HttpRequest& request) {
  return wait_for(endpoints.handle(request));
}

HttpRequest invocation(const std::string& stage, std::string body, std::map<std::string, std::string> headers = {}) {
  return {.method = "POST",
          .path = "/endpoints/" + stage + "/invocations",
          .headers = std::move(headers),
          .body = std::move(body)};
}

json::object object_of(const HttpResponse& response) {
  const auto parsed = parse_json(response.body);
  EXPECT_TRUE(parsed.ok() && parsed->is_object()) << response.body;
  return parsed.ok() && parsed->is_object() ? parsed->as_object() : json::object{};
}

std::string header_of(const HttpResponse& response, const std::string& name) {
  for (const auto& [key, value] : response.headers)
    if (key == name) return value;
  return "";
}

TEST(Endpoint, AnswersTheLongFormWithMeanAndDecilesUnlessAskedOtherwise) {
  Endpoints endpoints = make_endpoints();
  ASSERT_TRUE(endpoints.deploy("production", 4, "10 2", sample()).ok());
  const HttpResponse response = answer_of(endpoints, invocation("production", kOneInstance));
  ASSERT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(response.content_type, "application/json");
  EXPECT_EQ(header_of(response, "x-Amzn-Invoked-Production-Variant"), "production/4");
  EXPECT_EQ(response.body,  // 100 paths from 10 to 109.
            R"({"predictions":[{"mean":[59.5,59.75],"quantiles":{"0.1":[20,20.25],"0.2":[30,30.25],"0.3":[40,40.25],)"
            R"("0.4":[50,50.25],"0.5":[60,60.25],"0.6":[69,69.25],"0.7":[79,79.25],"0.8":[89,89.25],)"
            R"("0.9":[99,99.25]}}]})"
            "\n");
}

TEST(Endpoint, AnswersOnlyWhatWasAskedForUnderTheRequestsOwnNames) {
  Endpoints endpoints = make_endpoints();
  ASSERT_TRUE(endpoints.deploy("staging", 4, "10 2", sample()).ok());
  const HttpResponse response = answer_of(
      endpoints,
      invocation("staging",
                 R"({"instances":[{"start":"2026-05-06","target":[1,null]},{"start":"2026-05-07","target":["NaN",2]}],
      "configuration":{"num_samples":3,"output_types":["quantiles","samples"],"quantiles":["0.50","0.9"]}})"));
  const std::string one = R"({"quantiles":{"0.50":[11,11.25],"0.9":[12,12.25]},)"
                          R"("samples":[[10,10.25],[11,11.25],[12,12.25]]})";
  EXPECT_EQ(response.body, R"({"predictions":[)" + one + "," + one + "]}\n");
}

TEST(Endpoint, ForecastsASeriesThatItKnows) {
  Endpoints endpoints = make_endpoints({.paths = 101});
  ASSERT_TRUE(endpoints.deploy("production", 4, "10 2", sample()).ok());
  const HttpResponse response = answer_of(endpoints, invocation("production", R"({"series":"fees.avg"})"));
  ASSERT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(response.body,
            R"({"series":"fees.avg","stage":"production","model_version":4,"origin":"2026-05-06T00:10:00Z",)"
            R"("step":"1min","times":["2026-05-06T00:10:00Z","2026-05-06T00:11:00Z"],"mean":[60,60.25],)"
            R"("quantiles":{"0.05":[15,15.25],"0.5":[60,60.25],"0.95":[105,105.25]}})"
            "\n");
}

TEST(Endpoint, ForecastsASeriesAsOfATimeWithOtherQuantilesAndPaths) {
  Endpoints endpoints = make_endpoints();
  ASSERT_TRUE(endpoints.deploy("production", 4, "10 1", sample()).ok());
  const json::object body = object_of(answer_of(
      endpoints,
      invocation("production",
                 R"({"series":"fees.avg","as_of":"2026-04-01T12:00:00Z","quantiles":["0.50"],"num_samples":3})")));
  EXPECT_EQ(body.at("origin").as_string(), "2026-04-01T12:00:00Z");
  EXPECT_EQ(to_text(body.at("quantiles")), R"({"0.50":[11]})");
}

TEST(Endpoint, GivesTheSameForecastInBothForms) {
  Endpoints endpoints = make_endpoints({.default_quantiles = {0.1, 0.9}});
  ASSERT_TRUE(endpoints.deploy("production", 4, "10 1", sample()).ok());
  const auto& model = static_cast<const FakeModel&>(*endpoints.serving("production")->model);
  ASSERT_EQ(answer_of(endpoints, invocation("production", R"({"series":"fees.avg"})")).status, 200);
  const std::uint64_t short_seed = model.last_seed;
  const HttpResponse response = answer_of(
      endpoints,
      invocation("production", R"({"instances":[{"start":"2026-05-06 00:00:00","target":[2,2,2,2,2,2,2,2,2,2]}]})"));
  ASSERT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(model.last_seed, short_seed);
}

TEST(Endpoint, NamesPlaceFindingAndRuleOfABadRequest) {
  Endpoints endpoints = make_endpoints();
  ASSERT_TRUE(endpoints.deploy("production", 4, "10 2", sample()).ok());
  const HttpResponse response =
      answer_of(endpoints, invocation("production", R"({"instances":[{"start":"2026-05-06","target":[1,2,3,"x"]}]})"));
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.content_type, "application/problem+json");
  EXPECT_EQ(header_of(response, "x-amzn-errortype"), "ValidationError");
  const json::object body = object_of(response);
  EXPECT_EQ(body.at("status").to_number<int>(), 400);
  EXPECT_EQ(body.at("where").as_string(), "/instances/0/target/3");
  EXPECT_EQ(body.at("found").as_string(), "\"x\"");
  EXPECT_EQ(body.at("allowed").as_string(), "a number, null or \"NaN\"");
  EXPECT_EQ(body.at("detail").as_string(), "/instances/0/target/3: found \"x\"; allowed: a number, null or \"NaN\"");
  EXPECT_EQ(body.at("message"), body.at("detail"));
}

TEST(Endpoint, AnswersWithTheStatusThatTheCaseAsksFor) {
  Endpoints endpoints = make_endpoints();
  ASSERT_TRUE(endpoints.deploy("production", 4, "10 2", sample()).ok());
  const auto status = [&](const HttpRequest& request) { return answer_of(endpoints, request).status; };
  EXPECT_EQ(status(invocation("staging", kOneInstance)), 503) << "a stage without a model";
  EXPECT_EQ(status(invocation("shadow", kOneInstance)), 404) << "no such stage";
  EXPECT_EQ(status(invocation("production", R"({"series":"fees.max"})")), 404) << "no such series";
  EXPECT_EQ(status(invocation("production", R"({"series":"empty"})")), 409) << "a series without a value yet";
  EXPECT_EQ(status(invocation("production", R"({"series":"closed"})")), 409);
  EXPECT_EQ(status(invocation("production", "")), 400);
  EXPECT_EQ(status({.method = "GET", .path = "/elsewhere"}), 404);
  EXPECT_EQ(status({.method = "POST", .path = "/endpoints//invocations"}), 404);
  EXPECT_EQ(status({.method = "POST", .path = "/endpoints/invocations"}), 404);
  EXPECT_EQ(status({.method = "POST", .path = "/endpoints/a/b/invocations"}), 404);
}

TEST(Endpoint, NamesTheAllowedMethod) {
  const Endpoints endpoints = make_endpoints();
  const HttpResponse invoked = answer_of(endpoints, {.method = "GET", .path = "/endpoints/production/invocations"});
  EXPECT_EQ(invoked.status, 405);
  EXPECT_EQ(header_of(invoked, "Allow"), "POST");
  const HttpResponse pinged = answer_of(endpoints, {.method = "POST", .path = "/ping"});
  EXPECT_EQ(pinged.status, 405);
  EXPECT_EQ(header_of(pinged, "Allow"), "GET, HEAD");
}

TEST(Endpoint, CaresForTheContentTypeOnlyWhenTheBodyIsNoJson) {
  Endpoints endpoints = make_endpoints();
  ASSERT_TRUE(endpoints.deploy("production", 4, "10 2", sample()).ok());
  const auto status = [&](const std::string& type, const std::string& body) {
    return answer_of(endpoints, invocation("production", body, {{"content-type", type}})).status;
  };
  for (const char* type : {"", "application/json; charset=utf-8", "application/x-www-form-urlencoded", "text/csv"})
    EXPECT_EQ(status(type, kOneInstance), 200) << type;
  EXPECT_EQ(status("text/csv", "1,2,3"), 415);
  EXPECT_EQ(status("image/png", "\x89PNG"), 415);
  EXPECT_EQ(status("application/json", "1,2,3"), 400);
  EXPECT_EQ(status("application/x-www-form-urlencoded", "1,2,3"), 400) << "what curl -d says of any body";
  EXPECT_EQ(status("text/csv", "{}"), 400) << "JSON, but not an invocation";
}

TEST(Endpoint, EchoesCustomAttributesInSuccessAndFailure) {
  Endpoints endpoints = make_endpoints();
  ASSERT_TRUE(endpoints.deploy("production", 4, "10 2", sample()).ok());
  for (const char* body : {kOneInstance, "{}"}) {
    const auto response =
        answer_of(endpoints, invocation("production", body, {{"x-amzn-sagemaker-custom-attributes", "trace=7"}}));
    EXPECT_EQ(header_of(response, "X-Amzn-SageMaker-Custom-Attributes"), "trace=7");
  }
  const auto response = answer_of(
      endpoints,
      invocation("production", kOneInstance, {{"x-amzn-sagemaker-custom-attributes", std::string(1025, 'x')}}));
  EXPECT_EQ(response.status, 400);
}

TEST(Endpoint, RefusesHeadersThatItWouldHaveToIgnore) {
  Endpoints endpoints = make_endpoints();
  ASSERT_TRUE(endpoints.deploy("production", 4, "10 2", sample()).ok());
  const auto response =
      answer_of(endpoints, invocation("production", kOneInstance, {{"x-amzn-sagemaker-target-variant", "blue"}}));
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(object_of(response).at("where").as_string(), "header x-amzn-sagemaker-target-variant");
}

TEST(Endpoint, LetsNoNumberOutThatIsNotFinite) {
  std::atomic<bool> spoilt = false;  // The model passes its smoke test, and goes wrong later.
  class Spoilt final : public Forecaster {
   public:
    explicit Spoilt(const std::atomic<bool>& flag) : flag_(flag) {}
    Result<ForecastPaths> forecast(const TimeSeries& series, int paths, std::uint64_t seed) const override {
      return FakeModel(1, 2, flag_ ? FakeFlaw::kNan : FakeFlaw::kNone).forecast(series, paths, seed);
    }
    int horizon() const override { return 2; }
    int history_needed() const override { return 5; }
    const json::object& describe() const override { return description_; }
    std::string serialize() const override { return ""; }

   private:
    const std::atomic<bool>& flag_;
    json::object description_;
  };
  Endpoints endpoints({}, history, [&](std::string_view) -> Result<std::shared_ptr<const Forecaster>> {
    return std::make_shared<const Spoilt>(spoilt);
  });
  ASSERT_TRUE(endpoints.deploy("production", 4, "", sample()).ok());
  spoilt = true;
  for (const char* body : {kOneInstance, R"({"series":"fees.avg"})"}) {
    const HttpResponse response = answer_of(endpoints, invocation("production", body));
    EXPECT_EQ(response.status, 500);
    EXPECT_NE(response.body.find("not finite"), std::string::npos) << response.body;
  }
}

// Waits where it is told to, or throws.
class Moody final : public Forecaster {
 public:
  Result<ForecastPaths> forecast(const TimeSeries& series, int paths, std::uint64_t seed) const override {
    if (series.values.back() == 13) throw std::bad_alloc();
    if (series.values.back() == 7) {
      began_.set_value();
      go_.get_future().wait();
    }
    return FakeModel(1, 2).forecast(series, paths, seed);
  }
  int horizon() const override { return 2; }
  int history_needed() const override { return 5; }
  const json::object& describe() const override { return description_; }
  std::string serialize() const override { return ""; }

  mutable std::promise<void> began_, go_;

 private:
  json::object description_;
};

TEST(Endpoint, RefusesWhatIsTooMuchToWaitUntilThereIsRoomAgain) {
  const auto model = std::make_shared<const Moody>();
  Endpoints endpoints({.threads = 1, .waiting_max = 1000}, history,
                      [&](std::string_view) { return Result<std::shared_ptr<const Forecaster>>(model); });
  ASSERT_TRUE(endpoints.deploy("production", 4, "", sample()).ok());
  const HttpRequest slow = invocation("production", R"({"instances":[{"start":"2026-05-06","target":[7]}]})");
  std::future<HttpResponse> first = std::async(std::launch::async, [&] { return answer_of(endpoints, slow); });
  model->began_.get_future().wait();
  std::atomic<int> answered = 0;  // Each of these is 200 numbers to draw and 3 read, the first 201: four go in.
  HttpResponse refused;
  for (int i = 0; i < 4; ++i) {
    const HttpResponse response = endpoints.handle(invocation("production", kOneInstance));
    response.later([&](HttpResponse answer) {
      if (answer.status == 200) ++answered;
      if (answer.status != 200) refused = std::move(answer);
    });
  }
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(header_of(refused, "Retry-After"), "1");
  EXPECT_EQ(header_of(refused, "x-amzn-errortype"), "ThrottlingException");
  model->go_.set_value();
  EXPECT_EQ(first.get().status, 200);
  EXPECT_EQ(answer_of(endpoints, invocation("production", R"({"series":"fees.avg"})")).status, 200);
  EXPECT_EQ(answered, 3);
}

TEST(Endpoint, TurnsAnExceptionInAForecastIntoA500) {
  set_log_level(LogLevel::kOff);
  Endpoints endpoints({}, history, [&](std::string_view) -> Result<std::shared_ptr<const Forecaster>> {
    return std::make_shared<const Moody>();
  });
  ASSERT_TRUE(endpoints.deploy("production", 4, "", sample()).ok());
  EXPECT_EQ(
      answer_of(endpoints, invocation("production", R"({"instances":[{"start":"2026-05-06","target":[13]}]})")).status,
      500);
  EXPECT_EQ(answer_of(endpoints, invocation("production", kOneInstance)).status, 200) << "it goes on";
  set_log_level(LogLevel::kWarning);
}

TEST(Ping, IsHealthyOnceTheLastStageServes) {
  Endpoints endpoints = make_endpoints();
  const HttpRequest ping{.method = "GET", .path = "/ping"};
  EXPECT_EQ(answer_of(endpoints, ping).status, 503);
  ASSERT_TRUE(endpoints.deploy("staging", 3, "10 2", sample()).ok());
  EXPECT_EQ(answer_of(endpoints, ping).status, 503);
  ASSERT_TRUE(endpoints.deploy("production", 3, "10 2", sample()).ok());
  const HttpResponse response = answer_of(endpoints, ping);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, R"({"status":"healthy","stage":"production","model_version":3})"
                           "\n");
}

TEST(Deploy, PutsAModelInPlaceAndKeepsTheOneBefore) {
  Endpoints endpoints = make_endpoints();
  EXPECT_FALSE(endpoints.serving("production"));
  const auto first = endpoints.deploy("production", 1, "10 2", sample());
  ASSERT_TRUE(first.ok()) << first.message();
  EXPECT_GE(*first, 0);
  EXPECT_EQ(endpoints.serving("production")->version, 1);
  EXPECT_FALSE(endpoints.previous("production"));
  ASSERT_TRUE(endpoints.deploy("production", 2, "20 2", sample()).ok());
  EXPECT_EQ(endpoints.serving("production")->version, 2);
  EXPECT_EQ(endpoints.previous("production")->version, 1);
  EXPECT_FALSE(endpoints.serving("staging")) << "stages do not touch each other";
}

TEST(Deploy, OverItselfLeavesTheKeptModelAlone) {
  Endpoints endpoints = make_endpoints();
  for (const int version : {1, 2, 2}) ASSERT_TRUE(endpoints.deploy("production", version, "10 2", sample()).ok());
  EXPECT_EQ(endpoints.serving("production")->version, 2);
  EXPECT_EQ(endpoints.previous("production")->version, 1);
}

TEST(Deploy, LeavesTheOldModelServingWhenTheNewOneIsNoGood) {
  Endpoints endpoints = make_endpoints();
  ASSERT_TRUE(endpoints.deploy("production", 1, "10 2", sample()).ok());
  const auto refused = [&](const std::string& artefact, Code code, const std::string& message) {
    const auto result = endpoints.deploy("production", 2, artefact, sample());
    EXPECT_EQ(result.code(), code) << artefact;
    EXPECT_EQ(result.message(), message);
    EXPECT_EQ(endpoints.serving("production")->version, 1);
    EXPECT_FALSE(endpoints.previous("production"));
  };
  refused("broken", Code::kInvalidArgument, "production: model 2: byte 0: no model");
  refused("nan", Code::kInternal, "production: model 2: the model's forecast is not finite at step 4");
  refused("short", Code::kInternal, "production: model 2: the model gave 400 numbers for 100 paths of 5 steps");
}

TEST(Deploy, HoldsWhatItHeldBeforeWhenTheProbeFails) {
  Endpoints endpoints = make_endpoints();
  const auto fails = [&] {
    const int probed = endpoints.serving("production")->version;  // It asks the new model.
    return unavailable("model {} took too long", probed);
  };
  EXPECT_EQ(endpoints.deploy("production", 1, "10 2", sample(), fails).message(),
            "production: model 1: model 1 took too long");
  EXPECT_FALSE(endpoints.serving("production"));
  for (const int version : {2, 3}) ASSERT_TRUE(endpoints.deploy("production", version, "10 2", sample()).ok());
  EXPECT_EQ(endpoints.deploy("production", 4, "10 2", sample(), fails).code(), Code::kUnavailable);
  EXPECT_EQ(endpoints.serving("production")->version, 3);
  EXPECT_EQ(endpoints.previous("production")->version, 2);
}

TEST(Deploy, RefusesASampleThatProvesNothing) {
  Endpoints endpoints = make_endpoints();
  TimeSeries other = sample();
  other.step = 5min;
  EXPECT_EQ(endpoints.deploy("production", 1, "10 2", other).message(),
            "production: model 1: the sample has steps of 5min; allowed: 1min");
  TimeSeries unknown = sample();
  for (double& value : unknown.values) value = std::nan("");
  EXPECT_EQ(endpoints.deploy("production", 1, "10 2", unknown).code(), Code::kInvalidArgument);
  EXPECT_FALSE(endpoints.serving("production"));
}

TEST(Deploy, KnowsItsStagesAndVersions) {
  Endpoints endpoints = make_endpoints();
  const auto result = endpoints.deploy("shadow", 1, "10 2", sample());
  EXPECT_EQ(result.code(), Code::kNotFound);
  EXPECT_EQ(result.message(), "shadow: there is no such stage; allowed: staging, production");
  EXPECT_EQ(endpoints.deploy("production", 0, "10 2", sample()).code(), Code::kInvalidArgument);
  EXPECT_EQ(endpoints.rollback("shadow").code(), Code::kNotFound);
  EXPECT_FALSE(endpoints.serving("shadow"));
}

TEST(Rollback, SwapsBackAndForth) {
  Endpoints endpoints = make_endpoints();
  EXPECT_EQ(endpoints.rollback("production").code(), Code::kFailedPrecondition);
  ASSERT_TRUE(endpoints.deploy("production", 1, "10 2", sample()).ok());
  EXPECT_EQ(endpoints.rollback("production").code(), Code::kFailedPrecondition);
  EXPECT_EQ(endpoints.serving("production")->version, 1);
  ASSERT_TRUE(endpoints.deploy("production", 2, "20 2", sample()).ok());
  EXPECT_EQ(*endpoints.rollback("production"), 1);
  EXPECT_EQ(endpoints.serving("production")->version, 1);
  EXPECT_EQ(*endpoints.rollback("production"), 2);
  EXPECT_EQ(endpoints.serving("production")->version, 2);
}

// Every answer must come whole from one version, and no request may fail, however often the model is swapped meanwhile.
TEST(Deploy, NeverMixesOrDropsAnAnswerWhileModelsAreSwapped) {
  Endpoints endpoints = make_endpoints();
  ASSERT_TRUE(endpoints.deploy("production", 1, "100 2", sample()).ok());
  constexpr int kCallers = 2;
  std::atomic<bool> over = false;
  std::atomic<int> answered = 0;
  std::vector<std::future<std::set<std::string>>> callers;
  for (int t = 0; t < kCallers; ++t)
    callers.push_back(std::async(std::launch::async, [&] {
      std::set<std::string> answers;
      for (; !over; ++answered)
        answers.insert(answer_of(endpoints, invocation("production",
                                                       R"({"series":"fees.avg","quantiles":["0.5"],"num_samples":1})"))
                           .body);
      return answers;
    }));
  for (int swap = 0; swap < 200; ++swap) {
    if (swap % 10 == 9) {
      EXPECT_TRUE(endpoints.rollback("production").ok());
    } else {
      const int version = swap % 2 ? 1 : 2;
      EXPECT_TRUE(endpoints.deploy("production", version, version == 1 ? "100 2" : "200 2", sample()).ok());
    }
    // So many that one of them began after the swap.
    for (const int enough = answered + kCallers + 1; answered < enough;) std::this_thread::yield();
  }
  over = true;
  const auto answer = [](int version, int level) {
    return fmt::format(R"({{"series":"fees.avg","stage":"production","model_version":{0},)"
                       R"("origin":"2026-05-06T00:10:00Z","step":"1min",)"
                       R"("times":["2026-05-06T00:10:00Z","2026-05-06T00:11:00Z"],)"
                       R"("mean":[{1},{1}.25],"quantiles":{{"0.5":[{1},{1}.25]}}}})"
                       "\n",
                       version, level);
  };
  std::set<std::string> all;
  for (auto& caller : callers) {
    const std::set<std::string> answers = caller.get();
    all.insert(answers.begin(), answers.end());
  }
  EXPECT_EQ(all, (std::set<std::string>{answer(1, 100), answer(2, 200)}));
}

TEST(Deploy, FreesAModelThatNobodyHoldsAnyMore) {
  std::atomic<int> alive = 0;
  Endpoints endpoints({}, history, [&](std::string_view) -> Result<std::shared_ptr<const Forecaster>> {
    ++alive;
    return std::shared_ptr<const Forecaster>(new FakeModel(1, 2), [&](const Forecaster* model) {
      delete model;
      --alive;
    });
  });
  for (int version = 1; version <= 20; ++version) {
    ASSERT_TRUE(endpoints.deploy("production", version, "", sample()).ok());
    EXPECT_LE(alive, 2) << "one serves, one is kept";
  }
}

class DeployOf : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Recipes, DeployOf, testing::Values("default", "gluonts"));

TEST_P(DeployOf, ARealArtefactForecastsTheSameInBothForms) {
  TimeSeries series{.start = EventTime::from_ms(1'700'000'040'000), .step = 60s, .values = {}};
  for (int i = 0; i < 400; ++i) series.values.push_back(20 + 5 * std::sin(i / 9.5) + i % 7);
  DeepArOptions options{.horizon = 5, .season = 60, .steps = 3, .select = false};
  options.recipe = deepar::parse_recipe(GetParam()).value();
  const auto trained = train_deepar(std::vector{series}, options);
  ASSERT_TRUE(trained.ok()) << trained.message();
  Endpoints endpoints({}, [&](const std::string&, std::optional<EventTime>) { return Result<TimeSeries>(series); });
  const auto smoke_ms = endpoints.deploy("production", 1, trained->model->serialize(), series);
  ASSERT_TRUE(smoke_ms.ok()) << smoke_ms.message();
  EXPECT_EQ(endpoints.deploy("production", 2, "no artefact", series).code(), Code::kInvalidArgument);

  json::array target(series.values.begin(), series.values.end());
  const json::object instance{{"start", to_rfc3339(series.start)}, {"target", std::move(target)}};
  const json::object configuration{{"quantiles", json::array{"0.05", "0.5", "0.95"}}};
  const json::object long_form{{"instances", json::array{instance}}, {"configuration", configuration}};
  const json::object by_series = object_of(answer_of(endpoints, invocation("production", R"({"series":"fees.avg"})")));
  const json::object by_values = object_of(answer_of(endpoints, invocation("production", to_text(long_form))));
  const json::object& prediction = by_values.at("predictions").as_array().at(0).as_object();
  EXPECT_EQ(prediction.at("mean").as_array().size(), 5u);
  EXPECT_EQ(prediction.at("mean"), by_series.at("mean"));
  EXPECT_EQ(prediction.at("quantiles"), by_series.at("quantiles"));
}

TEST(Endpoint, SpeaksOverARealSocket) {
  Endpoints endpoints = make_endpoints();
  ASSERT_TRUE(endpoints.deploy("production", 4, "10 2", sample()).ok());
  const auto server =
      HttpServer::start({.port = 0}, [&](const HttpRequest& request) { return answer_of(endpoints, request); });
  ASSERT_TRUE(server.ok()) << server.message();
  const HttpRequest request =
      invocation("production", kOneInstance, {{"X-Amzn-SageMaker-Custom-Attributes", "trace=7"}});
  const auto response = http_call("127.0.0.1", (*server)->port(), request, 10'000);
  ASSERT_TRUE(response.ok()) << response.message();
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, answer_of(endpoints, invocation("production", kOneInstance)).body);
  EXPECT_EQ(header_of(*response, "x-amzn-invoked-production-variant"), "production/4");
  EXPECT_EQ(header_of(*response, "x-amzn-sagemaker-custom-attributes"), "trace=7");
  const auto ping = http_call("127.0.0.1", (*server)->port(), {.method = "GET", .path = "/ping"}, 10'000);
  ASSERT_TRUE(ping.ok()) << ping.message();
  EXPECT_EQ(ping->status, 200);
}

}  // namespace
}  // namespace tidecast
