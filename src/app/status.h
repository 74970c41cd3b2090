#pragma once
// The status as JSON: what `tidecast status --json`, GET /api/v1/status and the console's events show.

#include <string>

#include "app/situation.h"
#include "base/json.h"

namespace tidecast {

// Of this process, not of the loop.
struct ProcessFacts {
  std::string mode;           // "live", "replay", "offline".
  std::string address;        // "127.0.0.1:8080"; empty: nothing is served.
  ProcessingTime started_at;  // By the wall's clock.
  std::uint64_t data_bytes = 0;
};

json::object status_json(const Situation& at, const Definition& definition, const ProcessFacts& process);
// One screen of text, of the status as JSON.
std::string status_text(const json::object& status);

}  // namespace tidecast
