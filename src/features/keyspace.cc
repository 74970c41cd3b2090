#include "features/keyspace.h"

#include <algorithm>
#include <cstring>

#include "features/codec.h"

namespace tidecast::keyspace {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kTotalsVersion = 2;      // 1 knew no unmatched records.
constexpr std::uint8_t kDeadLetterVersion = 3;  // 2 knew neither source nor position.
constexpr std::uint8_t kRowsFileVersion = 2;    // 1 had one schema and no sequence.
constexpr std::uint8_t kRawFileVersion = 2;     // 1 had the hour in its path only.

// The reader of a value that may be of the format before.
Result<ByteReader> unseal(std::string_view value, std::uint8_t version, std::string_view what) {
  const bool before = !value.empty() && static_cast<std::uint8_t>(value[0]) + 1 == version;
  return ByteReader::unseal(value, before ? version - 1 : version, what);
}
bool is_of(std::string_view value, std::uint8_t version) { return static_cast<std::uint8_t>(value[0]) == version; }

void append_big_endian(std::string& key, std::uint64_t number) {
  for (int shift = 56; shift >= 0; shift -= 8) key += static_cast<char>(number >> shift);
}

// Times before 1970 are negative; with the top bit flipped their bytes come before the others'.
constexpr std::uint64_t kSignBit = std::uint64_t{1} << 63;
std::string timed(std::string prefix, EventTime time) {
  append_big_endian(prefix, static_cast<std::uint64_t>(time.ms()) ^ kSignBit);
  return prefix;
}

std::uint64_t big_endian_at_end(std::string_view key) {
  CHECK(key.size() >= 8);
  std::uint64_t number = 0;
  for (const char byte : key.substr(key.size() - 8)) number = number << 8 | static_cast<unsigned char>(byte);
  return number;
}

std::string named(char letter, std::string_view name) {
  std::string key(1, letter);
  key += name;
  key += '\0';
  return key;
}

// Keys seen at one moment, of which a batch has few: a poll gives all its records the same arrival.
template <typename Visit>
void for_each_run(std::span<const KeySeen> keys, const Visit& visit) {
  for (std::size_t first = 0, after = 0; first < keys.size(); first = after) {
    while (after < keys.size() && keys[after].first_seen == keys[first].first_seen) ++after;
    visit(keys[first].first_seen, after - first);
  }
}

}  // namespace

std::string numbered(std::string_view prefix, std::uint64_t number) {
  std::string key(prefix);
  append_big_endian(key, number);
  return key;
}
std::uint64_t number_in(std::string_view key) { return big_endian_at_end(key); }
std::string schema_key(std::string_view group) { return fmt::format("{}{}", kSchemas, group); }
std::string source_key(std::string_view source) { return fmt::format("{}{}", kSources, source); }
std::string rows_prefix(std::string_view group) { return named('w', group); }
std::string row_key(std::string_view group, EventTime window_end, std::string_view series) {
  return timed(rows_prefix(group), window_end).append(series);
}
EventTime row_end(std::string_view group, std::string_view key) {
  return EventTime::from_ms(static_cast<std::int64_t>(big_endian_at_end(key.substr(0, group.size() + 10)) ^ kSignBit));
}
std::string_view row_series(std::string_view group, std::string_view key) { return key.substr(group.size() + 10); }
std::string newest_prefix(std::string_view group) { return named('n', group); }
std::string newest_key(std::string_view group, std::string_view series) { return newest_prefix(group).append(series); }
std::string outbox_prefix(std::string_view group) { return named('o', group); }
std::string outbox_key(std::string_view group, std::uint64_t sequence) {
  return numbered(outbox_prefix(group), sequence);
}
std::string counters_key(std::string_view group) { return fmt::format("q{}", group); }
std::string files_prefix(std::string_view group) { return named('O', group); }
std::string file_key(std::string_view group, std::uint64_t first) { return numbered(files_prefix(group), first); }
std::string mark_key(std::uint64_t number, std::uint64_t count) { return numbered(numbered(kMarks, number), count); }
std::string gaps_from(EventTime until) { return timed(std::string(kGaps), until); }
std::string gap_key(EventTime until, std::uint64_t number) { return numbered(gaps_from(until), number); }

// ---- text ---------------------------------------------------------------------------------------------------------

std::string encode_text(std::string_view text) { return ByteWriter(kVersion).raw(text).seal(); }

