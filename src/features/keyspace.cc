#include "features/keyspace.h"

#include <algorithm>

#include "features/codec.h"

namespace tidecast::keyspace {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kDeadLetterVersion = 2;  // 1 had the record's bytes as they came.

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
std::string schema_key(std::string_view group) { return fmt::format("s{}", group); }
std::string source_key(std::string_view source) { return fmt::format("{}{}", kSources, source); }
std::string rows_prefix(std::string_view group) { return named('w', group); }
std::string row_key(std::string_view group, EventTime window_end) { return timed(rows_prefix(group), window_end); }
std::string files_prefix(std::string_view group) { return named('O', group); }
std::string file_key(std::string_view group, EventTime first) { return timed(files_prefix(group), first); }
EventTime time_in(std::string_view key) {
  return EventTime::from_ms(static_cast<std::int64_t>(big_endian_at_end(key) ^ kSignBit));
}
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
  ByteWriter writer(kVersion);
  const Books& books = totals.books;
  writer.number(totals.arrival.ms());
  for (const std::uint64_t count : {books.read, books.stored, books.duplicate, books.late, books.dead})
    writer.number(count);
  writer.number(static_cast<std::uint32_t>(totals.late_by_group.size()));
  for (const auto& [group, late] : totals.late_by_group) writer.text(group).number(late);
  return writer.seal();
}

Result<Totals> decode_totals(std::string_view value) {
  auto reader = TRY(ByteReader::unseal(value, kVersion, "books"));
  Totals totals;
  Books& books = totals.books;
  totals.arrival = ProcessingTime::from_ms(reader.number<std::int64_t>());
  for (std::uint64_t* count : {&books.read, &books.stored, &books.duplicate, &books.late, &books.dead})
    *count = reader.number<std::uint64_t>();
  for (auto groups = reader.number<std::uint32_t>(); groups > 0; --groups) {
    const std::string group(reader.text());
    totals.late_by_group[group] = reader.number<std::uint64_t>();
  }
  TRY(reader.finish("books"));
  return totals;
}

// ---- rows ---------------------------------------------------------------------------------------------------------

std::string schema_text(const FeatureGroup& group) {
  std::string text = fmt::format("window {}:", to_text(group.window));
  for (const auto& column : group.columns) text += fmt::format(" {} {},", column.name, name_of(column.type));
  text.pop_back();  // The last comma, or the colon.
  return text;
}

// write_time, then for each column a byte (0 null, 1 there) and the eight bytes of an integer or a double.
std::string encode_row(const FeatureGroup& group, const FeatureRow& row) {
  ByteWriter writer(kVersion);
  writer.reserve(17 + 9 * group.columns.size());
  writer.number(row.write_time.ms());
  for (const FeatureValue& value : row.values) {
    writer.number(static_cast<std::uint8_t>(value.index() != 0));
    if (const auto* integer = std::get_if<std::int64_t>(&value))
      writer.number(*integer);
    else if (const auto* number = std::get_if<double>(&value))
      writer.number(*number);
    else
      writer.number(std::int64_t{0});
  }
  return writer.seal();
}

