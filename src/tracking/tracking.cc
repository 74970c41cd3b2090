#include "tracking/tracking.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "storage/file.h"
#include "tracking/file.h"
#include "tracking/numbers.h"
#include "tracking/rows.h"

namespace tidecast {

std::string_view name_of(RunOutcome outcome) {
  switch (outcome) {
    case RunOutcome::kRunning: return "running";
    case RunOutcome::kSucceeded: return "succeeded";
    case RunOutcome::kRejectedByGate: return "rejected_by_gate";
    case RunOutcome::kSkippedInsufficientData: return "skipped_insufficient_data";
    case RunOutcome::kFailed: return "failed";
    case RunOutcome::kCancelled: return "cancelled";
  }
  return "?";
}

namespace {

using sqlite::Statement;

class SqliteTracking final : public Tracking {
 public:
  explicit SqliteTracking(TrackingFile file) : file_(std::move(file)) {}

  Status begin() override {
    const std::lock_guard lock(mutex_);
    return file_.begin();
  }

  Status end(Status outcome) override {
    const std::lock_guard lock(mutex_);
    Status status = file_.end(std::move(outcome));
    if (!status.ok()) static_cast<void>(count_forecasts());  // The first error is the one that tells.
    return status;
  }

  Result<int> add_run(const Run& run) override {
    int id = 0;
    TRY(change([&]() -> Status {
      TRY(store(std::nullopt, run));
      id = static_cast<int>(file_.last_insert_id());
      return ok();
    }));
    return id;
  }

  Status update_run(const Run& run) override {
    return change([&]() -> Status {
      const RunOutcome outcome = TRY(find_run(run.id)).outcome;
      if (outcome == RunOutcome::kRunning) return store(run.id, run);
      return failed_precondition("run {} has ended ({}) and is not changed any more", run.id, name_of(outcome));
    });
  }

  Result<Run> run(int id) const override {
    const std::lock_guard lock(mutex_);
    return find_run(id);
  }

  Result<std::vector<Run>> runs() const override { return all<Run>("SELECT * FROM run ORDER BY id", read_run); }

  Status put(const Forecast& forecast) override {
    return change([&]() -> Status {
      TRY(check_shape(forecast));
      TRY(file_.run("INSERT INTO forecast VALUES (NULL, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", forecast.stage,
                    forecast.version, forecast.series, forecast.origin, forecast.made_at, Bytes{blob_of(forecast)}));
      if (file_.changes() == 0) return ok();
      const std::int64_t id = file_.last_insert_id();
      TRY(
          file_.run("INSERT INTO unscored SELECT ? WHERE NOT EXISTS "
                    "(SELECT 1 FROM score WHERE stage = ? AND version = ? AND origin = ? AND series = ?)",
                    id, forecast.stage, forecast.version, forecast.origin, forecast.series));
      ++made_[forecast.stage];
      return ok();
    });
  }

  Result<std::vector<Forecast>> unscored_forecasts() const override {
    // CROSS JOIN: from the few that wait to their forecasts, never through all forecasts.
    return all<Forecast>(
        "SELECT forecast.* FROM unscored CROSS JOIN forecast ON id = unscored.forecast "
        "ORDER BY origin, id",
        read_forecast);
  }

  Result<std::vector<Forecast>> forecasts(const std::string& stage, std::size_t newest) const override {
    return all<Forecast>(
        "SELECT * FROM (SELECT * FROM forecast WHERE stage = ? "
        "ORDER BY origin DESC, id DESC LIMIT ?) ORDER BY origin, id",
        read_forecast, stage, static_cast<std::int64_t>(std::min<std::size_t>(newest, INT64_MAX)));
  }

  Result<std::optional<EventTime>> last_origin(const std::string& stage, int version) const override {
    const std::lock_guard lock(mutex_);
    std::optional<EventTime> last;
    TRY(file_.each(
        "SELECT max(origin) FROM forecast WHERE stage = ? AND version = ?",
        [&](const Statement& row) {
          if (!row.is_null(0)) last = EventTime::from_ms(row.int64(0));
          return ok();
        },
        stage, version));
    return last;
  }

  Status put(const Score& score) override {
    return change([&]() -> Status {
      std::string losses;
      append_row(losses, score.quantile_losses);
      TRY(file_.run("INSERT INTO score VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                    score.stage, score.version, score.series, score.origin, score.landed_at, score.steps, Bytes{losses},
                    score.naive_loss, score.seasonal_naive_loss, score.absolute_truth, score.squared_error, score.error,
                    score.inside));
      return file_.run(
          "DELETE FROM unscored WHERE forecast = "
          "(SELECT id FROM forecast WHERE stage = ? AND version = ? AND origin = ? AND series = ?)",
          score.stage, score.version, score.origin, score.series);
    });
  }

  Result<std::vector<Score>> scores(const std::string& stage, int version, ProcessingTime after,
                                    ProcessingTime until) const override {
    // INDEXED BY: an hour of them is sorted rather than that the whole history is walked in its order.
    return all<Score>(
        "SELECT * FROM score INDEXED BY score_landed WHERE stage = ? AND version = ? AND landed_at > ? "
        "AND landed_at <= ? ORDER BY origin, series",
        read_score, stage, version, after, until);
  }

