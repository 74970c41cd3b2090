#include "training/series_lines.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "net/gzip.h"
#include "storage/file.h"

namespace tidecast {
namespace {

constexpr std::size_t kUnpackedMax = std::size_t{4} << 30;  // Bytes.
constexpr std::string_view kStartAllowed = "a text like 2026-05-06 00:00:00";

json::array numbers(std::span<const double> values) {
  json::array list;
  list.reserve(values.size());
  for (const double value : values) list.push_back(std::isnan(value) ? json::value(nullptr) : json::value(value));
  return list;
}

std::string shown(const json::value& value) {
  constexpr std::size_t kLongest = 40;
  const std::string text = to_text(value);
  return text.size() > kLongest ? text.substr(0, kLongest) + "..." : text;
}

Result<double> number(const json::value& value, bool may_miss) {
  if (may_miss && (value.is_null() || value == "NaN")) return std::numeric_limits<double>::quiet_NaN();
  boost::system::error_code error;
  const auto found = value.is_number() ? value.to_number<double>(error) : std::nan("");
  if (!value.is_number() || error || !std::isfinite(found))
    return invalid_argument("found {}; allowed: a number{}", shown(value), may_miss ? ", null or \"NaN\"" : "");
  return found;
}

Result<std::vector<double>> read_numbers(const json::value& value, bool may_miss) {
  if (!value.is_array()) return invalid_argument("found {}; allowed: an array of numbers", shown(value));
  std::vector<double> values;
  values.reserve(value.get_array().size());
  for (const json::value& item : value.get_array())
    values.push_back(TRY(number(item, may_miss).in(fmt::format("[{}]", values.size()))));
  return values;
}

Result<EventTime> read_start(const json::object& record, const Frequency& step) {
  const json::value* start = record.if_contains("start");
  if (start == nullptr) return invalid_argument("missing; needed: {}", kStartAllowed);
  if (!start->is_string()) return invalid_argument("found {}; allowed: {}", shown(*start), kStartAllowed);
  std::string text(start->get_string());
  Result<std::int64_t> ms = parse_rfc3339(text);
  if (!ms.ok()) ms = parse_rfc3339(text + "Z");
  if (!ms.ok()) return invalid_argument("found '{}'; allowed: {}", text, kStartAllowed);
  const EventTime time = EventTime::from_ms(*ms);
  return step.is_width() ? time : step.floor(time);
}

Status read_categories(const json::object& record, TimeSeries& series) {
  const json::value* cat = record.if_contains("cat");
  if (cat == nullptr) return ok();
  json::array one;  // Older documents have a bare number.
  if (cat->is_int64()) one.push_back(*cat);
  if (!cat->is_array() && one.empty()) return invalid_argument("found {}; allowed: an array of codes", shown(*cat));
  for (const json::value& code : one.empty() ? cat->get_array() : one) {
    if (!code.is_int64() || code.get_int64() < 0 || code.get_int64() > std::numeric_limits<int>::max())
      return invalid_argument("found {}; allowed: whole numbers from 0 on", shown(code));
    series.categories.push_back(static_cast<int>(code.get_int64()));
  }
  return ok();
}

Status read_dynamic(const json::object& record, TimeSeries& series) {
  const json::value* features = record.if_contains("dynamic_feat");
  if (features == nullptr) return ok();
  if (!features->is_array()) return invalid_argument("found {}; allowed: an array of arrays", shown(*features));
  for (const json::value& feature : features->get_array()) {
    const std::string at = fmt::format("[{}]", series.dynamic.size());
    std::vector<double> values = TRY(read_numbers(feature, /*may_miss=*/false).in(at));
    if (values.size() < series.values.size())
      return invalid_argument("{}: found {} values; allowed: from the {} of target on", at, values.size(),
                              series.values.size());
    series.dynamic.push_back(std::move(values));
  }
  return ok();
}

// The first `count` values.
TimeSeries cut(const TimeSeries& series, std::size_t count) {
  TimeSeries part = series;
  part.values.resize(count);
  for (auto& feature : part.dynamic) feature.resize(std::min(feature.size(), count));
  return part;
}

Status write_channel(const std::string& lines, const std::filesystem::path& folder) {
  TRY(make_folders(folder));
  return write_file_atomically(folder / "series.json.gz", gzip(lines));
}

}  // namespace

json::object series_record(const TimeSeries& series) {
  std::string start = to_rfc3339(series.start);
  start[10] = ' ';
  start.pop_back();  // The zone.
  json::object record{{"start", start}, {"target", numbers(series.values)}};
  if (!series.categories.empty()) record["cat"] = json::array(series.categories.begin(), series.categories.end());
  json::array features;
  for (const auto& feature : series.dynamic) features.push_back(numbers(feature));
  if (!features.empty()) record["dynamic_feat"] = std::move(features);
  return record;
}

std::string series_line(const TimeSeries& series) { return to_text(series_record(series)) + "\n"; }

Result<NamedSeries> read_series_line(std::string_view line, std::string name, const Frequency& step) {
  const json::value parsed = TRY(parse_json(line));
  if (!parsed.is_object()) return invalid_argument("found {}; allowed: an object", shown(parsed));
  const json::object& record = parsed.get_object();
  if (const json::value* id = record.if_contains("item_id"); id != nullptr && id->is_string()) name = id->get_string();
  NamedSeries named{std::move(name), {.start = TRY(read_start(record, step).in("start")), .step = step, .values = {}}};
  const json::value* target = record.if_contains("target");
  if (target == nullptr) return invalid_argument("target: missing");
  named.series.values = TRY(read_numbers(*target, /*may_miss=*/true).in("target"));
  TRY(read_categories(record, named.series).in("cat"));
  TRY(read_dynamic(record, named.series).in("dynamic_feat"));
  return named;
}

bool holds_series_lines(const std::filesystem::path& file) {
  const auto extension = file.extension() == ".gz" ? file.stem().extension() : file.extension();
  return extension == ".json" || extension == ".jsonl";
}

Result<std::vector<NamedSeries>> read_series_lines(const std::filesystem::path& file, const Frequency& step) {
  std::string text = TRY(read_file(file));
  if (file.extension() == ".gz") {
    auto unpacked = gunzip(text, kUnpackedMax);
    if (!unpacked.ok()) return invalid_argument("{}: {}", file.string(), unpacked.message());
    text = std::move(unpacked).value();
  }
  std::vector<NamedSeries> all;
  std::set<std::string> names;
  std::size_t number = 0;
  for (std::string_view rest = text; !rest.empty();) {
    ++number;
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const std::string where = fmt::format("{}: line {}", file.string(), number);
    all.push_back(TRY(read_series_line(line, std::to_string(number), step).in(where)));
    if (!names.insert(all.back().name).second)
      return invalid_argument("{}: a second series '{}'; each needs an item_id of its own, or none", where,
                              all.back().name);
  }
  if (all.empty()) return invalid_argument("{}: no series", file.string());
  return all;
}

Status export_channels(std::span<const TimeSeries> series, int windows, int horizon,
                       const std::filesystem::path& folder) {
  CHECK(windows >= 1 && horizon >= 1);
  const auto h = static_cast<std::size_t>(horizon), held = h * static_cast<std::size_t>(windows);
  std::string train, test;
  std::size_t longest = 0;
  for (const TimeSeries& each : series) {
    longest = std::max(longest, each.values.size());
    if (each.values.size() <= held) continue;
    const std::size_t first = each.values.size() - held;
    train += series_line(cut(each, first));
    for (std::size_t end = first + h; end <= each.values.size(); end += h) test += series_line(cut(each, end));
  }
  if (train.empty())
    return failed_precondition("{} windows of {} steps leave nothing to train on: the longest series has {} values",
                               windows, horizon, longest);
  TRY(write_channel(train, folder / "train"));
  return write_channel(test, folder / "test");
}

}  // namespace tidecast
