#include "app/verify.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "features/record_id.h"
#include "storage/duck.h"
#include "stream/sql_duckdb.h"

namespace tidecast {
namespace {

constexpr std::size_t kDifferences = 10;
constexpr const char* kNewSlice =
    "CREATE OR REPLACE TABLE slice(n BIGINT, arrival TIMESTAMP, source VARCHAR, event VARCHAR, record VARCHAR)";

// A window of a series.
using Place = std::tuple<EventTime, EventTime, std::string>;  // End, start, record identifier.

// One row computed anew.
struct Computed {
  std::vector<json::value> values, within;  // One a column; within: null where values must be the same.
  json::value written, by_clock;
};

// What the store says of a window: its first revision, and what counts.
struct Stored {
  FeatureRow first, last;
};

bool same(const FeatureValue& stored, const json::value& computed, const json::value& within) {
  if (std::holds_alternative<std::monostate>(stored) || computed.is_null())
    return std::holds_alternative<std::monostate>(stored) && computed.is_null();
  if (const auto* integer = std::get_if<std::int64_t>(&stored); integer != nullptr && computed.is_int64())
    return *integer == computed.get_int64();
  const auto* number = std::get_if<double>(&stored);
  if (number == nullptr || !computed.is_number()) return false;
  const double most = within.is_number() ? within.to_number<double>() : 0;
  return std::abs(*number - computed.to_number<double>()) <= most;
}

std::string shown(const FeatureValue& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return fmt::to_string(*integer);
  if (const auto* number = std::get_if<double>(&value)) return fmt::to_string(*number);
  return "null";
}

// One group, slice by slice.
class GroupVerifier {
 public:
  static Result<GroupVerifier> make(duck::Session& session, const FeatureStore& store, const PipelineOptions& options,
                                    std::size_t index, EventRange range) {
    GroupVerifier verifier(session, store, options, index, range);
    verifier.sql_ = TRY(duckdb_sql(options, index));
    TRY(session.exec(fmt::format("CREATE TABLE {} AS FROM slice LIMIT 0", verifier.carried_)));
    return verifier;
  }

  // The records of the table slice follow those of the slices before; `marks` are what the clock did in between.
  Status take(std::span<const ClockMark> marks) {
    TRY(set_marks(marks));
    TRY(
        session_->exec(fmt::format("CREATE OR REPLACE TEMP VIEW archive AS FROM {} UNION ALL FROM slice; CREATE OR "
                                   "REPLACE TEMP TABLE judged AS {}; "
                                   "CREATE OR REPLACE TEMP TABLE assigned AS {}",
                                   carried_, sql_.judged, sql_.assigned)));
    const duck::Table last = TRY(session_->query("FROM judged ORDER BY place$ DESC LIMIT 1"));
    if (last.rows.empty()) return ok();
    const std::int64_t watermark = value(last, 0, "watermark$").as_int64();
    TRY(compare(watermark));
    TRY(carry(last, watermark));
    watermark_ = watermark;
    return ok();
  }

  // After the last slice: what the store has beyond the watermark cannot follow from the archive.
  Result<GroupVerification> finish() {
    const EventTime closed = watermark_ > 0 ? EventTime::from_ms(watermark_ + 2) : EventTime::min();
    const EventRange beyond{std::max(closed, range_.from), range_.until};
    const auto stored = beyond.from < beyond.until ? TRY(stored_in(beyond)) : std::map<Place, Stored>();
    for (const auto& [place, row] : stored) {
      if (row.last.deleted) continue;
      ++result_.extra;
      ++result_.compared;
      note(place, "is in the store, but the archive does not close it");
    }
    return std::move(result_);
  }

 private:
  GroupVerifier(duck::Session& session, const FeatureStore& store, const PipelineOptions& options, std::size_t index,
                EventRange range)
      : session_(&session),
        store_(&store),
        options_(&options),
        group_(&options.groups[index]),
        features_(feature_group_of(*group_, options.events[group_->event])),
        range_(range),
        carried_(fmt::format("carried_{}", index)) {
    result_.group = group_->name;
  }

  static json::value value(const duck::Table& table, std::size_t row, std::string_view name) {
    const auto column = std::ranges::find(table.columns, name, &duck::Column::name);
    if (column == table.columns.end()) return nullptr;
    return table.rows[row][static_cast<std::size_t>(column - table.columns.begin())];
  }

  // What the slices before leave behind comes first: it is as if the clock had said so.
  Status set_marks(std::span<const ClockMark> marks) {
    TRY(session_->exec("DELETE FROM clock_marks"));
    duck::Appender table = TRY(duck::Appender::open(*session_, "clock_marks"));
    std::int64_t i = 0;
    const auto append = [&](std::int64_t number, std::string_view kind, const std::string& name, std::int64_t arrival,
                            std::optional<std::int64_t> time) {
      table.integer(i++).integer(number).text(kind).text(name).time(arrival);
      if (time)
        table.time(*time);
      else
        table.null();
      return table.end_row();
    };
    for (const auto& [source, newest] : newest_) TRY(append(next_, "newest", source, 0, newest));
    for (const std::string& source : idle_) TRY(append(next_, "source_idle", source, 0, std::nullopt));
    if (watermark_ > 0) TRY(append(next_, "forced_watermark", group_->name, 0, watermark_));
    for (const ClockMark& mark : marks) {
      const bool forced = mark.kind == ClockMark::Kind::kForcedWatermark;
      TRY(append(static_cast<std::int64_t>(mark.number), forced ? "forced_watermark" : "source_idle", mark.name,
                 mark.at.ms(), forced ? std::optional(mark.time.ms()) : std::nullopt));
    }
    return table.close();
  }

