#include "registry/registry.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <mutex>

#include "base/hash.h"
#include "registry/chain.h"
#include "registry/file.h"
#include "registry/history.h"
#include "storage/file.h"

namespace tidecast {

std::string_view name_of(Approval approval) {
  switch (approval) {
    case Approval::kPendingManualApproval: return "PendingManualApproval";
    case Approval::kApproved: return "Approved";
    case Approval::kRejected: return "Rejected";
  }
  return "?";
}

double updated_threshold(double threshold, double update_rate, double loss, double loss_point_90) {
  if (!(loss < threshold)) return threshold;
  const double lowered = std::max(threshold - update_rate * (threshold - loss), loss_point_90);
  return std::min(lowered, threshold);  // The 90 % point may lie above; then the threshold stays.
}

namespace {

using sqlite::Statement;

Result<json::object> read_object(const Statement& row, int column, std::string_view where) {
  Result<json::value> value = parse_json(row.text(column));
  if (!value.ok()) return data_loss("{}: {}", where, value.message());
  if (!value->is_object()) return data_loss("{}: not a JSON object: {}", where, row.text(column));
  return std::move(value->as_object());
}

Result<Approval> read_approval(const Statement& row, int column) {
  const std::string name = row.text(column);
  for (const Approval approval : {Approval::kPendingManualApproval, Approval::kApproved, Approval::kRejected})
    if (name_of(approval) == name) return approval;
  return data_loss("\"{}\" is no approval", name);
}

Result<ModelVersion> read_model(const Statement& row) {
  ModelVersion model;
  model.version = static_cast<int>(row.int64(0));
  model.run = row.text(1);
  model.created_at = ProcessingTime::from_ms(row.int64(2));
  model.data_end = EventTime::from_ms(row.int64(3));
  model.artefact_hash = row.text(4);
  model.loss = row.real(5);
  model.loss_point_90 = row.real(6);
  model.approval = TRY(read_approval(row, 7).in(fmt::format("model {}", model.version)));
  model.metrics = TRY(read_object(row, 8, fmt::format("model {}: metrics", model.version)));
  return model;
}

Result<LogRow> read_log_row(const Statement& row) {
  LogRow read;
  Transition& t = read.transition;
  t.number = row.int64(0);
  t.at = ProcessingTime::from_ms(row.int64(1));
  t.actor = row.text(2);
  t.what = row.text(3);
  t.version = static_cast<int>(row.int64(4));
  t.stage = row.text(5);
  t.why = row.text(6);
  read.details = row.text(7);
  t.details = TRY(read_object(row, 7, fmt::format("log row {}: details", t.number)));
  t.hash = row.text(8);
  return read;
}

class SqliteRegistry final : public Registry {
 public:
  SqliteRegistry(RegistryFile file, std::filesystem::path models)
      : file_(std::move(file)), models_(std::move(models)) {}

  Result<int> add(ModelVersion model, std::string_view artefact, const std::string& actor) override {
    const std::lock_guard lock(mutex_);
    const std::string hash = sha256_hex(artefact);
    if (!model.artefact_hash.empty() && model.artefact_hash != hash)
      return invalid_argument("the artefact's hash is {}, not {} as stated", hash, model.artefact_hash);
    if (!std::isfinite(model.loss) || !std::isfinite(model.loss_point_90))
      return invalid_argument("loss {}, its 90 % point {}; allowed are finite numbers", model.loss,
                              model.loss_point_90);
    model.artefact_hash = hash;
    model.approval = Approval::kPendingManualApproval;
    // As they will be read, so that their hash in the log is that of what is kept.
    model.metrics = std::move(TRY(parse_json(to_text(model.metrics)).in("metrics")).as_object());
    TRY(file_.change([&]() -> Status {
      TRY(file_.each("SELECT coalesce(max(version), 0) + 1 FROM model", [&](const Statement& row) {
        model.version = static_cast<int>(row.int64(0));
        return ok();
      }));
      // Over one that a crash left here without its row, if any.
      TRY(write_file_atomically(path_of(model.version), artefact));
      TRY(file_.run("INSERT INTO model VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", model.version, model.run, model.created_at,
                    model.data_end, model.artefact_hash, model.loss, model.loss_point_90, name_of(model.approval),
                    to_text(model.metrics)));
      return append({.at = model.created_at,
                     .actor = actor,
                     .what = "register",
                     .version = model.version,
                     .stage = "",
                     .why = model.run,
                     .details = registered_facts(model),
                     .hash = ""});
    }));
    return model.version;
  }

  Result<ModelVersion> get(int version) const override {
    const std::lock_guard lock(mutex_);
    return find(version);
  }

  Result<std::vector<ModelVersion>> list() const override {
    const std::lock_guard lock(mutex_);
    return models("DESC");
  }

