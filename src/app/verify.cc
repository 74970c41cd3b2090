#include "app/verify.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "app/verify_periods.h"
#include "features/record_id.h"
#include "storage/duck.h"
#include "storage/file.h"
#include "stream/aggregate_cells.h"
#include "stream/sql_duckdb.h"
#include "stream/sql_text.h"

namespace tidecast {
namespace {

constexpr std::size_t kDifferences = 10;
constexpr Milliseconds kNoWatermark = 24h * 365 * 10'000;  // As a lateness.
constexpr const char* kNewSlice =
    "CREATE OR REPLACE TABLE slice(n BIGINT, arrival TIMESTAMP, source VARCHAR, event VARCHAR, record VARCHAR)";

// A window of a series.
using Place = std::tuple<EventTime, EventTime, std::string>;  // End, start, record identifier.

// One row computed anew.
struct Computed {
  std::vector<json::value> values, within;  // One a column; within: null where values must be the same.
  json::value written, by_clock;
  std::uint64_t first = UINT64_MAX;  // The number of the first record that counts; known where a column is new.
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
    TRY(session.exec(fmt::format("CREATE TABLE {} AS FROM slice LIMIT 0", verifier.carried_)));
    return verifier;
  }

  // From the next slice on another definition holds, which calls today's columns so.  Both outlive this.
  Status begin(const Period& period, const std::vector<std::string>& names) {
    const PipelineOptions* before = std::exchange(options_, &period.options);
    const WindowGroup* was = std::exchange(group_, group_named(period.options, result_.group));
    const std::vector<std::string>* names_before = std::exchange(names_, &names);
    at_ = carried_at_ = period.at;
    std::erase_if(newest_, [&](const auto& source) { return is_gone(*options_, source.first); });
    if (group_ == nullptr) return watch(period.options);
    event_ = &options_->events[group_->event];
    JudgedBefore judged;
    if (was == nullptr) {
      watermark_ = 0;
      since_.assign(names.size(), {});
    } else {
      // Records that are carried were judged, perhaps by other sources and another lateness: they count and move
      // nothing.
      judged = {next_, kNoWatermark, {}};
      find_new_columns(AggregateLayout(was->columns, before->events[was->event]), *names_before);
    }
    before_ = judged;
    corrected_ = corrected_ || group_->allowed_lateness > 0ms;
    sql_ = TRY(
        duckdb_sql(*options_, static_cast<std::size_t>(group_ - options_->groups.data()), before_).in(result_.group));
    return ok();
  }

  // The records of the table slice follow those of the slices before, when the sources `idle` were not waited for;
  // `marks` are what the clock did in between.
  Status take(std::span<const ClockMark> marks, const IdleSources& idle) {
    if (event_ == nullptr) return ok();
    TRY(set_marks(marks, idle));
    TRY(
        session_->exec(fmt::format("CREATE OR REPLACE TEMP VIEW archive AS FROM {} UNION ALL FROM slice; CREATE OR "
                                   "REPLACE TEMP TABLE judged AS {}; "
                                   "CREATE OR REPLACE TEMP TABLE assigned AS {}",
                                   carried_, sql_.judged, sql_.assigned)));
    const duck::Table last = TRY(session_->query("FROM judged ORDER BY place$ DESC LIMIT 1"));
    if (last.rows.empty()) return ok();
    if (group_ != nullptr) {
      const std::int64_t watermark = value(last, 0, "watermark$").as_int64();
      TRY(compare(watermark));
      TRY(keep_open());
      watermark_ = watermark;
      closed_ = std::max(closed_, watermark);
    }
    carry(last);
    carried_at_ = ProcessingTime::from_ms(0);
    return ok();
  }

  // How many records go with the next slice.
  std::size_t carried_records() const { return carried_records_; }

  // After the last slice: what the store has beyond the watermark cannot follow from the archive.
  Result<GroupVerification> finish() {
    const EventTime closed = closed_ > 0 ? EventTime::from_ms(closed_ + 2) : EventTime::min();
    const EventRange beyond{std::max(closed, range_.from), range_.until};
    const auto stored = beyond.from < beyond.until ? TRY(stored_in(beyond)) : std::map<Place, Stored>();
    for (const auto& [place, row] : stored) {
      if (row.last.deleted) continue;
      ++result_.extra;
      ++result_.compared;
      note(place, "is in the store, but the archive does not close it");
    }
    const EventRange open{std::max(compared_, range_.from), std::min(closed, range_.until)};
    if (open.from < open.until) result_.correctable = TRY(stored_in(open)).size();
    return std::move(result_);
  }

