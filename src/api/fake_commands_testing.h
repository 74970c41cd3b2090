#pragma once
// For tests: Commands that answer with what docs/api.md shows and remember how they were called.

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "api/commands.h"

namespace tidecast {

// As record_trials() takes them.
inline json::object a_trial() {
  return *parse_json(R"({"number":2,"differs":{"num_cells":60},"hyperparameters":{"num_cells":60,"num_layers":2},
    "share":0.25,"steps":250,"best_step":225,"seconds":1.5,"held_out_loss":-0.5})")
              ->if_object();
}

class FakeCommands final : public Commands {
 public:
  Result<json::object> server() override {
    return answer("server", R"({"project":"bitcoin-fees","project_id":"0123456789abcdef0123456789abcdef","process":4711,
      "version":"0.1.0","mode":"live","started_at":"2026-05-06T12:00:00Z"})");
  }
  Result<json::object> status() override { return answer("status", kStatus); }
  Result<json::object> definition() override {
    return answer("definition", R"({"file":"tidecast.yaml","text":"project: a\n","description":"It reads \"ä\"."})");
  }
  Result<json::object> features(const FeaturesQuery& q) override {
    return answer(
        fmt::format("features '{}' from '{}' until '{}' last {} as_of '{}'", q.group, q.from, q.until, q.last, q.as_of),
        R"({"group":"tx_metrics","columns":[{"name":"count","type":"integer","unit":""},
        {"name":"avg_fee_1min","type":"number","unit":"satoshi"}],
      "rows":[{"window_start":"2026-05-06T12:00:00Z","window_end":"2026-05-06T12:01:00Z",
        "write_time":"2026-05-06T12:01:03.250Z","count":3,"avg_fee_1min":null}]})");
  }
  Result<json::object> latest(const std::string& group, const std::vector<std::string>& keys) override {
    return answer(
        fmt::format("latest '{}' {}", group, fmt::join(keys, " ")),
        R"({"group":"stations","rows":[{"window_end":"2026-05-06T12:01:00Z","station":"JC014","rides":3},null]})");
  }
  Result<json::object> erase(const Erasure& e) override {
    return answer(fmt::format("erase '{}' key '{}' from '{}' until '{}' why '{}' by '{}'", e.group,
                              e.key.value_or("all"), e.from, e.until, e.why, e.actor),
                  R"({"group":"stations","rows":17})");
  }
  Result<json::object> dead_letters(int last) override {
    return answer(fmt::format("dead letters {}", last),
                  R"({"dead":7,"left_out":4,"letters":[)" + std::string(kLetter) + "]}");
  }
  Result<json::object> dead_letter(std::int64_t number) override {
    return answer(fmt::format("dead letter {}", number), kLetter);
  }
  Result<json::object> replay_dead(const std::vector<std::int64_t>& numbers, const std::string& actor) override {
    return answer(fmt::format("replay {} by '{}'", fmt::join(numbers, " "), actor),
                  R"({"taken":{"read":2,"stored":1,"duplicate":0,"late":1,"dead":0},"still_dead":1})");
  }
  Result<json::object> late(int last) override {
    return answer(fmt::format("late {}", last),
                  R"({"late":3,"left_out":0,"records":[{"number":5,"arrival":"2026-05-06T12:01:00Z",
      "time":"2026-05-06T11:00:00Z","source":"poll","reason":"it closed","counted":false,"raw":"{}"}]})");
  }
  Result<json::object> verify(const std::string& from, const std::string& until) override {
    return answer(fmt::format("verify '{}' '{}'", from, until),
                  R"({"ok":false,"compared":3,"records":9,"groups":[{"group":"tx_metrics",
      "compared":3,"equal":2,"missing":0,"extra":0,"different":1,"erased":0,"correctable":0,"differences":["12:01: count 3, stored 2"]}]})");
  }
  Result<json::object> forecast(const ForecastQuery& q) override {
    std::string taus;
    for (const double tau : q.taus) taus += " " + shortest(tau);
    return answer(
        fmt::format("forecast '{}' as_of '{}' taus{}", q.series, q.as_of, taus),
        R"({"series":"tx_metrics.avg_fee_1min","model_version":13,"origin":"2026-05-06T12:00:00Z","taus":[0.05,0.5],
      "steps":[{"time":"2026-05-06T12:00:00Z","mean":3100.5,"q0.05":2000,"q0.5":3000.25}]})");
  }
  Result<SqlFile> join(const JoinRequest& j) override {
    const auto called = answer(fmt::format("join '{}' time '{}' groups '{}' now {} max_age '{}' as {}", j.entities,
                                           j.time_column, fmt::join(j.groups, " "), j.known_now, j.max_age, j.format),
                               "{}");
    if (!called.ok()) return called.status();
    return SqlFile{.bytes = "event_time,fees__n\n"};
  }
  Result<SqlFile> sql_file(const std::string& statement, const std::string& format) override {
    TRY(answer("sql '" + statement + "' as " + format, "{}"));
    return SqlFile{.bytes = format + " of \xff", .truncated = statement == "everything"};
  }
  Result<json::object> sql(const std::string& statement) override {
    return answer("sql '" + statement + "'", R"({"columns":[{"name":"n","type":"BIGINT"},{"name":"t","type":"VARCHAR"}],
      "rows":[[1,"a"],[null,2.5]],"truncated":false})");
  }
  Result<json::object> runs() override { return answer("runs", R"({"runs":[)" + std::string(kRun) + "]}"); }
  Result<json::object> run(int id) override { return answer(fmt::format("run {}", id), kRun); }
  Result<json::object> train(const std::string& why, const std::string& actor, int warm_start) override {
    return answer(fmt::format("train '{}' by '{}' from {}", why, actor, warm_start), kRun);
  }
  Result<json::object> training_data() override {
    return answer("training data", R"({"series":"tx_metrics.avg_fee_1min","as_of":"2026-05-06T12:00:00Z",
      "start":"2026-05-06T09:00:00Z","step_ms":60000,"season":60,"values":[3120.5,null,7],"parameters":{"num_cells":60}})");
  }
  Result<json::object> record_trials(const TrialRecords& r) override {
    return answer(fmt::format("record as_of '{}' seed {} {}", r.as_of, r.seed, to_text(r.trials)), R"({"runs":[5,6]})");
  }
  Result<json::object> parameters() override { return answer("parameters", kParameters); }
  Result<json::object> set_parameters(const json::object& values, const std::string& why,
                                      const std::string& actor) override {
    return answer(fmt::format("set {} why '{}' by '{}'", to_text(values), why, actor), kParameters);
  }
  Result<json::object> models() override {
    return answer("models", R"({"models":[{"stages":"staging",)" + std::string(kModel).substr(1) + "]}");
  }
  Result<json::object> model(int version) override { return answer(fmt::format("model {}", version), kModel); }
  Result<std::string> artefact(int version) override {
    TRY(answer(fmt::format("artefact {}", version), "{}"));
    return std::string("weights\0of it", 13);
  }
  Result<json::object> approve(const Decision& d) override { return decide("approve", d); }
  Result<json::object> reject(const Decision& d) override { return decide("reject", d); }
  Result<json::object> deploy(const Decision& d) override { return decide("deploy", d); }
  Result<json::object> target(int hours) override {
    return answer(
        fmt::format("target {}", hours),
        R"({"series":"tx_metrics.avg_fee_1min","label":"Average fee a minute","unit":"satoshi","step_ms":60000,
      "now":"2026-05-06T12:00:00Z","start":"2026-05-06T09:00:00Z","values":[3120.5,null,7],
      "gaps":[{"from":"2026-05-06T09:01:00Z","until":"2026-05-06T09:02:00Z"}],
      "said":{"steps_before":20,"values":[null,3000,3001.5]},
      "forecast":{"stage":"production","version":13,"origin":"2026-05-06T12:00:00Z","made_at":"2026-05-06T12:00:01.500Z",
        "quantiles":{"0.05":[1,2],"0.5":[2,3.5]}},
      "candidate":null})");
  }
  Result<json::object> accuracy(int hours) override {
    return answer(fmt::format("accuracy {}", hours),
                  R"({"stage":"production","now":"2026-05-06T12:00:00Z","every_ms":3600000,"threshold":0.127,
      "evaluations":[{"at":"2026-05-06T11:00:00Z","version":13,"forecasts":60,"loss":0.132,"low":null,"up":0.15,
        "threshold":0.127,"breach":true,"coverage":0.9,"bias":-12.0,"naive":0.2,"seasonal_naive":null}],"staging":[],
      "alarms":[{"from":"2026-05-06T11:00:00Z","until":null}],
      "retrains":[{"at":"2026-05-06T11:00:00Z","run":47,"why":"alarm loss_production","outcome":"succeeded"}],
      "deployments":[{"at":"2026-05-06T11:00:00Z","version":14}]})");
  }
  Result<json::object> timeline(int last, std::int64_t before) override {
    return answer(
        fmt::format("timeline {} before {}", last, before),
        R"({"items":[{"number":17,"at":"2026-05-06T12:00:00Z","kind":"run","subject":"run 2","text":"It ended.",
      "state":"ok"}],"more":true})");
  }

  // What all calls answer from now on.
  void fail_with(std::optional<Status> error) {
    const std::lock_guard lock(mutex_);
    error_ = std::move(error);
  }
  // Of the last call: "run 2".
  std::string last_call() const {
    const std::lock_guard lock(mutex_);
    return call_;
  }

 private:
  Result<json::object> answer(std::string call, std::string_view text) {
    const std::lock_guard lock(mutex_);
    call_ = std::move(call);
    if (error_) return *error_;
    return parse_json(text)->as_object();
  }
  Result<json::object> decide(std::string_view what, const Decision& d) {
    return answer(fmt::format("{} {} for '{}' why '{}' by '{}'", what, d.version, d.stage, d.why, d.actor),
                  R"({"version":14,"approval":"Approved","stages":"staging"})");
  }

  static constexpr std::string_view kLetter =
      R"({"number":3,"arrival":"2026-05-06T12:00:00Z","source":"poll","position":"http_poll:7, record 1 of 2",
      "reason":"/fee: missing","raw":"{}","replayed_as":null})";
  static constexpr std::string_view kRun =
      R"({"id":2,"why":"initial","outcome":"running","reason":"","started_at":"2026-05-06T12:00:00Z",
      "data_from":"2026-05-05T12:00:00Z","data_until":"2026-05-06T12:00:00Z","observations":1440,"seed":7,"loss":null,
      "threshold":0.127,"model_version":null,"data_hash":"","artefact_hash":"","parameters":{"epochs":30},
      "metrics":{"gate":{"passed":true}},"seconds":0})";
  static constexpr std::string_view kParameters =
      R"({"values":{"num_cells":60},"hyperparameters":{"num_cells":60,"num_layers":2},"history":[{"number":9,
      "at":"2026-05-06T12:00:00Z","actor":"cli:anna","why":"tuned","values":{"num_cells":60}}]})";
  static constexpr std::string_view kModel =
      R"({"version":14,"run":"2","created_at":"2026-05-06T12:00:00Z","approval":"PendingManualApproval",
      "data_end":"2026-05-06T12:00:00Z","loss":0.096,"artefact_hash":"ab","metrics":{}})";
  static constexpr std::string_view kStatus =
      R"({"project":"bitcoin-fees","mode":"live","now":"2026-05-06T12:00:00Z","clock":"system","progress":null,
      "answer":{"state":"breach","sentence":"Serving, but it missed its threshold for 5 hours.","emphasis":"5 hours",
        "tone":"warn","detail":"Ingestion is healthy."},
      "stages":[{"id":"source","name":"Source","state":"ok","value":"3.8 events/s","note":"polled",
        "note_at":"2026-05-06T11:59:54Z"}],
      "needs_you":[{"kind":"approval","title":"Approve or reject model 14","text":"Waiting.","since":null,"version":14,
        "stage":"staging","can_approve":true,"can_reject":true,"commands":["tidecast approve 14"],
        "consequences":"It is deployed to staging at once."}],
      "next":[{"at":null,"what":"Evaluation.","why":"Hourly."}],
      "events":{"read":5,"stored":2,"duplicate":1,"late":1,"dead":1},"balance":"ok","windows":{"tx_metrics":7},
      "open_windows":1,"watermark":null,"gaps":0,"staging":2,"production":null,"previous":null,"candidate":2,
      "alarm":"NO_DATA","alarm_since":null,"loss":0.1,"threshold":null,"naive":null,"evaluated_at":null,"retrain":"idle",
      "runs":1,"active_run":null,
      "source":{"name":"blockchain","kind":"http_poll","state":"retrying","text":"HTTP 429, Retry-After 6 min 30 s",
        "since":null,"last_reply_at":null,"last_new_at":null,"next_poll_at":null,"interval_ms":5000,"replies":1,
        "failures":1,"gaps":0,"events_per_s":3.8},
      "sources":[{"name":"blockchain","state":"retrying","text":"","newest":null,"idle":false}],
      "groups":[{"group":"tx_metrics","watermark":null,"newest_row":"2026-05-06T11:59:00Z","open_windows":1,
        "open":"It waits."}],
      "system":{"memory_bytes":1,"data_bytes":2,"uptime_s":3,"version":"0.1.0","address":"127.0.0.1:8080"}})";

  mutable std::mutex mutex_;
  std::string call_;
  std::optional<Status> error_;
};

}  // namespace tidecast