  Result<std::string> artefact(int version) const override {
    const std::lock_guard lock(mutex_);
    const ModelVersion model = TRY(find(version));
    Result<std::string> content = read_file(path_of(version));
    if (content.code() == Code::kNotFound)
      return data_loss("model {}: its artefact is gone: {}", version, content.message());
    if (!content.ok()) return content;
    if (const std::string found = sha256_hex(*content); found != model.artefact_hash)
      return data_loss("model {}: {}: its hash is {}, recorded is {}", version, path_of(version).string(), found,
                       model.artefact_hash);
    return content;
  }

  Status approve(int version, ProcessingTime at, const std::string& actor, const std::string& why) override {
    return decide(version, Approval::kApproved, "approve", at, actor, why);
  }
  Status reject(int version, ProcessingTime at, const std::string& actor, const std::string& why) override {
    return decide(version, Approval::kRejected, "reject", at, actor, why);
  }

  Status place(const std::string& stage, int version, ProcessingTime at, const std::string& actor,
               const std::string& why, std::optional<double> threshold) override {
    const std::lock_guard lock(mutex_);
    if (stage.empty()) return invalid_argument("a stage has a name");
    return file_.change([&]() -> Status {
      const ModelVersion model = TRY(find(version));
      if (model.approval != Approval::kApproved)
        return failed_precondition("model {} is {}; only an Approved one is placed", version, name_of(model.approval));
      const Placement now = TRY(placement(stage));
      if (now.version == version) return ok();
      const bool back = now.previous == version && version < now.version;
      TRY(file_.run("INSERT OR REPLACE INTO placement VALUES (?, ?, ?)", stage, version, now.version));
      TRY(append({.at = at,
                  .actor = actor,
                  .what = back ? "rollback" : "deploy",
                  .version = version,
                  .stage = stage,
                  .why = why,
                  .details = {{"from", json_of(now.version)}},
                  .hash = ""}));
      if (!threshold) return ok();
      return move_threshold(*threshold, version, at, actor, fmt::format("model {} in {}", version, stage));
    });
  }

  Result<std::optional<int>> placed(const std::string& stage) const override {
    const std::lock_guard lock(mutex_);
    return TRY(placement(stage)).version;
  }
  Result<std::optional<int>> previous(const std::string& stage) const override {
    const std::lock_guard lock(mutex_);
    return TRY(placement(stage)).previous;
  }

  Result<double> threshold() const override {
    const std::lock_guard lock(mutex_);
    const std::optional<double> value = TRY(find_threshold());
    if (!value) return not_found("no threshold has been set yet");
    return *value;
  }

  Status set_threshold_if_absent(double value, ProcessingTime at) override {
    const std::lock_guard lock(mutex_);
    return file_.change([&]() -> Status {
      if (TRY(find_threshold())) return ok();
      return move_threshold(value, 0, at, "scheduler", "initial value of the definition");
    });
  }

  Status set_threshold(double value, ProcessingTime at, const std::string& actor, const std::string& why) override {
    const std::lock_guard lock(mutex_);
    return file_.change([&] { return move_threshold(value, 0, at, actor, why); });
  }

  Result<json::object> parameters(ProcessingTime at) const override {
    const std::lock_guard lock(mutex_);
    return find_parameters(at);
  }

  Status set_parameters(const json::object& values, ProcessingTime at, const std::string& actor,
                        const std::string& why) override {
    const std::lock_guard lock(mutex_);
    return file_.change([&]() -> Status {
      json::object now = TRY(find_parameters(ProcessingTime::max()));
      if (now == values) return ok();
      return append({.at = at,
                     .actor = actor,
                     .what = "parameters",
                     .version = 0,
                     .stage = "",
                     .why = why,
                     .details = {{"from", std::move(now)}, {"to", values}},
                     .hash = ""});
    });
  }

  Result<std::vector<Transition>> log() const override {
    const std::lock_guard lock(mutex_);
    std::vector<Transition> transitions;
    TRY(each_log_row([&](LogRow row) {
      transitions.push_back(std::move(row.transition));
      return ok();
    }));
    return transitions;
  }

  Status verify_log() const override {
    const std::lock_guard lock(mutex_);
    History history;
    TRY(each_log_row([&](LogRow row) { return history.take(row); }));
    const Head end = TRY(head());
    TRY(history.check_end(end.number, end.hash));
    TRY(history.check_models(TRY(models("ASC"))));
    TRY(history.check_placements(TRY(placements())));
    return history.check_threshold(TRY(find_threshold()));
  }

 private:
  struct Head {  // The log's last row.
    std::int64_t number = 0;
    std::string hash;
  };

  template <typename Number>
  static json::value json_of(std::optional<Number> number) {
    return number ? json::value(*number) : json::value(nullptr);
  }

  std::filesystem::path path_of(int version) const { return models_ / fmt::format("{}.safetensors", version); }

  Result<Head> head() const {
    Head head;
    TRY(file_.each("SELECT number, hash FROM head", [&](const Statement& row) {
      head = {row.int64(0), row.text(1)};
      return ok();
    }));
    return head;
  }

