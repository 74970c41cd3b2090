#include "base/result.h"

#include <cstdio>
#include <cstdlib>

namespace tidecast {

std::string_view name_of(Code code) {
  switch (code) {
    case Code::kOk: return "ok";
    case Code::kInvalidArgument: return "invalid argument";
    case Code::kNotFound: return "not found";
    case Code::kFailedPrecondition: return "failed precondition";
    case Code::kUnavailable: return "unavailable";
    case Code::kDataLoss: return "data loss";
    case Code::kCancelled: return "cancelled";
    case Code::kInternal: return "internal";
  }
  return "unknown";
}

void check_failed(const char* file, int line, const char* condition) {
  fmt::print(stderr, "{}:{}: this is a bug in Tidecast: CHECK({}) failed\n", file, line, condition);
  std::abort();
}

}  // namespace tidecast
