#include "serving/invocation.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"

namespace tidecast {
namespace {

Parsed<Invocation> parse(std::string_view body) { return parse_invocation(body, {.horizon = 2}); }

InstancesInvocation long_form(std::string_view body) {
  const Parsed<Invocation> parsed = parse(body);
  EXPECT_TRUE(parsed.ok()) << (parsed.ok() ? "" : parsed.status().message());
  return std::get<InstancesInvocation>(parsed.value());
}

SeriesInvocation short_form(std::string_view body) {
  const Parsed<Invocation> parsed = parse(body);
  EXPECT_TRUE(parsed.ok()) << (parsed.ok() ? "" : parsed.status().message());
  return std::get<SeriesInvocation>(parsed.value());
}

std::vector<std::string> names(const std::vector<NamedQuantile>& quantiles) {
  std::vector<std::string> out;
  for (const NamedQuantile& quantile : quantiles) out.push_back(quantile.name);
  return out;
}

// A long request with one target of three, and something more.
std::string with(const std::string& more) {
  return R"({"instances":[{"start":"2026-05-06","target":[1,2,3]}])" + (more.empty() ? "" : "," + more) + "}";
}

TEST(LongForm, ReadsSageMakersExample) {
  const InstancesInvocation asked = long_form(R"({
    "instances": [
      {"start": "2009-11-01 00:00:00", "target": [4.0, 10, "NaN", null, 100.5]},
      {"start": "2012-01-30", "target": [1.0]}],
    "configuration": {"num_samples": 50, "output_types": ["mean", "samples"], "quantiles": ["0.5", "0.90"]}})");
  ASSERT_EQ(asked.instances.size(), 2u);
  const TimeSeries& first = asked.instances[0];
  EXPECT_EQ(to_rfc3339(first.start), "2009-11-01T00:00:00Z");
  EXPECT_EQ(first.step, Milliseconds(60'000));
  ASSERT_EQ(first.values.size(), 5u);
  EXPECT_EQ(first.values[0], 4);
  EXPECT_EQ(first.values[1], 10);
  EXPECT_TRUE(std::isnan(first.values[2]));
  EXPECT_TRUE(std::isnan(first.values[3]));
  EXPECT_EQ(first.values[4], 100.5);
  EXPECT_EQ(to_rfc3339(asked.instances[1].start), "2012-01-30T00:00:00Z");
  EXPECT_EQ(asked.configuration.samples, 50);
  EXPECT_TRUE(asked.configuration.want_mean);
  EXPECT_FALSE(asked.configuration.want_quantiles);
  EXPECT_TRUE(asked.configuration.want_samples);
  EXPECT_EQ(names(asked.configuration.quantiles), (std::vector<std::string>{"0.5", "0.90"}));
  EXPECT_EQ(asked.configuration.quantiles[1].tau, 0.9);
}

TEST(LongForm, HasTheDefaultsOfAmazonsBatchTransform) {
  for (const std::string& body : {with(""), with(R"("configuration":{})")}) {
    const InstancesInvocation asked = long_form(body);
    EXPECT_EQ(asked.configuration.samples, 100);
    EXPECT_TRUE(asked.configuration.want_mean && asked.configuration.want_quantiles);
    EXPECT_FALSE(asked.configuration.want_samples);
    const std::vector<std::string> deciles{"0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9"};
    EXPECT_EQ(names(asked.configuration.quantiles), deciles);
  }
}

TEST(LongForm, TakesQuantilesAsNumbersToo) {
  const InstancesInvocation asked = long_form(with(R"("configuration":{"quantiles":[0.5, 0.025]})"));
  EXPECT_EQ(names(asked.configuration.quantiles), (std::vector<std::string>{"0.5", "0.025"}));
}

TEST(LongForm, TakesAnyTimeAsStartAndMovesItToAWholeStep) {
  const auto start = [](const std::string& text, Frequency step) {
    const auto parsed = parse_invocation(R"({"instances":[{"start":")" + text + R"(","target":[1]}]})", {.step = step});
    EXPECT_TRUE(parsed.ok()) << text;
    return to_rfc3339(std::get<InstancesInvocation>(parsed.value()).instances.at(0).start);
  };
  EXPECT_EQ(start("2026-05-06 14:31:29", 60s), "2026-05-06T14:31:00Z");
  EXPECT_EQ(start("2026-05-06T14:31:29+02:00", 60s), "2026-05-06T12:31:00Z");
  EXPECT_EQ(start("2026-05-06 14:31:29", 1h), "2026-05-06T14:00:00Z");
  EXPECT_EQ(start("2026-05-06 14:31:29", Frequency(StepUnit::kMonth, 1)), "2026-05-01T00:00:00Z");
  EXPECT_EQ(start("2026-05-06 14:31:29", 7 * 24h), "2026-05-06T00:00:00Z") << "a week may begin on any day";
}

struct WrongCase {
  std::string body, where, found, allowed;
};

TEST(Invocation, SaysWhereARequestIsWrongWhatItFoundAndWhatIsAllowed) {
  const std::string kTarget = "an array of numbers, null or \"NaN\", at least one of them a number";
  const std::string kStart = "a time like \"2026-05-06 14:30:00\", or a date; without a zone it is UTC";
  const std::string kForms =
      "{\"instances\": [{\"start\", \"target\"}], \"configuration\"} or {\"series\", \"as_of\", \"quantiles\"}";
  const std::string kSamples = "an integer from 1 to 10000";
  const std::string kAsOf = "a time like \"2026-05-06T14:30:00Z\", or none for the newest";
  const std::string kJson = "JSON, where a missing value is null or \"NaN\"";
  const WrongCase cases[] = {
      {"[]", "", "an array of 0", kForms},
      {"{}", "", "neither instances nor series", kForms},
      {R"({"instances":[],"series":"a"})", "", "both instances and series", kForms},
      {R"({"instances":[]})", "/instances", "an array of 0", "an array of 1 to 1000 instances"},
      {R"({"instances":{}})", "/instances", "an object", "an array of 1 to 1000 instances"},
      {R"({"instances":[7]})", "/instances/0", "7", "an object"},
      {R"({"instances":[{"start":"2026-05-06","target":[1,2,"x",4]}]})", "/instances/0/target/2", "\"x\"",
       "a number, null or \"NaN\""},
      {R"({"instances":[{"start":"2026-05-06","target":[1,true]}]})", "/instances/0/target/1", "true",
       "a number, null or \"NaN\""},
      {R"({"instances":[{"start":"2026-05-06","target":[1e30,null,-1e31]}]})", "/instances/0/target/2", "-1e+31",
       "a number of at most 1e+30 in size, null or \"NaN\""},
      {R"({"instances":[{"start":"2026-05-06","target":[]}]})", "/instances/0/target",
       "an array of 0 without a number among them", kTarget},
      {R"({"instances":[{"start":"2026-05-06","target":[null,"NaN"]}]})", "/instances/0/target",
       "an array of 2 without a number among them", kTarget},
      {R"({"instances":[{"start":"2026-05-06","target":"1,2"}]})", "/instances/0/target", "\"1,2\"", kTarget},
      {R"({"instances":[{"start":"2026-05-06"}]})", "/instances/0/target", "nothing", kTarget},
      {R"({"instances":[{"target":[1]}]})", "/instances/0/start", "nothing", kStart},
      {R"({"instances":[{"start":"06.05.2026","target":[1]}]})", "/instances/0/start", "\"06.05.2026\"", kStart},
      {R"({"instances":[{"start":"2026-02-30 00:00:00","target":[1]}]})", "/instances/0/start",
       "\"2026-02-30 00:00:00\"", kStart},
      {R"({"instances":[{"start":1700000000,"target":[1]}]})", "/instances/0/start", "1700000000", kStart},
      {R"({"instances":[{"start":"2026-05-06","target":[1],"cat":[0]}]})", "/instances/0/cat", "an array of 1",
       "nothing: the model was trained without it"},
      {R"({"instances":[{"start":"2026-05-06","target":[1],"dynamic_feat":[[1,2]]}]})", "/instances/0/dynamic_feat",
       "an array of 1", "nothing: the model was trained without it"},
      {R"({"instances":[{"start":"2026-05-06","target":[1],"item":"a"}]})", "/instances/0", "the member \"item\"",
       "start, target, cat, dynamic_feat"},
      {with(R"("seed":1)"), "", "the member \"seed\"", "instances, configuration"},
      {with(R"("configuration":[])"), "/configuration", "an array of 0", "an object"},
      {with(R"("configuration":{"samples":5})"), "/configuration", "the member \"samples\"",
       "num_samples, output_types, quantiles"},
      {with(R"("configuration":{"num_samples":0})"), "/configuration/num_samples", "0", kSamples},
      {with(R"("configuration":{"num_samples":10001})"), "/configuration/num_samples", "10001", kSamples},
      {with(R"("configuration":{"num_samples":"100"})"), "/configuration/num_samples", "\"100\"", kSamples},
      {with(R"("configuration":{"quantiles":["0.5","1"]})"), "/configuration/quantiles/1", "\"1\"",
       "a quantile above 0 and below 1, like \"0.9\""},
      {with(R"("configuration":{"quantiles":[0]})"), "/configuration/quantiles/0", "0",
       "a quantile above 0 and below 1, like \"0.9\""},
      {with(R"("configuration":{"quantiles":["nan"]})"), "/configuration/quantiles/0", "\"nan\"",
       "a quantile above 0 and below 1, like \"0.9\""},
      {with(R"("configuration":{"quantiles":["0.5%"]})"), "/configuration/quantiles/0", "\"0.5%\"",
       "a quantile above 0 and below 1, like \"0.9\""},
      {with(R"("configuration":{"quantiles":["0.5","0.5"]})"), "/configuration/quantiles/1",
       "\"0.5\" for the second time", "each quantile once"},
      {with(R"("configuration":{"quantiles":[]})"), "/configuration/quantiles", "an array of 0",
       "an array of 1 to 99 quantiles"},
      {with(R"("configuration":{"output_types":["mean","median"]})"), "/configuration/output_types/1", "\"median\"",
       "\"mean\", \"quantiles\" or \"samples\""},
      {with(R"("configuration":{"output_types":[]})"), "/configuration/output_types", "an array of 0",
       "an array of 1 to 3 of mean, quantiles, samples"},
      {R"({"series":7})", "/series", "7", "the name of a series"},
      {R"({"series":""})", "/series", "\"\"", "the name of a series"},
      {R"({"series":"a","as_of":"now"})", "/as_of", "\"now\"", kAsOf},
      {R"({"series":"a","quantiles":["2"]})", "/quantiles/0", "\"2\"", "a quantile above 0 and below 1, like \"0.9\""},
      {R"({"series":"a","asof":"2026-05-06"})", "", "the member \"asof\"", "series, as_of, quantiles, num_samples"},
      {R"({"series":")" + std::string(5000, 'x') + R"(","as_of":[]})", "/as_of", "an array of 0", kAsOf},
      {R"({"instances":")" + std::string(5000, 'x') + R"("})", "/instances", "a text of 5002 bytes",
       "an array of 1 to 1000 instances"},
      {"", "", "byte 0: the JSON value ends too early", kJson},
  };
  for (const WrongCase& wrong : cases) {
    const Parsed<Invocation> parsed = parse(wrong.body);
    ASSERT_FALSE(parsed.ok()) << wrong.body;
    EXPECT_EQ(parsed.status().where, wrong.where) << wrong.body;
    EXPECT_EQ(parsed.status().found, wrong.found) << wrong.body;
    EXPECT_EQ(parsed.status().allowed, wrong.allowed) << wrong.body;
  }
}

TEST(Invocation, SaysWhichByteIsNoJson) {
  const Parsed<Invocation> parsed = parse(R"({"instances":[{"start":"2026-05-06","target":[1,NaN]}]})");
  ASSERT_FALSE(parsed.ok());
  EXPECT_TRUE(parsed.status().found.starts_with("byte ")) << parsed.status().found;
  EXPECT_EQ(parsed.status().allowed, "JSON, where a missing value is null or \"NaN\"");
}

TEST(LongForm, BoundsThePathsOfAWholeRequest) {
  std::string body = R"({"configuration":{"num_samples":10000},"instances":[)";
  for (int i = 0; i < 10; ++i) body += R"({"start":"2026-05-06","target":[1]},)";
  const std::string ten = body.substr(0, body.size() - 1) + "]}";
  const std::string eleven = body + R"({"start":"2026-05-06","target":[1]}]})";
  EXPECT_EQ(long_form(ten).instances.size(), 10u);
  const Parsed<Invocation> parsed = parse(eleven);
  ASSERT_FALSE(parsed.ok());
  EXPECT_EQ(parsed.status().message(),
            "/configuration/num_samples: found 10000 for each of 11 instances; "
            "allowed: together 100000 paths a request");
}

TEST(ShortForm, ReadsSeriesTimeAndQuantiles) {
  const SeriesInvocation asked =
      short_form(R"({"series":"tx_metrics.avg_fee_1min","as_of":"2026-05-06T14:30:00Z","quantiles":["0.1",0.9],)"
                 R"("num_samples":200})");
  EXPECT_EQ(asked.series, "tx_metrics.avg_fee_1min");
  ASSERT_TRUE(asked.as_of && asked.quantiles);
  EXPECT_EQ(to_rfc3339(*asked.as_of), "2026-05-06T14:30:00Z");
  EXPECT_EQ(names(*asked.quantiles), (std::vector<std::string>{"0.1", "0.9"}));
  EXPECT_EQ(asked.samples, 200);
}

TEST(ShortForm, NeedsNothingButTheSeries) {
  const SeriesInvocation asked = short_form(R"({"series":"a"})");
  EXPECT_FALSE(asked.as_of || asked.quantiles || asked.samples);
}

TEST(Invocation, SurvivesAnyDamageToARequest) {
  const std::uint64_t seed = 11;
  SCOPED_TRACE(seed);
  Rng rng(seed);
  const std::string good = with(R"("configuration":{"num_samples":5,"output_types":["mean"],"quantiles":["0.5"]})");
  int wrong = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string body = good;
    for (std::uint64_t n = 1 + rng.below(3); n > 0; --n) {
      const std::size_t at = rng.below(body.size());
      if (rng.below(2))
        body[at] = static_cast<char>(rng.below(256));
      else
        body.erase(at, 1 + rng.below(5));
    }
    const Parsed<Invocation> parsed = parse(body);
    if (parsed.ok()) continue;
    ++wrong;
    ASSERT_FALSE(parsed.status().found.empty() || parsed.status().allowed.empty()) << body;
  }
  EXPECT_GT(wrong, 10'000);
}

}  // namespace
}  // namespace tidecast