 private:
  GroupVerifier(duck::Session& session, const FeatureStore& store, const PipelineOptions& options, std::size_t index,
                EventRange range)
      : session_(&session),
        store_(&store),
        features_(feature_group_of(options.groups[index], options.events[options.groups[index].event])),
        range_(range),
        carried_(fmt::format("carried_{}", index)),
        event_name_(options.events[options.groups[index].event].name),
        since_(features_.columns.size()) {
    result_.group = features_.name;
  }

  static json::value value(const duck::Table& table, std::size_t row, std::string_view name) {
    const auto column = std::ranges::find(table.columns, name, &duck::Column::name);
    if (column == table.columns.end()) return nullptr;
    return table.rows[row][static_cast<std::size_t>(column - table.columns.begin())];
  }

  // There is no such group yet, or no more; how far its event's sources are is where a new one begins.
  Status watch(const PipelineOptions& options) {
    const auto event = std::ranges::find(options.events, event_name_, &EventMapping::name);
    event_ = event == options.events.end() ? nullptr : &*event;
    if (event_ == nullptr) newest_.clear();
    if (closed_ > 0) compared_ = std::max(compared_, EventTime::from_ms(closed_ + 2));
    if (event_ == nullptr) return ok();
    watched_ = options;
    watched_.groups = {{.name = result_.group, .columns = {{"n"}}}};
    watched_.groups[0].event = static_cast<std::size_t>(event - options.events.begin());
    sql_ = TRY(duckdb_sql(watched_, 0));
    return session_->exec(fmt::format("DELETE FROM {}", carried_));
  }

  // Columns that the definition before had not are null in the rows before, and those that were not even counted also
  // in the windows that were open.
  void find_new_columns(const AggregateLayout& before, const std::vector<std::string>& names_before) {
    for (std::size_t c = 0; c < names_->size(); ++c) {
      const std::string& name = (*names_)[c];
      if (name.empty()) continue;
      if (names_before[c].empty()) since_[c].at = at_;
      const auto column = std::ranges::find(group_->columns, name, &AggregateColumn::name);
      const AggregateLayout alone({*column}, options_->events[group_->event]);
      for (const auto& state : alone.states())
        if (std::ranges::find(before.states(), state.text, &AggregateLayout::State::text) == before.states().end())
          since_[c].counted = next_;
    }
  }

  // What the slices before leave behind comes first: it is as if the clock had said so.
  Status set_marks(std::span<const ClockMark> marks, const IdleSources& idle) {
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
    const auto number = static_cast<std::int64_t>(next_);
    for (const auto& [source, newest] : newest_) TRY(append(number, "newest", source, carried_at_.ms(), newest));
    for (const std::string& source : idle.names())
      TRY(append(number, "source_idle", source, carried_at_.ms(), std::nullopt));
    if (group_ != nullptr && watermark_ > 0)
      TRY(append(number, "forced_watermark", group_->name, carried_at_.ms(), watermark_));
    for (const ClockMark& mark : marks) {
      if (mark.kind == ClockMark::Kind::kDefinition) continue;
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
    EventRange range{compared_, watermark > 0 ? settled(watermark) + 1ms : EventTime::min()};
    compared_ = std::max(compared_, range.until);
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
      Computed row;
      for (const std::string& column : *names_) {
        row.values.push_back(value(table, r, column));
        row.within.push_back(value(table, r, column + " within"));
      }
      row.written = value(table, r, "written$");
      row.by_clock = value(table, r, "by_clock$");
      rows.emplace(place(table, r), std::move(row));
    }
    if (std::ranges::all_of(since_, [](const Since& since) { return since.counted == 0; })) return rows;
    const duck::Table first = TRY(session_->query(fmt::format(
        "SELECT * EXCLUDE (n$), min(n$) AS n$ FROM (SELECT n$, start$, end${} FROM assigned) WHERE end$ >= {} AND end$ "
        "< {} GROUP BY ALL",
        key_names(), range.from.ms(), range.until.ms())));
    for (std::size_t r = 0; r < first.rows.size(); ++r)
      if (const auto row = rows.find(place(first, r)); row != rows.end())
        row->second.first = static_cast<std::uint64_t>(value(first, r, "n$").as_int64());
    return rows;
  }

