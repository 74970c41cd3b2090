#pragma once
// One life of the stream on its real store: the same batches always, of a history and then of two sources, with
// duplicates, corrections, late and dead records and a gap, for windows of every kind, closed by events and by the wall
// clock; in between rows are erased, flushed to files and merged, and what is too old goes.

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

// The names of the files of rows, one a line.  They follow from how far a life came, not from what disturbed it.
std::string offline_files(const std::filesystem::path& folder);

}  // namespace tidecast::crash
