#include "sources/source.h"

namespace tidecast {

std::string_view name_of(SourceHealth::State state) {
  switch (state) {
    case SourceHealth::State::kStarting: return "starting";
    case SourceHealth::State::kOk: return "ok";
    case SourceHealth::State::kRetrying: return "retrying";
    case SourceHealth::State::kSilent: return "silent";
  }
  return "?";
}

Status Source::start(const Clock&, std::function<void()>) { return ok(); }  // A file is there already.

}  // namespace tidecast
