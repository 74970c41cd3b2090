#pragma once
// Raw records to feature rows: decode, dead letters, de-duplicate, watermark, windows, one atomic commit a batch.
// Semantics are Flink SQL's (docs/windows.md); the order of rows decides, how they are cut into batches never does.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "features/store.h"
#include "flow/event.h"

namespace tidecast {

// How a number or text at a JSON Pointer becomes an event time.
enum class TimeUnit { kSeconds, kMilliseconds, kMicroseconds, kNanoseconds, kRfc3339, kFormat };

struct TimeFormat {
  TimeUnit unit = TimeUnit::kSeconds;
  // Of kFormat: as strptime(3) has it, "%d/%m/%Y %H:%M:%S"; %E*S takes a fraction of seconds, %z an offset.
  std::string format{};
  // Of kFormat without %z: "UTC", "+03:00", or a name of the tz database: "America/New_York".  A local time that comes
  // twice means the first; one that never comes, the moment as long after the clocks went forward as it lies after the
  // last local time before.
  std::string zone{"UTC"};
};

struct EventField {
  std::string name;
  std::string pointer;  // JSON Pointer into the record: "/fee".
  FieldType type = FieldType::kInteger;
  bool optional = false;  // Missing or null is a dead letter unless optional.
  std::string unit;
  // Where `pointer` has nothing: the sum of what the plus pointers find, less that of the minus ones; '*' stands for
  // every element of an array ("/inputs/*/prev_out/value").  If one of those is missing too, the field is.
  std::vector<std::string> else_plus{}, else_minus{};
};

// One value that a record must have for a rule to hold.
struct EventMatch {
  std::string pointer;
  std::vector<std::string> values;  // Any of these: a text's characters, or a number, true, false, null as written.
};

// What a record means: which of its values are its identifier, its time, its fields.
struct EventMapping {
  std::vector<std::string> id;  // Pointers; empty: nothing is de-duplicated.
  std::string time_pointer = "/time";
  TimeFormat time;
  std::vector<EventField> fields;
  std::optional<Milliseconds> deduplicate_for;  // nullopt: for ever.  The same in all mappings with an id.
  std::optional<Milliseconds> max_ahead;        // An event time further ahead of its arrival is a dead letter.
  std::optional<Milliseconds> max_behind;       // An event time older than its arrival by more is a dead letter.
  std::string name{};                           // "" if it is the only one.  Ids of two mappings are never the same.
  // A record goes to the first mapping whose rule it meets: all matches hold, and its source is one of `sources`
  // (empty: any).  One that meets no rule is unmatched: kept in the archive, counted, and in no window.
  std::vector<EventMatch> when{};
  std::vector<std::size_t> sources{};  // Into PipelineOptions::sources.
};

enum class AggregateKind {
  kCount,
  kSum,
  kMin,
  kMax,
  kAvg,
  kCountDistinct,  // Exactly.
  kStddev,         // Of the sample (n - 1), in double; null of fewer than two.
  kFirst,          // By arrival, as in Flink.
  kLast,
  kQuantile,  // Approximate: docs/windows.md says how near.
};
std::string_view name_of(AggregateKind kind);  // As in the definition file: "count", "count_distinct".

struct AggregateColumn {
  std::string name;
  AggregateKind kind = AggregateKind::kCount;
  std::optional<std::size_t> field;  // Into EventMapping::fields; nullopt for count().  count(x) counts non-nulls.
  double quantile = 0.5;             // Of kQuantile: 0 to 1.
};

struct WindowGroup {
  std::string name;
  Milliseconds window{60'000};    // Width, or a session's gap.
  Milliseconds lateness{60'000};  // The watermark trails the newest event time by this.
  std::vector<AggregateColumn> columns;
  std::size_t event = 0;  // Into PipelineOptions::events.
  WindowKind kind = WindowKind::kTumbling;
  Milliseconds every{0};           // Of kHopping; `window` is a multiple of it.
  Milliseconds offset{0};          // Windows begin at offset + n * step from 1970-01-01T00:00:00Z.
  std::vector<std::size_t> key{};  // Fields (integer, text, boolean) whose values name the series; empty: one.
  std::string where{};             // A predicate (stream/predicate.h); "": all.  Others move the watermark and no more.
  // A window that closed is kept so long, in event time, that late records still correct its row.  Not for sessions.
  Milliseconds allowed_lateness{0};
  // When nothing arrived for so long, the wall clock closes the windows that ended so long ago.
  std::optional<Milliseconds> close_when_idle{};
  std::map<std::string, std::string> renamed_from{};  // As in FeatureGroup.
};

// What is read before the first start, by `tidecast backfill`, comes from a source of such a name; it is no other
// source in whose place a new one would read everything again.
inline constexpr std::string_view kBackfillPrefix = "backfill ";

struct PipelineSource {
  std::string name;  // Under which the cursor is kept.
  // When it brought nothing for so long, watermarks do not wait for it; nullopt: they do, for ever.
  std::optional<Milliseconds> idle_after{};
};

struct PipelineOptions {
  std::vector<PipelineSource> sources;
  std::vector<EventMapping> events = std::vector<EventMapping>(1);
  std::vector<WindowGroup> groups;  // In the order of FeatureStore::groups().
  std::string definition{};         // The text that says all this; a clock mark keeps each one that held.
};

// The feature group that a window group fills: keys, types, units and empty-window rules of its columns, and what it
// means.
FeatureGroup feature_group_of(const WindowGroup& group, const EventMapping& event);
std::string meaning_of(const EventField& field);  // "integer /fee"; as in GroupMeaning.

// Errors: kInvalidArgument - where, what was found, what is allowed.
Status check_options(const PipelineOptions& options);

// What became of a batch, or of a moment.
struct Ingested {
  std::vector<ClosedWindow> closed;  // In the order of their closing; their rows are readable from the store.
  // Records that were known before the batch: by their identifier, or, of those that cannot be decoded, by their bytes.
  // 0 if nothing is de-duplicated.
  std::size_t known = 0;
  std::optional<SourceGap> gap;  // Also in the store.
  // How the batch ended, and the first few dead letters' reasons, for who pushed it and wants to know.
  Books books;
  std::vector<std::string> reasons;
};

// Dead letters that were tried again: how those ended that could be taken, and how many still cannot.
struct Replayed {
  Ingested ingested;
  std::uint64_t still_dead = 0;
};

// Why the oldest open window of a group is not closed yet.
struct OpenWindowState {
  EventTime start, end;                      // Of the oldest open window; of a session as it stands.
  EventTime needs;                           // It closes with the first event at or after this time,
  std::optional<EventTime> newest;           // of which this is the newest so far,
  std::optional<std::size_t> holding;        // from this source in particular, where there are several.
  std::optional<ProcessingTime> idle_close;  // Or then, by close_when_idle.
};

class Pipeline {
 public:
  // Restores keys, watermarks and open windows from `store`, which must outlive it.
  // A group that is new starts empty and counts what comes from now on; so does a column that is new, from the first
  // window on that begins after now (it is null in those that are open).  A source that is gone is waited for no more,
  // a group that is gone closes no more windows.  Where that or another lateness lets a watermark rise, it does so with
  // the first commit, and the windows count as closed by the clock.
  // Errors: kFailedPrecondition - no source of these was ever read, but others were, or the state is of a group whose
  // window is not what it was; kDataLoss - it cannot be read.
  static Result<std::unique_ptr<Pipeline>> open(PipelineOptions options, FeatureStore& store);
  virtual ~Pipeline() = default;

  // Takes the whole batch of a source through to one commit.  Arrivals never decrease, over all sources.  On an error
  // nothing of the batch has happened and the pipeline must be opened again.
  virtual Result<Ingested> ingest(std::size_t source, const RawBatch& batch) = 0;

  // When the wall clock alone would do something: make a source idle, close windows.  nullopt: never.  Records that
  // arrive at or before then must be taken first.
  virtual std::optional<ProcessingTime> next_due() const = 0;
  virtual Result<Ingested> on_time(ProcessingTime now) = 0;

  // Tries dead letters again, by today's mapping and their own arrivals: those that can be taken are read anew, as
  // records that arrive now, in one commit.
  virtual Result<Replayed> replay(std::span<const DeadLetter> letters, ProcessingTime now) = 0;

  virtual const std::string& cursor(std::size_t source) const = 0;  // Where it goes on ("" at the beginning).
  virtual std::optional<EventTime> watermark(std::size_t group = 0) const = 0;  // nullopt before the first event.
  virtual std::optional<EventTime> newest(std::size_t source) const = 0;        // Event time that it brought.
  virtual bool idle(std::size_t source) const = 0;                              // Not waited for.
  virtual std::size_t open_windows(std::size_t group) const = 0;
  virtual std::optional<OpenWindowState> oldest_open(std::size_t group) const = 0;
};

}  // namespace tidecast
