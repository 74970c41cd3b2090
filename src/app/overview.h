#pragma once
// What the console's charts draw: the target with what was and is forecast of it, and the accuracy against the
// threshold.

#include <mutex>

#include "app/project.h"
#include "base/json.h"
#include "serving/endpoint.h"

namespace tidecast {

inline constexpr int kMostHours = 48;
inline constexpr std::int64_t kMostValues = 2000;

// Thread-safe.
class Overview {
 public:
  Overview(Project& project, const Endpoints& endpoints) : project_(project), endpoints_(endpoints) {}

  // The newest `hours` (1 to 48) of the target, the newest forecast of production and of a candidate in staging.
  // Errors: kInvalidArgument;  kFailedPrecondition - the definition has no forecast.
  Result<json::object> target(int hours, ProcessingTime now);
  // Evaluations, alarms, retrains and deployments of the last `hours`.
  Result<json::object> accuracy(int hours, ProcessingTime now);

 private:
  Status check(int hours) const;
  Result<json::value> said_before(const TimeSeries& truth);
  Result<json::value> fan();
  Result<json::value> candidate();
  Result<json::array> evaluations(const std::string& stage, ProcessingTime after);

  Project& project_;
  const Endpoints& endpoints_;
  std::mutex mutex_;
  struct Fan {
    int version = 0;
    EventTime origin;
    json::object shown;
  };
  std::optional<Fan> fan_;                                               // The newest, because it costs a forecast.
  std::map<std::pair<std::string, std::int64_t>, json::object> judged_;  // By stage and time: they never change.
};

}  // namespace tidecast