  // Within change(); `number` and `hash` are given here.
  Status append(Transition row) {
    const Head last = TRY(head());
    row.number = last.number + 1;
    const std::string details = to_text(row.details);
    row.hash = chained_hash(last.hash, row, details);
    TRY(file_.run("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row.number, row.at, row.actor, row.what,
                  row.version, row.stage, row.why, details, row.hash));
    return file_.run("UPDATE head SET number = ?, hash = ?", row.number, row.hash);
  }

  Status each_log_row(const std::function<Status(LogRow)>& visit) const {
    return file_.each("SELECT * FROM log ORDER BY number",
                      [&](const Statement& row) -> Status { return visit(TRY(read_log_row(row))); });
  }

  Status decide(int version, Approval decision, const char* what, ProcessingTime at, const std::string& actor,
                const std::string& why) {
    const std::lock_guard lock(mutex_);
    return file_.change([&]() -> Status {
      const Approval now = TRY(find(version)).approval;
      if (now == decision) return ok();
      if (now == Approval::kApproved && TRY(placement("production")).version == version)
        return failed_precondition("model {} stands in production; deploy another one there first", version);
      if (now == Approval::kRejected)
        return failed_precondition("model {} is {} already; that is not changed any more", version, name_of(now));
      TRY(file_.run("UPDATE model SET approval = ? WHERE version = ?", name_of(decision), version));
      return append({.at = at,
                     .actor = actor,
                     .what = what,
                     .version = version,
                     .stage = "",
                     .why = why,
                     .details = {},
                     .hash = ""});
    });
  }

  // For `version`'s sake; 0: for none's.
  Status move_threshold(double value, int version, ProcessingTime at, const std::string& actor,
                        const std::string& why) {
    if (!std::isfinite(value) || value < 0)
      return invalid_argument("threshold {}; allowed are numbers from 0 on", value);
    const std::optional<double> now = TRY(find_threshold());
    if (now == value) return ok();
    TRY(file_.run("INSERT OR REPLACE INTO threshold VALUES (1, ?)", value));
    return append({.at = at,
                   .actor = actor,
                   .what = "threshold",
                   .version = version,
                   .stage = "",
                   .why = why,
                   .details = {{"from", json_of(now)}, {"to", value}},
                   .hash = ""});
  }

  Result<ModelVersion> find(int version) const {
    std::optional<ModelVersion> found;
    TRY(file_.each(
        "SELECT * FROM model WHERE version = ?",
        [&](const Statement& row) -> Status {
          found = TRY(read_model(row));
          return ok();
        },
        version));
    if (!found) return not_found("there is no model {}", version);
    return std::move(*found);
  }

  Result<std::vector<ModelVersion>> models(std::string_view order) const {
    std::vector<ModelVersion> models;
    TRY(file_.each(fmt::format("SELECT * FROM model ORDER BY version {}", order), [&](const Statement& row) -> Status {
      models.push_back(TRY(read_model(row)));
      return ok();
    }));
    return models;
  }

  Result<std::map<std::string, Placement>> placements() const {
    std::map<std::string, Placement> placements;
    TRY(file_.each("SELECT stage, version, previous FROM placement", [&](const Statement& row) {
      Placement& placement = placements[row.text(0)];
      placement.version = static_cast<int>(row.int64(1));
      if (!row.is_null(2)) placement.previous = static_cast<int>(row.int64(2));
      return ok();
    }));
    return placements;
  }
  Result<Placement> placement(const std::string& stage) const { return TRY(placements())[stage]; }

  Result<std::optional<double>> find_threshold() const {
    std::optional<double> value;
    TRY(file_.each("SELECT value FROM threshold", [&](const Statement& row) {
      value = row.real(0);
      return ok();
    }));
    return value;
  }

  // The log alone keeps them.
  Result<json::object> find_parameters(ProcessingTime at) const {
    json::object values;
    TRY(file_.each(
        "SELECT number, details FROM log WHERE what = 'parameters' AND at <= ? ORDER BY number DESC LIMIT 1",
        [&](const Statement& row) -> Status {
          const std::string where = fmt::format("log row {}", row.int64(0));
          values = TRY(new_parameters(TRY(read_object(row, 1, where + ": details"))).in(where));
          return ok();
        },
        at));
    return values;
  }

  mutable std::mutex mutex_;
  mutable RegistryFile file_;  // A statement belongs to its database also where it only reads.
  std::filesystem::path models_;
};

}  // namespace

Result<std::unique_ptr<Registry>> Registry::open(const std::filesystem::path& directory) {
  const std::filesystem::path models = directory / "models";
  TRY(make_folders(models));
  TRY(sync_folder(directory));
  RegistryFile file = TRY(RegistryFile::open(directory / "registry.db"));
  return std::unique_ptr<Registry>(std::make_unique<SqliteRegistry>(std::move(file), models));
}

}  // namespace tidecast