Result<std::string> decode_text(std::string_view value, std::string_view what) {
  auto reader = TRY(ByteReader::unseal(value, kVersion, what));
  return std::string(reader.rest());
}

// ---- books --------------------------------------------------------------------------------------------------------

std::string encode_totals(const Totals& totals) {
  ByteWriter writer(kTotalsVersion);
  const Books& books = totals.books;
  writer.number(totals.arrival.ms());
  for (const std::uint64_t count : {books.read, books.stored, books.duplicate, books.late, books.dead})
    writer.number(count);
  writer.number(static_cast<std::uint32_t>(totals.late_by_group.size()));
  for (const auto& [group, late] : totals.late_by_group) writer.text(group).number(late);
  return writer.number(totals.unmatched).seal();
}

Result<Totals> decode_totals(std::string_view value) {
  auto reader = TRY(unseal(value, kTotalsVersion, "books"));
  Totals totals;
  Books& books = totals.books;
  totals.arrival = ProcessingTime::from_ms(reader.number<std::int64_t>());
  for (std::uint64_t* count : {&books.read, &books.stored, &books.duplicate, &books.late, &books.dead})
    *count = reader.number<std::uint64_t>();
  for (auto groups = reader.count(12); groups > 0; --groups) {
    const std::string group(reader.text());
    totals.late_by_group[group] = reader.number<std::uint64_t>();
  }
  if (is_of(value, kTotalsVersion)) totals.unmatched = reader.number<std::uint64_t>();
  TRY(reader.finish("books"));
  return totals;
}

// ---- counters of a group ------------------------------------------------------------------------------------------

std::string encode_counters(const GroupCounters& counters) {
  return ByteWriter(kVersion)
      .number(counters.windows)
      .number(counters.next_sequence)
      .number(counters.versions)
      .number(counters.newest_end.value_or(EventTime::min()).ms())
      .number(counters.newest_write.ms())
      .number(counters.online_from.ms())
      .seal();
}

Result<GroupCounters> decode_counters(std::string_view value, std::string_view what) {
  auto reader = TRY(ByteReader::unseal(value, kVersion, what));
  GroupCounters counters;
  counters.windows = reader.number<std::uint64_t>();
  counters.next_sequence = reader.number<std::uint64_t>();
  counters.versions = reader.number<std::uint64_t>();
  counters.newest_end = EventTime::from_ms(reader.number<std::int64_t>());
  if (*counters.newest_end == EventTime::min()) counters.newest_end.reset();
  counters.newest_write = ProcessingTime::from_ms(reader.number<std::int64_t>());
  counters.online_from = EventTime::from_ms(reader.number<std::int64_t>());
  TRY(reader.finish(what));
  return counters;
}

// ---- keys seen ----------------------------------------------------------------------------------------------------

// Newest first_seen; runs as (first_seen, how many); then the keys, 32 bytes each.
std::string encode_keys(std::span<const KeySeen> keys) {
  ProcessingTime newest = ProcessingTime::min();
  std::uint32_t runs = 0;
  for_each_run(keys, [&](ProcessingTime seen, std::size_t) { newest = std::max(newest, seen), ++runs; });
  ByteWriter writer(kVersion);
  writer.reserve(32 + runs * 12 + keys.size() * sizeof(RecordKey));
  writer.number(newest.ms()).number(runs);
  for_each_run(keys, [&](ProcessingTime seen, std::size_t count) {
    writer.number(seen.ms()).number(static_cast<std::uint32_t>(count));
  });
  for (const KeySeen& seen : keys) writer.raw({reinterpret_cast<const char*>(seen.key.data()), seen.key.size()});
  return writer.seal();
}

Status decode_keys(std::string_view value, std::vector<KeySeen>& keys) {
  constexpr std::string_view kWhat = "de-duplication keys";
  constexpr std::size_t kRun = 12;
  auto reader = TRY(ByteReader::unseal(value, kVersion, kWhat));
  reader.number<std::int64_t>();
  const std::size_t count = reader.count(kRun);
  ByteReader runs = reader;  // Beside the keys, which follow all runs.
  reader.raw(count * kRun);
  std::size_t next = keys.size();
  keys.resize(next + reader.left() / sizeof(RecordKey));
  for (std::size_t run = 0; run < count; ++run) {
    const auto seen = ProcessingTime::from_ms(runs.number<std::int64_t>());
    const std::string_view bytes = reader.raw(runs.number<std::uint32_t>() * sizeof(RecordKey));
    for (std::size_t at = 0; at < bytes.size(); at += sizeof(RecordKey), ++next) {
      std::memcpy(keys[next].key.data(), bytes.data() + at, sizeof(RecordKey));
      keys[next].first_seen = seen;
    }
  }
  return reader.finish(kWhat);
}