Result<FeatureRow> decode_row(const FeatureGroup& group, std::string_view key, std::string_view value) {
  const EventTime end = time_in(key);
  const auto what = [&] { return fmt::format("row of {} at {}", group.name, to_rfc3339(end)); };
  auto reader = ByteReader::unseal(value, kVersion, "");
  if (!reader.ok()) return std::move(reader).in(what()).status();
  FeatureRow row{end - group.window, end, ProcessingTime::from_ms(reader->number<std::int64_t>()), {}};
  row.values.reserve(group.columns.size());
  for (const auto& column : group.columns) {
    const auto present = reader->number<std::uint8_t>();
    const auto bits = reader->number<std::uint64_t>();
    if (present == 0)
      row.values.emplace_back();
    else if (column.type == FieldType::kInteger)
      row.values.emplace_back(static_cast<std::int64_t>(bits));
    else
      row.values.emplace_back(std::bit_cast<double>(bits));
  }
  if (Status status = reader->finish(""); !status.ok()) return std::move(status).in(what());
  return row;
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

Result<std::vector<KeySeen>> decode_keys(std::string_view value) {
  constexpr std::string_view kWhat = "de-duplication keys";
  auto reader = TRY(ByteReader::unseal(value, kVersion, kWhat));
  reader.number<std::int64_t>();
  std::vector<KeySeen> keys;
  for (auto runs = reader.number<std::uint32_t>(); runs > 0; --runs) {
    const auto seen = ProcessingTime::from_ms(reader.number<std::int64_t>());
    keys.resize(keys.size() + reader.number<std::uint32_t>(), KeySeen{{}, seen});
  }
  for (KeySeen& seen : keys) {
    const std::string_view bytes = reader.raw(seen.key.size());
    std::copy(bytes.begin(), bytes.end(), seen.key.begin());
  }
  TRY(reader.finish(kWhat));
  return keys;
}

Result<ProcessingTime> newest_of_keys(std::string_view value) {
  auto reader = TRY(ByteReader::unseal(value, kVersion, "de-duplication keys"));
  return ProcessingTime::from_ms(reader.number<std::int64_t>());
}

// ---- dead letters -------------------------------------------------------------------------------------------------

std::string encode_dead_letter(const DeadLetter& letter) {
  return ByteWriter(kDeadLetterVersion).number(letter.arrival.ms()).text(letter.reason).raw(packed(letter.raw)).seal();
}

Result<DeadLetter> decode_dead_letter(std::string_view key, std::string_view value) {
  const std::string what = fmt::format("dead letter {}", number_in(key));
  auto reader = TRY(ByteReader::unseal(value, kDeadLetterVersion, what));
  DeadLetter letter{number_in(key), ProcessingTime::from_ms(reader.number<std::int64_t>()), {}, {}};
  letter.reason = reader.text();
  letter.raw = TRY(unpacked(reader.rest(), what));
  TRY(reader.finish(what));
  return letter;
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

std::string encode_rows_file(const RowsFile& file) {
  return ByteWriter(kVersion)
      .text(file.path)
      .number(file.first.ms())
      .number(file.last.ms())
      .number(file.rows)
      .number(file.bytes)
      .raw({reinterpret_cast<const char*>(file.sha256.data()), file.sha256.size()})
      .seal();
}

Result<RowsFile> decode_rows_file(std::string_view value) {
  constexpr std::string_view kWhat = "manifest of Parquet files";
  auto reader = TRY(ByteReader::unseal(value, kVersion, kWhat));
  RowsFile file;
  file.path = reader.text();
  file.first = EventTime::from_ms(reader.number<std::int64_t>());
  file.last = EventTime::from_ms(reader.number<std::int64_t>());
  file.rows = reader.number<std::uint64_t>();
  file.bytes = reader.number<std::uint64_t>();
  const std::string_view hash = reader.raw(file.sha256.size());
  std::copy(hash.begin(), hash.end(), file.sha256.begin());
  TRY(reader.finish(kWhat));
  return file;
}

std::string encode_raw_file(const RawFile& file) {
  return ByteWriter(kVersion)
      .text(file.path)
      .number(file.first)
      .number(file.last)
      .number(file.records)
      .number(file.bytes)
      .seal();
}

Result<RawFile> decode_raw_file(std::string_view value) {
  constexpr std::string_view kWhat = "manifest of raw files";
  auto reader = TRY(ByteReader::unseal(value, kVersion, kWhat));
  RawFile file;
  file.path = reader.text();
  for (std::uint64_t* number : {&file.first, &file.last, &file.records, &file.bytes})
    *number = reader.number<std::uint64_t>();
  TRY(reader.finish(kWhat));
  return file;
}

}  // namespace tidecast::keyspace
