#pragma once
// Raw records to feature rows: decode, dead letters, de-duplicate, watermark, windows, one atomic commit a batch.
// Semantics are Flink SQL's (docs/windows.md); the order of rows decides, how they are cut into batches never does.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "features/store.h"
#include "flow/event.h"

namespace tidecast {

// How a number or text at a JSON Pointer becomes an event time.
enum class TimeUnit { kSeconds, kMilliseconds, kMicroseconds, kNanoseconds, kRfc3339 };

struct EventField {
  std::string name;
  std::string pointer;  // JSON Pointer into the record: "/fee".
  FieldType type = FieldType::kInteger;
  bool optional = false;  // Missing or null is a dead letter unless optional.
  std::string unit;
};

struct EventMapping {
  std::vector<std::string> id;  // Pointers; empty: nothing is de-duplicated.
  std::string time_pointer = "/time";
  TimeUnit time_unit = TimeUnit::kSeconds;
  std::vector<EventField> fields;
  std::optional<Milliseconds> deduplicate_for;  // nullopt: for ever.
  std::optional<Milliseconds> max_ahead;        // An event time further ahead of its arrival is a dead letter.
  std::optional<Milliseconds> max_behind;       // An event time older than its arrival by more is a dead letter.
};

enum class AggregateKind { kCount, kSum, kMin, kMax, kAvg };

struct AggregateColumn {
  std::string name;
  AggregateKind kind = AggregateKind::kCount;
  std::optional<std::size_t> field;  // Into EventMapping::fields; nullopt for count().  count(x) counts non-nulls.
};

struct WindowGroup {
  std::string name;
  Milliseconds window{60'000};    // Tumbling, aligned to 1970-01-01T00:00:00Z.
  Milliseconds lateness{60'000};  // The watermark trails the newest event time by this.
  std::vector<AggregateColumn> columns;
};

struct PipelineOptions {
  std::string source;  // Name under which the cursor is kept.
  EventMapping event;
  std::vector<WindowGroup> groups;  // In the order of FeatureStore::groups().
};

// The feature group that a window group fills: types, units and empty-window rules of its columns.
FeatureGroup feature_group_of(const WindowGroup& group, const EventMapping& event);

// What became of a batch.
struct Ingested {
  std::vector<ClosedWindow> closed;  // In the order of their closing; their rows are readable from the store.
  // Records that were known before the batch: by their identifier, or, of those that cannot be decoded, by their bytes.
  // 0 if nothing is de-duplicated.
  std::size_t known = 0;
  std::optional<SourceGap> gap;  // Also in the store.
};

class Pipeline {
 public:
  // Restores keys, watermarks and open windows from `store`, which must outlive it.
  // A group that is new starts empty and counts what comes from now on.
  // Errors: kFailedPrecondition - the store has read another source, or its state is of a group that is not here as it
  // was; kDataLoss - it cannot be read.
  static Result<std::unique_ptr<Pipeline>> open(PipelineOptions options, FeatureStore& store);
  virtual ~Pipeline() = default;

  // Takes the whole batch through to one commit.  On an error nothing of the batch has happened and the pipeline must
  // be opened again.
  virtual Result<Ingested> ingest(const RawBatch& batch) = 0;

  virtual const std::string& cursor() const = 0;           // Where the source goes on ("" at the beginning).
  virtual std::optional<EventTime> watermark() const = 0;  // Of the first group; nullopt before the first event.
  virtual std::size_t open_windows(std::size_t group) const = 0;
};

}  // namespace tidecast