  Result<std::vector<Score>> all_scores() const override {
    return all<Score>("SELECT * FROM score ORDER BY origin, stage, version, series", read_score);
  }

  std::uint64_t forecasts_made(const std::string& stage) const override {
    const std::lock_guard lock(mutex_);
    const auto found = made_.find(stage);
    return found == made_.end() ? 0 : found->second;
  }

  Status put(const Evaluation& e) override {
    return change([&] {
      return file_.run("INSERT INTO evaluation VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", e.stage, e.version,
                       e.at, e.forecasts, e.loss, e.threshold, e.breach, e.rmse, e.coverage, e.bias, e.naive,
                       e.seasonal_naive);
    });
  }

  Result<std::vector<Evaluation>> evaluations(const std::string& stage, ProcessingTime after) const override {
    return all<Evaluation>("SELECT * FROM evaluation WHERE stage = ? AND at > ? ORDER BY at, id", read_evaluation,
                           stage, after);
  }

  Status put(const AlarmChange& c) override {
    return change([&] {
      return file_.run("INSERT INTO alarm_change VALUES (NULL, ?, ?, ?, ?, ?, ?)", c.name, c.state, c.at, c.loss,
                       c.threshold, c.why);
    });
  }

  Result<std::vector<AlarmChange>> alarm_changes() const override {
    return all<AlarmChange>("SELECT * FROM alarm_change ORDER BY at, id", read_alarm_change);
  }

  Result<std::int64_t> put(const TimelineEvent& event) override {
    std::int64_t number = 0;
    TRY(change([&]() -> Status {
      TRY(file_.run("INSERT INTO timeline VALUES (NULL, ?, ?, ?, ?)", event.at, event.kind, event.subject, event.text));
      number = file_.last_insert_id();
      return ok();
    }));
    return number;
  }

  Result<std::vector<TimelineEvent>> recent(std::size_t newest, std::int64_t before) const override {
    return all<TimelineEvent>("SELECT * FROM timeline WHERE id < ? ORDER BY id DESC LIMIT ?", read_timeline_event,
                              before, static_cast<std::int64_t>(std::min<std::size_t>(newest, 1'000'000)));
  }

  Result<std::vector<TimelineEvent>> timeline() const override {
    return all<TimelineEvent>("SELECT * FROM timeline ORDER BY at, id", read_timeline_event);
  }

  Status set_state(const std::string& key, const json::value& value) override {
    return change([&] { return file_.run("INSERT OR REPLACE INTO state VALUES (?, ?)", key, to_text(value)); });
  }

  Result<std::optional<json::value>> state(const std::string& key) const override {
    const std::lock_guard lock(mutex_);
    std::optional<json::value> value;
    TRY(file_.each(
        "SELECT value FROM state WHERE key = ?",
        [&](const Statement& row) -> Status {
          value = TRY(read_json(row, 0).in(fmt::format("state {}", key)));
          return ok();
        },
        key));
    return value;
  }

  Status count_forecasts() {
    made_.clear();
    return file_.each("SELECT stage, count(*) FROM forecast GROUP BY stage", [&](const Statement& row) {
      made_[row.text(0)] = static_cast<std::uint64_t>(row.int64(1));
      return ok();
    });
  }

 private:
  template <typename Body>
  Status change(Body&& body) {
    const std::lock_guard lock(mutex_);
    Status status = file_.change(body);
    // What the failed change may have counted is counted anew, here or, inside a transaction, at its end.
    if (!status.ok() && !file_.in_transaction()) static_cast<void>(count_forecasts());
    return status;
  }

  template <typename Row, typename Read, typename... Values>
  Result<std::vector<Row>> all(std::string_view sql, Read read, const Values&... values) const {
    const std::lock_guard lock(mutex_);
    std::vector<Row> rows;
    TRY(file_.each(
        sql,
        [&](const Statement& row) -> Status {
          rows.push_back(TRY(Result<Row>(read(row))));
          return ok();
        },
        values...));
    return rows;
  }

  Status store(std::optional<int> id, const Run& run) {
    return file_.run("INSERT OR REPLACE INTO run VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", id,
                     run.why, name_of(run.outcome), run.reason, run.started_at, run.finished_at, run.data_from,
                     run.data_until, run.observations, run.seed, run.loss, run.threshold, run.model_version,
                     run.data_hash, run.artefact_hash, to_text(run.parameters), to_text(run.metrics), run.seconds);
  }

  Result<Run> find_run(int id) const {
    std::optional<Run> found;
    TRY(file_.each(
        "SELECT * FROM run WHERE id = ?",
        [&](const Statement& row) -> Status {
          found = TRY(read_run(row));
          return ok();
        },
        id));
    if (!found) return not_found("there is no run {}", id);
    return std::move(*found);
  }

  mutable std::mutex mutex_;
  mutable TrackingFile file_;                  // Reading uses its prepared statements.
  std::map<std::string, std::uint64_t> made_;  // Forecasts by stage.
};

}  // namespace

Result<std::unique_ptr<Tracking>> Tracking::open(const std::filesystem::path& directory) {
  TRY(make_folders(directory));
  auto tracking = std::make_unique<SqliteTracking>(TRY(TrackingFile::open(directory / "tracking.db")));
  TRY(tracking->count_forecasts());
  return std::unique_ptr<Tracking>(std::move(tracking));
}

}  // namespace tidecast
