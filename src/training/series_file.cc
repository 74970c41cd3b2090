#include "training/series_file.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "storage/duck.h"
#include "training/series_lines.h"

namespace tidecast {
namespace {

using duck::quoted_text;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr std::int64_t kSparsest = 1000;  // Steps a row.

struct Row {
  std::int64_t time, number;  // ms; of the row in the file, from 1.
  double value;
};

class Reader {
 public:
  Reader(const std::filesystem::path& file, const Frequency& step) : file_(file), step_(step) {}

  Result<std::vector<NamedSeries>> read() {
    std::error_code error;
    if (!std::filesystem::exists(file_, error)) return not_found("{}: no such file", file_.string());
    session_ = TRY(duck::Session::open({.threads = 1, .memory_limit_mb = 2048}));
    TRY(open().in(file_.string()));
    TRY(take_rows().in(file_.string()));
    if (names_.empty()) return invalid_argument("{}: no rows", file_.string());
    std::vector<NamedSeries> series;
    for (const std::string& name : names_) series.push_back({name, TRY(on_grid(name, rows_[name]).in(file_.string()))});
    return series;
  }

 private:
  // Everything is read as text, so that what is wrong can be shown as it stands there.
  Status open() {
    const bool parquet = file_.extension() == ".parquet";
    source_ = parquet ? fmt::format("read_parquet({})", quoted_text(file_.string()))
                      : fmt::format("read_csv({}, header = true, all_varchar = true)", quoted_text(file_.string()));
    const auto columns = TRY(session_->query("DESCRIBE SELECT * FROM " + source_));
    if (columns.rows.size() == 1 && !parquet) TRY(check_fields(std::string(columns.rows[0][0].as_string())));
    std::string found;
    const auto has = [&](std::string_view name) {
      return std::ranges::any_of(columns.rows, [&](const auto& row) { return row[0].as_string() == name; });
    };
    for (const auto& row : columns.rows) found += (found.empty() ? "" : ", ") + std::string(row[0].as_string());
    for (const std::string_view name : {"time", "value"})
      if (!has(name))
        return invalid_argument("no column {}; found: {}; needed: time, value and, for several, series", name, found);
    named_ = has("series");
    return ok();
  }

  // Where rows have not all as many fields, DuckDB takes the whole line for one; which is it?
  Status check_fields(const std::string& header) {
    for (const std::string_view separator : {",", ";", "\t", "|"}) {
      if (header.find(separator) == header.npos) continue;
      const auto fields = [&](const std::string& line) {
        const std::string bare =
            fmt::format("regexp_replace({}, '\"[^\"]*\"', '', 'g')", line);  // Without what is quoted.
        return fmt::format("length({0}) - length(replace({0}, {1}, '')) + 1", bare, quoted_text(separator));
      };
      const auto other = TRY(session_->query(
          fmt::format("SELECT number, line, {0}, {1} FROM (SELECT row_number() OVER () AS number, {2} AS line FROM "
                      "{3}) WHERE {0} <> "
                      "{1} ORDER BY number LIMIT 1",
                      fields("line"), fields(quoted_text(header)), duck::quoted_name(header), source_)));
      for (const auto& row : other.rows)
        return invalid_argument("row {}: found {} field{}, '{}'; allowed: {}, as the header has", row[0].as_int64(),
                                row[2].as_int64(), row[2].as_int64() == 1 ? "" : "s", row[1].as_string(),
                                row[3].as_int64());
    }
    return ok();
  }

  Status take_rows() {
    const std::string name = named_ ? "series::VARCHAR" : quoted_text(file_.stem().string());
    std::int64_t number = 0;
    return session_->scan(
        fmt::format("SELECT {}, time::VARCHAR, epoch_ms(TRY_CAST(time AS TIMESTAMPTZ)), value::VARCHAR, "
                    "TRY_CAST(value AS DOUBLE) FROM {}",
                    name, source_),
        [&](const duck::Chunk& chunk) -> Status {
          for (std::size_t row = 0; row < chunk.rows(); ++row) {
            ++number;
            if (chunk.null(0, row)) return invalid_argument("row {}: no series", number);
            if (chunk.null(2, row))
              return invalid_argument("row {}: time: found {}; allowed: RFC 3339, or without a zone in UTC", number,
                                      chunk.null(1, row) ? "nothing" : fmt::format("'{}'", chunk.text(1, row)));
            double value = kNaN;
            if (!chunk.null(3, row) && !chunk.text(3, row).empty()) {
              if (chunk.null(4, row))
                return invalid_argument("row {}: value: found '{}'; allowed: a number, or nothing where it is missing",
                                        number, chunk.text(3, row));
              value = chunk.number(4, row);
              if (std::isinf(value)) return invalid_argument("row {}: value: found {}", number, value);
            }
            const std::string_view series = chunk.text(0, row);
            auto at = rows_.find(series);
            if (at == rows_.end()) {
              names_.emplace_back(series);
              at = rows_.emplace(series, std::vector<Row>()).first;
            }
            at->second.push_back({chunk.integer(2, row), number, value});
          }
          return ok();
        });
  }

  // Five minutes begin at :00, :05, ...; days, months and the like with their day.
  EventTime floor(const Row& row) const {
    const EventTime time = EventTime::from_ms(row.time);
    return step_.is_width() ? floor_to(time, *step_.width()) : step_.floor(time);
  }

  Result<TimeSeries> on_grid(const std::string& name, std::vector<Row>& rows) const {
    std::ranges::stable_sort(rows, {}, &Row::time);
    TimeSeries series{.start = floor(rows.front()), .step = step_, .values = {}};
    const auto place = [&](const Row& row) { return step_.steps_between(series.start, floor(row)); };
    const std::int64_t steps = place(rows.back()) + 1;
    if (steps > kSparsest * static_cast<std::int64_t>(rows.size()))
      return invalid_argument("series {}: {} steps of {} for {} rows; is that the series' frequency?", name, steps,
                              to_text(step_), rows.size());
    series.values.assign(static_cast<std::size_t>(steps), kNaN);
    std::vector<std::int64_t> taken(series.values.size());
    for (const Row& row : rows) {
      const auto at = static_cast<std::size_t>(place(row));
      if (taken[at] != 0)
        return invalid_argument("rows {} and {}: series {} has both in the step of {}; a step has one value", taken[at],
                                row.number, name, to_rfc3339(series.time_of(at)));
      taken[at] = row.number;
      series.values[at] = row.value;
    }
    return series;
  }

  const std::filesystem::path& file_;
  const Frequency step_;
  std::optional<duck::Session> session_;
  std::string source_;
  bool named_ = false;
  std::vector<std::string> names_;
  std::map<std::string, std::vector<Row>, std::less<>> rows_;
};

}  // namespace

Result<std::vector<NamedSeries>> read_series_file(const std::filesystem::path& file, const Frequency& step) {
  return holds_series_lines(file) ? read_series_lines(file, step) : Reader(file, step).read();
}

}  // namespace tidecast