Result<ProcessingTime> newest_of_keys(std::string_view value) {
  auto reader = TRY(ByteReader::unseal(value, kVersion, "de-duplication keys"));
  return ProcessingTime::from_ms(reader.number<std::int64_t>());
}

// ---- dead letters -------------------------------------------------------------------------------------------------

std::string encode_dead_letter(const DeadLetter& letter) {
  return ByteWriter(kDeadLetterVersion)
      .number(letter.arrival.ms())
      .text(letter.reason)
      .text(letter.source)
      .text(letter.position)
      .number(static_cast<std::uint8_t>(letter.replayed_as.has_value()))
      .number(letter.replayed_as.value_or(0))
      .raw(packed(letter.raw))
      .seal();
}

Result<DeadLetter> decode_dead_letter(std::string_view key, std::string_view value) {
  const std::string what = fmt::format("dead letter {}", number_in(key));
  auto reader = TRY(unseal(value, kDeadLetterVersion, what));
  DeadLetter letter{number_in(key), ProcessingTime::from_ms(reader.number<std::int64_t>()), {}, {}};
  letter.reason = reader.text();
  if (is_of(value, kDeadLetterVersion)) {
    letter.source = reader.text();
    letter.position = reader.text();
    const bool replayed = reader.number<std::uint8_t>() != 0;
    const auto number = reader.number<std::uint64_t>();
    if (replayed) letter.replayed_as = number;
  }
  letter.raw = TRY(unpacked(reader.rest(), what));
  TRY(reader.finish(what));
  return letter;
}

// ---- late records, what the wall clock did ------------------------------------------------------------------------

std::string encode_late(const LateRecord& record) {
  return ByteWriter(kVersion)
      .number(record.arrival.ms())
      .number(record.time.ms())
      .number(static_cast<std::uint8_t>(record.counted))
      .text(record.reason)
      .text(record.source)
      .raw(packed(record.raw))
      .seal();
}

Result<LateRecord> decode_late(std::string_view key, std::string_view value) {
  const std::string what = fmt::format("late record {}", number_in(key));
  auto reader = TRY(ByteReader::unseal(value, kVersion, what));
  LateRecord record;
  record.number = number_in(key);
  record.arrival = ProcessingTime::from_ms(reader.number<std::int64_t>());
  record.time = EventTime::from_ms(reader.number<std::int64_t>());
  record.counted = reader.number<std::uint8_t>() != 0;
  record.reason = reader.text();
  record.source = reader.text();
  record.raw = TRY(unpacked(reader.rest(), what));
  TRY(reader.finish(what));
  return record;
}

std::string encode_mark(const ClockMark& mark) {
  return ByteWriter(kVersion)
      .number(static_cast<std::uint8_t>(mark.kind))
      .number(mark.at.ms())
      .number(mark.time.ms())
      .raw(mark.name)
      .seal();
}

Result<ClockMark> decode_mark(std::string_view key, std::string_view value) {
  constexpr std::string_view kWhat = "mark of the wall clock";
  auto reader = TRY(ByteReader::unseal(value, kVersion, kWhat));
  ClockMark mark;
  mark.number = number_in(key.substr(0, key.size() - sizeof mark.number));
  mark.kind = static_cast<ClockMark::Kind>(
      std::min(reader.number<std::uint8_t>(), static_cast<std::uint8_t>(ClockMark::Kind::kDefinition)));
  mark.at = ProcessingTime::from_ms(reader.number<std::int64_t>());
  mark.time = EventTime::from_ms(reader.number<std::int64_t>());
  mark.name = reader.rest();
  TRY(reader.finish(kWhat));
  return mark;
}

// ---- gaps ---------------------------------------------------------------------------------------------------------

std::string encode_gap(const SourceGap& gap) {
  return ByteWriter(kVersion)
      .number(gap.from.ms())
      .number(gap.until.ms())
      .number(gap.found_at.ms())
      .raw(gap.source)
      .seal();
}

