#include "wikipedia_set.h"

#include <simdjson.h>
#include <zstd.h>

#include <fstream>
#include <iterator>

namespace tidecast {
namespace {

constexpr int kMisdated = 12;
constexpr Milliseconds kMinute{60'000};

const std::vector<double>& taus() {
  static const std::vector<double> kTaus{.1, .2, .3, .4, .5, .6, .7, .8, .9};
  return kTaus;
}

Result<std::string> read_zstd(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return not_found("{}", path);
  const std::string packed{std::istreambuf_iterator<char>(file), {}};
  std::string text;
  ZSTD_DCtx* context = ZSTD_createDCtx();
  ZSTD_inBuffer in{packed.data(), packed.size(), 0};
  std::string part(ZSTD_DStreamOutSize(), '\0');
  std::size_t left = 1;
  while (in.pos < in.size && !ZSTD_isError(left)) {
    ZSTD_outBuffer out{part.data(), part.size(), 0};
    left = ZSTD_decompressStream(context, &out, &in);
    text.append(part, 0, out.pos);
  }
  ZSTD_freeDCtx(context);
  if (left != 0) return data_loss("{}: not whole", path);
  return text;
}

}  // namespace

TimeSeries WikipediaSet::until(std::size_t end) const {
  TimeSeries part{.start = series.start, .step = series.step, .values = {}};
  part.values.assign(series.values.begin(), series.values.begin() + static_cast<std::ptrdiff_t>(end));
  return part;
}

Result<WikipediaSet> load_wikipedia_set() {
  const std::string text = TRY(read_zstd(TIDECAST_ROOT "/data/wikipedia_edits_20150912.ndjson.zst"));
  simdjson::dom::parser parser;
  WikipediaSet set;
  set.series.step = kMinute;
  std::vector<double>& counts = set.series.values;
  std::size_t begin = 0;
  for (int record = 0; begin < text.size(); ++record) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view time;
    if (parser.parse(text.data() + begin, end - begin).get_object().at_key("time").get(time) != simdjson::SUCCESS)
      return data_loss("record {}: no time", record);
    begin = end + 1;
    if (record < kMisdated) continue;
    const EventTime minute = floor_to(EventTime::from_ms(TRY(parse_rfc3339(time))), kMinute);
    if (counts.empty()) set.series.start = minute;
    const auto at = static_cast<std::size_t>((minute - set.series.start) / kMinute);
    if (at >= 2 * 1440) return data_loss("record {}: {} is not on that day", record, time);
    if (at >= counts.size()) counts.resize(at + 1);
    ++counts[at];
  }
  counts.erase(counts.begin());
  set.series.start += kMinute;
  set.cut = counts.size() * 3 / 4;
  for (std::size_t at = set.cut; at + WikipediaSet::kHorizon <= counts.size(); at += WikipediaSet::kHorizon)
    set.origins.push_back(at);
  return set;
}

Accuracy judge(const WikipediaSet& set,
               const std::function<std::vector<std::vector<double>>(std::size_t origin)>& forecast) {
  std::vector<QuantileForecast> windows;
  Accuracy result;
  double steps = 0;
  for (const std::size_t origin : set.origins) {
    const auto first = set.series.values.begin() + static_cast<std::ptrdiff_t>(origin);
    QuantileForecast window{
        .actual = {first, first + WikipediaSet::kHorizon}, .quantiles = forecast(origin), .mean = {}};
    for (std::size_t k = 0; k < window.actual.size(); ++k, ++steps) {
      result.coverage_10 += window.actual[k] <= window.quantiles.front()[k];
      result.coverage_90 += window.actual[k] <= window.quantiles.back()[k];
    }
    windows.push_back(std::move(window));
  }
  result.coverage_10 /= steps;
  result.coverage_90 /= steps;
  result.wql = mean_wql(taus(), windows).value();
  return result;
}

Accuracy judge_naive(const WikipediaSet& set, int season) {
  return judge(set, [&](std::size_t origin) {
    std::vector<double> values;
    for (int k = 0; k < WikipediaSet::kHorizon; ++k)
      values.push_back(
          set.series.values[origin - static_cast<std::size_t>(season) + static_cast<std::size_t>(k % season)]);
    return std::vector(taus().size(), values);
  });
}

Accuracy judge_model(const WikipediaSet& set, const Forecaster& model, std::uint64_t seed) {
  return judge(set, [&](std::size_t origin) {
    const ForecastPaths paths = model.forecast(set.until(origin), 100, seed).value();
    std::vector<std::vector<double>> quantiles;
    for (const double tau : taus()) quantiles.push_back(paths.quantile(tau));
    return quantiles;
  });
}

}  // namespace tidecast
