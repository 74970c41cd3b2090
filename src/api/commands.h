#pragma once
// Everything that a person or a program can ask of Tidecast and have it do, as JSON.  Implemented by `app` over the
// stores, and by ApiClient over HTTP, so that a command means the same with and without a running server.
//
// The shapes of the results are the schemas of the OpenAPI document (api/schemas.h); docs/api.md shows them.
// Threads: any.  Errors: kInvalidArgument - wrong usage;  kNotFound - no such thing;  kFailedPrecondition - refused by
// the present state;  kUnavailable - not reachable, or not ready yet.

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace tidecast {

struct FeaturesQuery {
  std::string group;               // Empty: the first.
  std::string from, until, as_of;  // RFC 3339; empty: without a bound.
  int last = 20;                   // Only the newest so many; 0: all.
  // One series, as people write it: "JC014,true" (features/record_id.h); nullopt: all.
  std::optional<std::string> key{};
  bool history = false;  // Every revision and tombstone.
};

// What to take out of a group for good.
struct Erasure {
  std::string group;
  std::optional<std::string> key;  // Of one series; nullopt: of all.
  std::string from, until;         // RFC 3339, of the windows' ends; empty: without a bound.
  std::string why, actor;
};

struct ForecastQuery {
  std::string series;          // "group.column"; empty: the definition's target.
  std::string as_of;           // RFC 3339; empty: the newest.
  std::vector<double> taus{};  // Empty: as the definition says.
};

// A person's decision about a model version.
struct Decision {
  int version = 0;
  std::string stage;  // "staging" or "production"; of no meaning where one rejects.
  std::string why;
  std::string actor;  // "cli:anna", "console".
};

// A result as the bytes of a file.
struct SqlFile {
  std::string bytes;
  bool truncated = false;  // There are more rows than the limit.
};

// To each row of an entity frame the features as they were known at its time.
struct JoinRequest {
  std::string entities;             // The bytes of a CSV, or
  bool parquet = false;             // of a Parquet file (over the stores only; HTTP takes CSV).
  std::string time_column;          // "": event_time.
  std::vector<std::string> groups;  // Empty: all.
  bool known_now = false;           // As they are known today.
  std::string max_age;              // A duration; "": however old.
  std::string format;               // "csv" or "parquet".
};

// Trials of a tuning, on the data that training_data() gave.
struct TrialRecords {
  std::string as_of;      // Its "as_of".
  std::int64_t seed = 0;  // Of the search.
  json::array trials;     // Each as the schema Trial says.
};

class Commands {
 public:
  virtual ~Commands() = default;

  virtual Result<json::object> server() = 0;
  virtual Result<json::object> status() = 0;
  virtual Result<json::object> definition() = 0;

  virtual Result<json::object> features(const FeaturesQuery& query) = 0;
  virtual Result<json::object> latest(const std::string& group, const std::vector<std::string>& keys) = 0;
  virtual Result<json::object> erase(const Erasure& erasure) = 0;
  virtual Result<json::object> forecast(const ForecastQuery& query) = 0;
  virtual Result<json::object> sql(const std::string& statement) = 0;
  // `format`: csv, json (an array of objects), ndjson, parquet.
  virtual Result<SqlFile> join(const JoinRequest& request) = 0;
  virtual Result<SqlFile> sql_file(const std::string& statement, const std::string& format) = 0;

  // Newest first.
  virtual Result<json::object> dead_letters(int last) = 0;
  virtual Result<json::object> dead_letter(std::int64_t number) = 0;
  // Tries them again by today's definition; without numbers all that were not taken yet.
  virtual Result<json::object> replay_dead(const std::vector<std::int64_t>& numbers, const std::string& actor) = 0;
  virtual Result<json::object> late(int last) = 0;
  // Recomputes what closed in the range from the raw archive and compares it, row by row.
  virtual Result<json::object> verify(const std::string& from, const std::string& until) = 0;

  virtual Result<json::object> runs() = 0;
  virtual Result<json::object> run(int id) = 0;
  // Starts a run and returns it; one whose outcome is "running" goes on by itself, ask run() for its end.  warm_start:
  // the model version whose weights it begins with; 0: none.
  virtual Result<json::object> train(const std::string& why, const std::string& actor, int warm_start) = 0;

  // What a training that starts now would take.
  virtual Result<json::object> training_data() = 0;
  virtual Result<json::object> record_trials(const TrialRecords& records) = 0;
  // Hyperparameters in force, and their history; setting them sets all at once, none: the definition's alone.
  virtual Result<json::object> parameters() = 0;
  virtual Result<json::object> set_parameters(const json::object& values, const std::string& why,
                                              const std::string& actor) = 0;

  virtual Result<json::object> models() = 0;
  virtual Result<json::object> model(int version) = 0;
  virtual Result<std::string> artefact(int version) = 0;               // The model's file.
  virtual Result<json::object> approve(const Decision& decision) = 0;  // And deploys to decision.stage.
  virtual Result<json::object> reject(const Decision& decision) = 0;
  virtual Result<json::object> deploy(const Decision& decision) = 0;

  // What the console's Overview draws.
  virtual Result<json::object> target(int hours) = 0;
  virtual Result<json::object> accuracy(int hours) = 0;
  // Newest first, at most `last`, of those with a number below `before`.
  virtual Result<json::object> timeline(int last, std::int64_t before) = 0;
};

}  // namespace tidecast
