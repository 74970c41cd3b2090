#include "tracking/rows.h"

#include <iterator>
#include <limits>

#include "tracking/numbers.h"

namespace tidecast {
namespace {

using sqlite::Statement;

constexpr RunOutcome kOutcomes[] = {RunOutcome::kRunning,        RunOutcome::kSucceeded,
                                    RunOutcome::kRejectedByGate, RunOutcome::kSkippedInsufficientData,
                                    RunOutcome::kFailed,         RunOutcome::kCancelled};

ProcessingTime processing_time(const Statement& row, int column) { return ProcessingTime::from_ms(row.int64(column)); }
EventTime event_time(const Statement& row, int column) { return EventTime::from_ms(row.int64(column)); }
int integer(const Statement& row, int column) { return static_cast<int>(row.int64(column)); }

// SQLite stores NaN as NULL.
double number(const Statement& row, int column) {
  return row.maybe_real(column).value_or(std::numeric_limits<double>::quiet_NaN());
}

Result<json::object> read_object(const Statement& row, int column) {
  json::value value = TRY(read_json(row, column));
  if (!value.is_object()) return data_loss("not a JSON object: {}", row.text(column));
  return std::move(value.as_object());
}

Result<RunOutcome> read_outcome(const Statement& row, int column) {
  const std::string name = row.text(column);
  for (const RunOutcome outcome : kOutcomes)
    if (name_of(outcome) == name) return outcome;
  return data_loss("\"{}\" is no outcome of a run", name);
}

std::string described(const Forecast& forecast) {
  return fmt::format("forecast of {} by {} {} at {}", forecast.series, forecast.stage, forecast.version,
                     to_rfc3339(forecast.origin));
}

}  // namespace

Result<json::value> read_json(const Statement& row, int column) {
  Result<json::value> value = parse_json(row.text(column));
  if (!value.ok()) return data_loss("{}", value.message());
  return value;
}

Result<Run> read_run(const Statement& row) {
  Run run;
  run.id = integer(row, 0);
  const std::string where = fmt::format("run {}", run.id);
  run.why = row.text(1);
  run.outcome = TRY(read_outcome(row, 2).in(where));
  run.reason = row.text(3);
  run.started_at = processing_time(row, 4);
  run.finished_at = processing_time(row, 5);
  run.data_from = event_time(row, 6);
  run.data_until = event_time(row, 7);
  run.observations = row.int64(8);
  run.seed = static_cast<std::uint64_t>(row.int64(9));  // SQLite's integers are signed; the bits are the same.
  run.loss = row.maybe_real(10);
  run.threshold = row.maybe_real(11);
  if (!row.is_null(12)) run.model_version = integer(row, 12);
  run.data_hash = row.text(13);
  run.artefact_hash = row.text(14);
  run.parameters = TRY(read_object(row, 15).in(where));
  run.metrics = TRY(read_object(row, 16).in(where));
  run.seconds = number(row, 17);
  return run;
}

Result<Forecast> read_forecast(const Statement& row) {  // Column 0 is the row's number.
  Forecast forecast;
  forecast.stage = row.text(1);
  forecast.version = integer(row, 2);
  forecast.series = row.text(3);
  forecast.origin = event_time(row, 4);
  forecast.made_at = processing_time(row, 5);
  auto rows = TRY(read_rows(row.text(6)).in(described(forecast)));
  if (rows.size() < 4 || rows.size() != 4 + rows[0].size())
    return data_loss("{}: {} rows of numbers", described(forecast), rows.size());
  forecast.taus = std::move(rows[0]);
  forecast.mean = std::move(rows[1]);
  forecast.naive = std::move(rows[2]);
  forecast.seasonal_naive = std::move(rows[3]);
  forecast.quantiles.assign(std::make_move_iterator(rows.begin() + 4), std::make_move_iterator(rows.end()));
  return forecast;
}

std::string blob_of(const Forecast& forecast) {
  std::string blob;
  append_row(blob, forecast.taus);
  append_row(blob, forecast.mean);
  append_row(blob, forecast.naive);
  append_row(blob, forecast.seasonal_naive);
  for (const std::vector<double>& quantile : forecast.quantiles) append_row(blob, quantile);
  return blob;
}

Status check_shape(const Forecast& forecast) {
  const std::size_t steps = forecast.mean.size();
  const auto check = [&](std::string_view part, std::size_t size) -> Status {
    if (size == steps) return ok();
    return invalid_argument("{}: {} steps of the mean but {} of {}", described(forecast), steps, size, part);
  };
  if (forecast.quantiles.size() != forecast.taus.size())
    return invalid_argument("{}: {} quantile levels but {} quantiles", described(forecast), forecast.taus.size(),
                            forecast.quantiles.size());
  for (const std::vector<double>& quantile : forecast.quantiles) TRY(check("a quantile", quantile.size()));
  TRY(check("the naive forecast", forecast.naive.size()));
  return check("the seasonal naive forecast", forecast.seasonal_naive.size());
}

Result<Score> read_score(const Statement& row) {
  Score score{.stage = row.text(0),
              .version = integer(row, 1),
              .series = row.text(2),
              .origin = event_time(row, 3),
              .landed_at = processing_time(row, 4),
              .steps = integer(row, 5),
              .quantile_losses = {}};
  const std::string where = fmt::format("score of {} by {} {}", score.series, score.stage, score.version);
  auto rows = TRY(read_rows(row.text(6)).in(where));
  if (rows.size() != 1) return data_loss("{}: {} rows of numbers", where, rows.size());
  score.quantile_losses = std::move(rows[0]);
  score.naive_loss = number(row, 7);
  score.seasonal_naive_loss = number(row, 8);
  score.absolute_truth = number(row, 9);
  score.squared_error = number(row, 10);
  score.error = number(row, 11);
  score.inside = integer(row, 12);
  return score;
}

Evaluation read_evaluation(const Statement& row) {  // Column 0 is the row's number, here and below.
  return {.stage = row.text(1),
          .version = integer(row, 2),
          .at = processing_time(row, 3),
          .forecasts = integer(row, 4),
          .loss = row.maybe_real(5),
          .threshold = number(row, 6),
          .breach = row.int64(7) != 0,
          .rmse = number(row, 8),
          .coverage = number(row, 9),
          .bias = number(row, 10),
          .naive = number(row, 11),
          .seasonal_naive = number(row, 12)};
}

AlarmChange read_alarm_change(const Statement& row) {
  return {row.text(1), row.text(2), processing_time(row, 3), row.maybe_real(4), number(row, 5), row.text(6)};
}

TimelineEvent read_timeline_event(const Statement& row) {
  return {processing_time(row, 1), row.text(2), row.text(3), row.text(4), row.int64(0)};
}

}  // namespace tidecast