  // Up to which end windows can change no more.
  EventTime settled(std::int64_t watermark) const {
    if (watermark <= 0) return EventTime::min();
    return EventTime::from_ms(watermark + 1) - group_->allowed_lateness;
  }

  // The windows that were settled by this slice.
  Status compare(std::int64_t watermark) {
    EventRange range{EventTime::min(), EventTime::min()};
    if (watermark_ > 0) range.from = settled(watermark_) + 1ms;
    if (watermark > 0) range.until = settled(watermark) + 1ms;
    range = {std::max(range.from, range_.from), std::min(range.until, range_.until)};
    if (range.from >= range.until) return ok();
    std::map<Place, Computed> computed = TRY(computed_in(range));
    const std::map<Place, Stored> stored = TRY(stored_in(range));
    for (const auto& [place, row] : stored) {
      const auto found = computed.find(place);
      if (row.last.deleted) {
        ++result_.erased;
      } else if (found == computed.end()) {
        ++result_.extra;
        note(place, "is in the store only");
      } else if (const std::string text = difference(row, found->second); !text.empty()) {
        ++result_.different;
        note(place, text);
      } else {
        ++result_.equal;
      }
      if (found != computed.end()) computed.erase(found);
    }
    for (const auto& [place, row] : computed) note(place, "follows from the archive, but is not in the store");
    result_.missing += computed.size();
    result_.compared = result_.equal + result_.missing + result_.extra + result_.different;
    return ok();
  }

  Result<std::map<Place, Computed>> computed_in(EventRange range) {
    const duck::Table table = TRY(session_->query(
        fmt::format("FROM ({}) WHERE end$ >= {} AND end$ < {}", sql_.rows, range.from.ms(), range.until.ms())));
    std::map<Place, Computed> rows;
    for (std::size_t r = 0; r < table.rows.size(); ++r) {
      std::string id;
      for (const FeatureKey& key : features_.keys) {
        const json::value part = value(table, r, key.name);
        if (part.is_null())
          append_key_null(id);
        else if (key.type == FieldType::kInteger)
          append_key_integer(id, part.as_int64());
        else if (key.type == FieldType::kBoolean)
          append_key_boolean(id, part.as_bool());
        else
          append_key_text(id, std::string_view(part.as_string()));
      }
      Computed row;
      for (const FeatureColumn& column : features_.columns) {
        row.values.push_back(value(table, r, column.name));
        row.within.push_back(value(table, r, column.name + " within"));
      }
      row.written = value(table, r, "written$");
      row.by_clock = value(table, r, "by_clock$");
      rows.emplace(Place{EventTime::from_ms(value(table, r, "end$").as_int64()),
                         EventTime::from_ms(value(table, r, "start$").as_int64()), id},
                   std::move(row));
    }
    return rows;
  }

  Result<std::map<Place, Stored>> stored_in(EventRange range) const {
    const std::vector<FeatureRow> history = TRY(store_->select(group_->name, {.range = range, .history = true}));
    std::map<Place, Stored> rows;
    for (const FeatureRow& row : history) {
      Stored& stored =
          rows.try_emplace(Place{row.window_end, row.window_start, row.key}, Stored{row, row}).first->second;
      if (row.revision < stored.first.revision) stored.first = row;
      if (row.revision >= stored.last.revision) stored.last = row;
    }
    return rows;
  }

  std::string difference(const Stored& stored, const Computed& computed) const {
    for (std::size_t c = 0; c < features_.columns.size(); ++c)
      if (!same(stored.last.values[c], computed.values[c], computed.within[c]))
        return fmt::format("{} is {} in the store and {} by the archive", features_.columns[c].name,
                           shown(stored.last.values[c]), to_text(computed.values[c]));
    // A window that is corrected may have had no row when it closed, so only of the others it is known when it was
    // made.
    if (group_->allowed_lateness > 0ms) return "";
    if (stored.first.write_time.ms() != computed.written.as_int64())
      return fmt::format("it was written at {} and not, as by the archive, at {}", to_rfc3339(stored.first.write_time),
                         to_rfc3339(computed.written.as_int64()));
    if (stored.first.closed_by_idle != computed.by_clock.as_bool())
      return fmt::format("by the archive {} closed it", computed.by_clock.as_bool() ? "the wall clock" : "a record");
    return "";
  }

