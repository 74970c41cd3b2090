#include "registry/chain.h"

#include "base/hash.h"

namespace tidecast {

std::string chained_hash(std::string_view previous, const Transition& row, std::string_view details) {
  std::string text = to_text(json::object{{"number", row.number},
                                          {"at", row.at.ms()},
                                          {"actor", row.actor},
                                          {"what", row.what},
                                          {"version", row.version},
                                          {"stage", row.stage},
                                          {"why", row.why}});
  text.pop_back();
  return sha256_hex(fmt::format("{}{},\"details\":{}}}", previous, text, details));
}

}  // namespace tidecast