Result<SourceGap> decode_gap(std::string_view value) {
  constexpr std::string_view kWhat = "gap of the source";
  auto reader = TRY(ByteReader::unseal(value, kVersion, kWhat));
  SourceGap gap;
  gap.from = EventTime::from_ms(reader.number<std::int64_t>());
  gap.until = EventTime::from_ms(reader.number<std::int64_t>());
  gap.found_at = ProcessingTime::from_ms(reader.number<std::int64_t>());
  gap.source = reader.rest();
  TRY(reader.finish(kWhat));
  return gap;
}

// ---- manifest -----------------------------------------------------------------------------------------------------

std::string hour_folder(std::int64_t ms) {
  const Civil at = civil_of(ms);
  return fmt::format("date={:04}-{:02}-{:02}/hour={:02}", at.year, at.month, at.day, at.hour);
}

std::string encode_rows_file(const RowsFile& file) {
  return ByteWriter(kRowsFileVersion)
      .text(file.path)
      .number(file.first.ms())
      .number(file.last.ms())
      .number(file.rows)
      .number(file.bytes)
      .raw({reinterpret_cast<const char*>(file.sha256.data()), file.sha256.size()})
      .number(file.schema)
      .number(static_cast<std::uint8_t>(file.versioned))
      .number(file.first_sequence)
      .number(file.last_sequence)
      .seal();
}

Result<RowsFile> decode_rows_file(std::string_view value) {
  constexpr std::string_view kWhat = "manifest of Parquet files";
  auto reader = TRY(unseal(value, kRowsFileVersion, kWhat));
  RowsFile file;
  file.path = reader.text();
  file.first = EventTime::from_ms(reader.number<std::int64_t>());
  file.last = EventTime::from_ms(reader.number<std::int64_t>());
  file.rows = reader.number<std::uint64_t>();
  file.bytes = reader.number<std::uint64_t>();
  const std::string_view hash = reader.raw(file.sha256.size());
  std::copy(hash.begin(), hash.end(), file.sha256.begin());
  file.versioned = false;
  if (is_of(value, kRowsFileVersion)) {
    file.schema = reader.number<std::uint32_t>();
    file.versioned = reader.number<std::uint8_t>() != 0;
    file.first_sequence = reader.number<std::uint64_t>();
    file.last_sequence = reader.number<std::uint64_t>();
  }
  TRY(reader.finish(kWhat));
  return file;
}

std::string encode_raw_file(const RawFile& file) {
  return ByteWriter(kRawFileVersion)
      .text(file.path)
      .number(file.first)
      .number(file.last)
      .number(file.records)
      .number(file.bytes)
      .number(file.hour.ms())
      .seal();
}

Result<RawFile> decode_raw_file(std::string_view value) {
  constexpr std::string_view kWhat = "manifest of raw files";
  auto reader = TRY(unseal(value, kRawFileVersion, kWhat));
  RawFile file;
  file.path = reader.text();
  for (std::uint64_t* number : {&file.first, &file.last, &file.records, &file.bytes})
    *number = reader.number<std::uint64_t>();
  if (is_of(value, kRawFileVersion)) {
    file.hour = ProcessingTime::from_ms(reader.number<std::int64_t>());
  } else if (const auto date = file.path.find("date="), hour = file.path.find("hour="); hour != file.path.npos) {
    const auto text = fmt::format("{}T{}:00:00Z", file.path.substr(date + 5, 10), file.path.substr(hour + 5, 2));
    file.hour = ProcessingTime::from_ms(TRY(parse_rfc3339(text).in(kWhat)));
  }
  TRY(reader.finish(kWhat));
  return file;
}

std::string encode_raw_copy(std::string_view path, std::uint64_t offset, std::span<const std::string_view> frames) {
  ByteWriter writer(1);
  writer.text(path).number(offset);
  for (const std::string_view frame : frames) writer.raw(frame);
  return writer.seal();
}

Result<RawCopy> decode_raw_copy(std::string_view value) {
  constexpr std::string_view kWhat = "copy of raw records";
  auto reader = TRY(ByteReader::unseal(value, 1, kWhat));
  RawCopy copy;
  copy.path = reader.text();
  copy.offset = reader.number<std::uint64_t>();
  copy.frames = reader.rest();
  TRY(reader.finish(kWhat));
  return copy;
}

}  // namespace tidecast::keyspace