  void note(const Place& place, std::string_view what) {
    if (result_.differences.size() >= kDifferences) return;
    const auto& [end, start, id] = place;
    const std::string key = features_.keys.empty() ? "" : " of " + key_text(features_.keys, id);
    result_.differences.push_back(
        fmt::format("{}: [{}, {}){}: {}", group_->name, to_rfc3339(start), to_rfc3339(end), key, what));
  }

  // For the next slice: the records of windows that are not settled, and where sources and watermark stand.
  Status carry(const duck::Table& last, std::int64_t watermark) {
    const std::int64_t settled_ms = settled(watermark).ms();
    TRY(session_->exec(
        fmt::format("CREATE OR REPLACE TEMP TABLE kept AS FROM archive WHERE n IN (SELECT n$ FROM assigned "
                    "WHERE end$ > {1}); CREATE OR REPLACE TABLE {0} AS FROM kept",
                    carried_, settled_ms)));
    next_ = value(last, 0, "n$").as_int64() + 1;
    newest_.clear();
    idle_.clear();
    const EventMapping& event = options_->events[group_->event];
    for (std::size_t s = 0, k = 1; s < options_->sources.size(); ++s) {
      if (!event.sources.empty() && std::ranges::find(event.sources, s) == event.sources.end()) continue;
      const json::value newest = value(last, 0, fmt::format("newest${}", k)),
                        idle = value(last, 0, fmt::format("idle${}", k));
      if (newest.is_int64()) newest_.emplace_back(options_->sources[s].name, newest.as_int64());
      if (idle.is_bool() && idle.as_bool()) idle_.push_back(options_->sources[s].name);
      ++k;
    }
    return ok();
  }

  duck::Session* session_;
  const FeatureStore* store_;
  const PipelineOptions* options_;
  const WindowGroup* group_;
  FeatureGroup features_;
  EventRange range_;
  std::string carried_;
  DuckdbSql sql_;
  // After the slices so far:
  std::int64_t watermark_ = 0, next_ = 0;
  std::vector<std::pair<std::string, std::int64_t>> newest_;
  std::vector<std::string> idle_;
  GroupVerification result_;
};

}  // namespace

bool Verification::equal() const {
  return std::ranges::all_of(groups, [](const GroupVerification& group) { return group.compared == group.equal; });
}

Result<Verification> verify(const FeatureStore& store, const PipelineOptions& options, EventRange range,
                            std::size_t slice) {
  duck::Session session = TRY(duck::Session::open());
  TRY(session.exec(
      "SET TimeZone = 'UTC'; "
      "CREATE TABLE clock_marks(i BIGINT, n BIGINT, kind VARCHAR, name VARCHAR, arrival TIMESTAMP, time TIMESTAMP)"));
  TRY(session.exec(kNewSlice));
  std::vector<GroupVerifier> groups;
  // The stream may go on meanwhile: what is compared is what was there now, by the records that had been read then.
  for (std::size_t g = 0; g < options.groups.size(); ++g) {
    const auto newest = store.freshness(options.groups[g].name).event_time;
    const EventTime until = newest ? *newest + 1ms : EventTime::min();
    groups.push_back(TRY(GroupVerifier::make(session, store, options, g, {range.from, std::min(range.until, until)})));
  }
  const Books books = store.books();
  const std::vector<ClockMark> marks = TRY(store.clock_marks());

  Verification out;
  std::size_t waiting = 0, marks_done = 0;
  std::optional<duck::Appender> table;
  // `until`: the number of the first record that is not in the slice.
  const auto take_slice = [&](std::uint64_t until) -> Status {
    if (table) TRY(table->close());
    table.reset();
    const std::size_t first = marks_done;
    while (marks_done < marks.size() && marks[marks_done].number < until) ++marks_done;
    for (GroupVerifier& group : groups) TRY(group.take(std::span(marks).subspan(first, marks_done - first)));
    waiting = 0;
    return session.exec(kNewSlice);  // A truncated one would keep its memory.
  };
  const auto add = [&](std::string_view line) -> Status {
    const ArchivedRecord record = TRY(parse_archived(line));
    if (!table) table.emplace(TRY(duck::Appender::open(session, "slice")));
    table->integer(static_cast<std::int64_t>(record.number)).time(record.arrival.ms());
    // Before there could be several, records had no source.
    table->text(record.source.empty() ? options.sources[0].name : record.source).text(record.event).text(record.raw);
    TRY(table->end_row());
    ++out.records;
    return ++waiting < slice ? ok() : take_slice(record.number + 1);
  };
  Status status = ok();
  TRY(store.visit_archive_range({.after = books.read}, [&](std::string_view line) {
    status = add(line);
    return status.ok();
  }));
  TRY(std::move(status));
  TRY(take_slice(UINT64_MAX));
  if (out.records < books.stored + books.late)
    return failed_precondition(
        "the raw archive holds {} of {} records; allowed: all, for what was counted follows from all", out.records,
        books.stored + books.late);
  for (GroupVerifier& group : groups) out.groups.push_back(TRY(group.finish()));
  return out;
}

}  // namespace tidecast