  std::string key_names() const {
    std::string names;
    for (const FeatureKey& key : features_.keys) names += ", " + sql::identifier(key.name, '"');
    return names;
  }

  Place place(const duck::Table& table, std::size_t r) const {
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
    return {EventTime::from_ms(value(table, r, "end$").as_int64()),
            EventTime::from_ms(value(table, r, "start$").as_int64()), id};
  }

  Result<std::map<Place, Stored>> stored_in(EventRange range) const {
    const std::vector<FeatureRow> history = TRY(store_->select(result_.group, {.range = range, .history = true}));
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
    const ProcessingTime written = stored.last.write_time;
    for (std::size_t c = 0; c < features_.columns.size(); ++c) {
      const FeatureValue& value = stored.last.values[c];
      const bool null = std::holds_alternative<std::monostate>(value), absent = (*names_)[c].empty();
      if (null && written <= since_[c].at) continue;    // It was written when there was no such column.
      if (!null && absent && written <= at_) continue;  // It had the column, which went while it could be corrected.
      const bool partly = computed.first < since_[c].counted;
      const json::value expected = partly ? json::value(nullptr) : computed.values[c];
      if (!same(value, expected, computed.within[c]))
        return fmt::format("{} is {} in the store and {} by the archive", features_.columns[c].name, shown(value),
                           to_text(expected));
    }
    // A window that is corrected may have had no row when it closed, so only of the others it is known when it was
    // made.
    if (group_->allowed_lateness > 0ms || corrected_) return "";
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
        fmt::format("{}: [{}, {}){}: {}", result_.group, to_rfc3339(start), to_rfc3339(end), key, what));
  }

  // For the next slice: the records of windows that are not settled,
  Status keep_open() {
    TRY(session_->exec(
        fmt::format("CREATE OR REPLACE TEMP TABLE kept AS FROM archive WHERE n IN (SELECT n$ FROM assigned "
                    "WHERE end$ >= {1}); CREATE OR REPLACE TABLE {0} AS FROM kept",
                    carried_, compared_.ms())));
    const duck::Table count = TRY(session_->query(fmt::format("SELECT count(*) AS n FROM {}", carried_)));
    carried_records_ = static_cast<std::size_t>(value(count, 0, "n").as_int64());
    return ok();
  }

  // and where the sources stand.
  void carry(const duck::Table& last) {
    next_ = static_cast<std::uint64_t>(value(last, 0, "n$").as_int64()) + (value(last, 0, "kind$") == "record" ? 1 : 0);
    std::vector<std::string> sources;  // That may feed the event; what others once brought stays as it is.
    for (std::size_t s = 0; s < options_->sources.size(); ++s)
      if (event_->sources.empty() || std::ranges::find(event_->sources, s) != event_->sources.end())
        sources.push_back(options_->sources[s].name);
    for (std::size_t k = 0; k < sources.size(); ++k) {
      const std::string column = sources.size() == 1 ? "newest$" : fmt::format("newest${}", k + 1);
      if (const json::value newest = value(last, 0, column); newest.is_int64()) newest_[sources[k]] = newest.as_int64();
    }
  }

  duck::Session* session_;
  const FeatureStore* store_;
  const FeatureGroup features_;  // As it is today.
  EventRange range_;
  std::string carried_, event_name_;
  std::size_t carried_records_ = 0;
  // Of the definition that holds:
  const PipelineOptions* options_ = nullptr;
  const WindowGroup* group_ = nullptr;               // nullptr: it has none like it.
  const EventMapping* event_ = nullptr;              // The group's; nullptr: it has not even that.
  const std::vector<std::string>* names_ = nullptr;  // Of today's columns.
  ProcessingTime at_;                                // Since when it holds.
  JudgedBefore before_;
  bool corrected_ = false;  // It, or one before, had an allowed lateness.
  DuckdbSql sql_;
  PipelineOptions watched_;
  // Of a column that came later.
  struct Since {
    ProcessingTime at = ProcessingTime::min();  // Rows that were written before have none.
    std::uint64_t counted = 0;                  // The number of the first record that it counts.
  };
  std::vector<Since> since_;
  // After the slices so far:
  std::int64_t watermark_ = 0, closed_ = 0;  // The greatest of the group as it is, and ever.
  EventTime compared_ = EventTime::min();    // Windows that end before are done.
  std::uint64_t next_ = 0;
  ProcessingTime carried_at_;                   // When what is carried comes into force.
  std::map<std::string, std::int64_t> newest_;  // Of the event, by source.
  GroupVerification result_;
};

}  // namespace

