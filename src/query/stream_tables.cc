#include "query/stream_tables.h"

#include <deque>

namespace tidecast {
namespace {

constexpr std::size_t kMostRecords = 100'000, kMostBytes = 64 << 20;

SqlValue text(std::string_view value) { return json::string(value); }
SqlValue number(std::uint64_t value) { return static_cast<std::int64_t>(value); }

using Rows = Result<std::vector<SqlRow>>;

Rows dead_letters(const FeatureStore& store) {
  std::vector<SqlRow> rows;
  for (const DeadLetter& letter : TRY(store.dead_letters(kMostRecords, kMostBytes)))
    rows.push_back({number(letter.number), letter.arrival.ms(), text(letter.reason), text(letter.raw),
                    text(letter.source), text(letter.position),
                    letter.replayed_as ? number(*letter.replayed_as) : SqlValue(nullptr)});
  return rows;
}

Rows late(const FeatureStore& store) {
  std::vector<SqlRow> rows;
  for (const LateRecord& record : TRY(store.late_records(kMostRecords, kMostBytes)))
    rows.push_back({number(record.number), record.arrival.ms(), record.time.ms(), text(record.reason), record.counted,
                    text(record.source), text(record.raw)});
  return rows;
}

Rows gaps(const FeatureStore& store) {
  std::vector<SqlRow> rows;
  for (const SourceGap& gap : TRY(store.gaps({})))
    rows.push_back({text(gap.source), gap.from.ms(), gap.until.ms(), gap.found_at.ms()});
  return rows;
}

// The newest, found by their numbers: every record read has one.
Rows raw(const FeatureStore& store, const Deadline& deadline) {
  const std::uint64_t read = store.books().read, first = read > kMostRecords ? read - kMostRecords : 0;
  std::deque<SqlRow> newest;
  std::size_t bytes = 0;
  Status stopped;
  TRY(store.visit_archive([&](std::string_view line) {
    const Result<ArchivedRecord> record = parse_archived(line);
    stopped = record.ok() ? deadline.check() : record.status();
    if (!stopped.ok()) return false;
    if (record->number < first) return true;
    newest.push_back({number(record->number), record->arrival.ms(), text(record->verdict), text(record->source),
                      text(record->event), text(record->raw)});
    for (bytes += record->raw.size(); bytes > kMostBytes; newest.pop_front())
      bytes -= newest.front().back().get_string().size();
    return true;
  }));
  TRY(stopped);
  return std::vector<SqlRow>(std::move_iterator(newest.begin()), std::move_iterator(newest.end()));
}

}  // namespace

std::vector<SqlTable> stream_tables(const FeatureStore& store, const Deadline& deadline) {
  using enum SqlType;
  return {{"dead_letters",
           {{"number", kInteger},
            {"arrival", kTime},
            {"reason", kText},
            {"raw", kText},
            {"source", kText},
            {"position", kText},
            {"replayed_as", kInteger}},
           [&store] { return dead_letters(store); }},
          {"late",
           {{"number", kInteger},
            {"arrival", kTime},
            {"event_time", kTime},
            {"reason", kText},
            {"counted", kBoolean},
            {"source", kText},
            {"raw", kText}},
           [&store] { return late(store); }},
          {"gaps",
           {{"source", kText}, {"gap_start", kTime}, {"gap_end", kTime}, {"found_at", kTime}},
           [&store] { return gaps(store); }},
          {"raw",
           {{"number", kInteger},
            {"arrival", kTime},
            {"verdict", kText},
            {"source", kText},
            {"event", kText},
            {"record", kText}},
           [&store, &deadline] { return raw(store, deadline); }}};
}

}  // namespace tidecast
