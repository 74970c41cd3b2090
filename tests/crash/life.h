#pragma once
// One life of the stream on its real store: the same batches always, with duplicates, late and dead records, windows of
// several groups, flushes in between.

#include <filesystem>
#include <string>

#include "base/result.h"

namespace tidecast::crash {

inline constexpr int kBatches = 14;

struct Life {
  Status status;         // How it ended: ok at the end of the last batch.
  int began = 0;         // The batch with which it went on,
  int acknowledged = 0;  // and how many were committed, as it was told.
};

// Opens what is in `folder` and goes on from there until so many batches are in, and all the rest of the last one is
// done, or to the first error.
Life live(const std::filesystem::path& folder, int until = kBatches);

// All that can be read from the store, or why it cannot.
std::string content(const std::filesystem::path& folder);

}  // namespace tidecast::crash
