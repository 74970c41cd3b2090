#pragma once
// Everything that a person or a program can ask of Tidecast and have it do, as JSON.  Implemented by `app` over the
// stores, and by ApiClient over HTTP, so that a command means the same with and without a running server.
//
// The shapes of the results are the schemas of the OpenAPI document (api/schemas.h); docs/api.md shows them.
// Threads: any.  Errors: kInvalidArgument - wrong usage;  kNotFound - no such thing;  kFailedPrecondition - refused by
// the present state;  kUnavailable - not reachable, or not ready yet.

#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace tidecast {

struct FeaturesQuery {
  std::string group;               // Empty: the first.
  std::string from, until, as_of;  // RFC 3339; empty: without a bound.
  int last = 20;                   // Only the newest so many; 0: all.
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

class Commands {
 public:
  virtual ~Commands() = default;

  virtual Result<json::object> server() = 0;
  virtual Result<json::object> status() = 0;
  virtual Result<json::object> definition() = 0;

  virtual Result<json::object> features(const FeaturesQuery& query) = 0;
  virtual Result<json::object> forecast(const ForecastQuery& query) = 0;
  virtual Result<json::object> sql(const std::string& statement) = 0;

  virtual Result<json::object> runs() = 0;
  virtual Result<json::object> run(int id) = 0;
  // Starts a run and returns it; one whose outcome is "running" goes on by itself, ask run() for its end.
  virtual Result<json::object> train(const std::string& why, const std::string& actor) = 0;

  virtual Result<json::object> models() = 0;
  virtual Result<json::object> model(int version) = 0;
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
