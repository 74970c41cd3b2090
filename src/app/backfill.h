#pragma once
// History before the first start: recorded events through the same pipeline as live ones, so that a first model can be
// trained minutes after installation.  From a source's own history (its `backfill:`), or from a file.

#include <functional>
#include <optional>
#include <string>

#include "app/project.h"

namespace tidecast {

struct BackfillOptions {
  std::string source;          // Whose history; "": the first source that has one, or with `file` the first.
  std::filesystem::path file;  // NDJSON, CSV or Parquet of its records; empty: from where the definition says.
  std::optional<EventTime> from, until;  // Of records' event times; required without a file.
  std::function<bool()> stop{};          // True ends it between two commits; the same command goes on there.
};

struct BackfillProgress {
  double done = 0;  // 0 to 1.
  Books books;
};

// Takes all records of the range; at the end everything is in files.  Called again it goes on where it was stopped, and
// one that is complete changes nothing.
// Errors: kFailedPrecondition - a source of the definition was read already: what is older than that would be late;
// kNotFound - no such source, or it has no history;  kCancelled - stopped;  else as the sources and stores say.
Status backfill(Project& project, Clock& clock, const BackfillOptions& options,
                const std::function<void(const BackfillProgress&)>& progress);

}  // namespace tidecast