bool Verification::equal() const {
  return std::ranges::all_of(groups, [](const GroupVerification& group) { return group.compared == group.equal; });
}

std::uint64_t Verification::compared() const {
  std::uint64_t rows = 0;
  for (const GroupVerification& group : groups) rows += group.compared;
  return rows;
}

Result<Verification> verify(const FeatureStore& store, const PipelineOptions& options, EventRange range,
                            std::size_t slice, const AsDefined& as_defined) {
  // Of long windows more is carried than memory should hold.  Without a place for it all others can be verified.
  const Result<ScratchFolder> scratch = ScratchFolder::make("verify");
  duck::Session session =
      TRY(duck::Session::open({.spill_folder = scratch.ok() ? scratch.value().path() : std::filesystem::path()}));
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
  const std::vector<Period> periods = TRY(periods_of(store, options, marks, as_defined));
  std::vector<std::vector<std::vector<std::string>>> names;
  for (const WindowGroup& group : options.groups) names.push_back(names_in(periods, group));

  Verification out;
  std::size_t waiting = 0, enough = slice, marks_done = 0, period = 0;
  std::optional<duck::Appender> table;
  IdleSources idle;
  std::map<std::string, std::uint64_t> heard;  // In this slice.
  const auto begin_period = [&]() -> Status {
    idle.begin(periods[period].options);
    for (std::size_t g = 0; g < groups.size(); ++g) TRY(groups[g].begin(periods[period], names[g][period]));
    return ok();
  };
  TRY(begin_period());
  // `until`: the number of the first record, `mark` the index of the first mark that is not in the slice.
  const auto take_slice = [&](std::uint64_t until, std::size_t mark) -> Status {
    if (table) TRY(table->close());
    table.reset();
    const std::size_t first = marks_done;
    while (marks_done < mark && marks[marks_done].number < until) ++marks_done;
    const auto between = std::span(marks).subspan(first, marks_done - first);
    enough = slice;
    for (GroupVerifier& group : groups) {
      TRY(group.take(between, idle));
      // What windows hold that stay open is gone through with each slice: long ones are rare, then, and all is linear.
      enough = std::max(enough, group.carried_records());
    }
    idle.take(between, heard);
    heard.clear();
    waiting = 0;
    return session.exec(kNewSlice);  // A truncated one would keep its memory.
  };
  const auto begin_periods = [&](std::uint64_t number) -> Status {
    while (period + 1 < periods.size() && periods[period + 1].number <= number) {
      TRY(take_slice(periods[period + 1].number + 1, periods[period + 1].mark));
      ++period;
      TRY(begin_period());
    }
    return ok();
  };
  const auto add = [&](std::string_view line) -> Status {
    const ArchivedRecord record = TRY(parse_archived(line));
    TRY(begin_periods(record.number));
    if (!table) table.emplace(TRY(duck::Appender::open(session, "slice")));
    table->integer(static_cast<std::int64_t>(record.number)).time(record.arrival.ms());
    // Before there could be several, records had no source.
    const std::string_view source = record.source.empty() ? options.sources[0].name : record.source;
    table->text(source).text(record.event).text(record.raw);
    if (record.event != "-") heard.insert_or_assign(std::string(source), record.number);
    TRY(table->end_row());
    ++out.records;
    return ++waiting < enough ? ok() : take_slice(record.number + 1, marks.size());
  };
  Status status = ok();
  TRY(store.visit_archive_range({.after = books.read}, [&](std::string_view line) {
    status = add(line);
    return status.ok();
  }));
  TRY(std::move(status));
  TRY(begin_periods(UINT64_MAX));
  TRY(take_slice(UINT64_MAX, marks.size()));
  if (out.records < books.stored + books.late)
    return failed_precondition(
        "the raw archive holds {} of {} records; allowed: all, for what was counted follows from all", out.records,
        books.stored + books.late);
  for (GroupVerifier& group : groups) out.groups.push_back(TRY(group.finish()));
  return out;
}

}  // namespace tidecast
