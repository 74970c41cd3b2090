#pragma once
// What lies under which key in the feature store's RocksDB, and how each value is written.  A key is a letter, then a
// name (ended by a zero byte where something follows) or big-endian numbers, so that the order of the bytes is the
// order of time.
//
//   s <group>               schema versions of a feature group, compared with the definition at every open
//   b                       books: totals, late counts, arrival of the last record
//   c <source>              cursor of a source
//   e <piece>               state of the stream engine: 0 the last piece that replaces, then those that go on from it
//   k <pack>                keys seen first by one commit
//   w <group> 0 <end> <id>  online: newest version of the row of the window that ends at <end> and the series <id>
//   n <group> 0 <id>        online: newest row of a series
//   o <group> 0 <sequence>  outbox: every version of every row, tombstones too, until it is in a Parquet file
//   q <group>               counters of the group
//   d <number>              dead letter
//   l <number>              late record
//   m <number> <count>      what the wall clock did before the record of this number
//   g <until> <number>      gap of the source; numbers count from 0
//   O <group> 0 <sequence>  Parquet file whose first row, by sequence, is this
//   A <number>              raw file whose first record has this number; appends go on with the last
//   R <number>              copy of what one commit appended to the last raw file and may not be on the disk there
//   r <number>              of earlier versions: raw records that are in no file yet

#include <span>
#include <string>
#include <vector>

#include "features/store.h"

namespace tidecast::keyspace {

// ---- keys ---------------------------------------------------------------------------------------------------------
inline constexpr std::string_view kBooks = "b";
inline constexpr std::string_view kEngine = "e";
inline constexpr std::string_view kSources = "c";
inline constexpr std::string_view kKeyPacks = "k";
inline constexpr std::string_view kRawBlocks = "r";
inline constexpr std::string_view kDeadLetters = "d";
inline constexpr std::string_view kLateRecords = "l";
inline constexpr std::string_view kMarks = "m";
inline constexpr std::string_view kGaps = "g";
inline constexpr std::string_view kRawFiles = "A";
inline constexpr std::string_view kRawCopies = "R";

std::string numbered(std::string_view prefix, std::uint64_t number);
std::uint64_t number_in(std::string_view key);  // Of a key made by `numbered` with a one-letter prefix.
inline constexpr std::string_view kSchemas = "s";
std::string schema_key(std::string_view group);
std::string source_key(std::string_view source);
std::string rows_prefix(std::string_view group);
std::string row_key(std::string_view group, EventTime window_end, std::string_view series = "");
EventTime row_end(std::string_view group, std::string_view row_key);
std::string_view row_series(std::string_view group, std::string_view row_key);
std::string newest_prefix(std::string_view group);
std::string newest_key(std::string_view group, std::string_view series);
std::string outbox_prefix(std::string_view group);
std::string outbox_key(std::string_view group, std::uint64_t sequence);
std::string counters_key(std::string_view group);
std::string files_prefix(std::string_view group);
std::string file_key(std::string_view group, std::uint64_t first_sequence);
std::string mark_key(std::uint64_t number, std::uint64_t count);
std::string gaps_from(EventTime until);  // Comes before the keys of all gaps that end then or later.
std::string gap_key(EventTime until, std::uint64_t number);

// ---- values -------------------------------------------------------------------------------------------------------
// Each decode_* gives kDataLoss on a damaged value.

std::string encode_text(std::string_view text);
Result<std::string> decode_text(std::string_view value, std::string_view what);

struct Totals {
  ProcessingTime arrival;
  Books books;
  std::map<std::string, std::uint64_t> late_by_group;
  std::uint64_t unmatched = 0;
};
std::string encode_totals(const Totals& totals);
Result<Totals> decode_totals(std::string_view value);

struct GroupCounters {
  std::uint64_t windows = 0;        // Ever closed.
  std::uint64_t next_sequence = 0;  // Of the next row version.
  std::uint64_t versions = 0;       // Corrections and tombstones among them.
  std::optional<EventTime> newest_end;
  ProcessingTime newest_write;
  EventTime online_from = EventTime::min();  // Rows of windows that end earlier have left the online store.
};
std::string encode_counters(const GroupCounters& counters);
Result<GroupCounters> decode_counters(std::string_view value, std::string_view what);

std::string encode_keys(std::span<const KeySeen> keys);
Status decode_keys(std::string_view value, std::vector<KeySeen>& keys);  // Appends them.
Result<ProcessingTime> newest_of_keys(std::string_view value);  // Latest first_seen, without decoding the pack.

std::string encode_dead_letter(const DeadLetter& letter);
Result<DeadLetter> decode_dead_letter(std::string_view key, std::string_view value);

std::string encode_late(const LateRecord& record);
Result<LateRecord> decode_late(std::string_view key, std::string_view value);

std::string encode_mark(const ClockMark& mark);
Result<ClockMark> decode_mark(std::string_view key, std::string_view value);

std::string encode_gap(const SourceGap& gap);
Result<SourceGap> decode_gap(std::string_view value);

// A file of the manifest; paths are relative to the store's folder.

// "date=2026-05-06/hour=13", where the files of an hour lie.
std::string hour_folder(std::int64_t ms);

struct RowsFile {
  std::string path;
  EventTime first, last;  // Least and greatest window_end.
  std::uint64_t rows = 0, bytes = 0;
  std::array<std::uint8_t, 32> sha256{};
  std::uint32_t schema = 1;  // Version under which its columns are named.
  bool versioned = true;     // It has the columns revision and closed_by_idle.
  std::uint64_t first_sequence = 0, last_sequence = 0;
};
std::string encode_rows_file(const RowsFile& file);
Result<RowsFile> decode_rows_file(std::string_view value);

struct RawFile {
  std::string path;
  std::uint64_t first = 0, last = 0;  // Arrival numbers.
  std::uint64_t records = 0, bytes = 0;
  ProcessingTime hour;  // In which its records arrived.
};
std::string encode_raw_file(const RawFile& file);
Result<RawFile> decode_raw_file(std::string_view value);

struct RawCopy {
  std::string_view path;
  std::uint64_t offset = 0;  // Where the frames lie in the file.
  std::string_view frames;   // Point into the value, both.
};
std::string encode_raw_copy(std::string_view path, std::uint64_t offset, std::span<const std::string_view> frames);
Result<RawCopy> decode_raw_copy(std::string_view value);

}  // namespace tidecast::keyspace
