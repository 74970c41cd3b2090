// Readers of what is no feature row: gaps, dead letters, late records, the raw archive.

#include <algorithm>

#include "features/rocks_store.h"
#include "storage/file.h"

namespace tidecast {
namespace {

using rocks::Go;

// The newest `most` of what lies under `prefix`, as far back as they come to `most_bytes`, but one at least; oldest
// first.  `left_out`, if it is asked for: how many of the `most` are too many bytes.
template <typename Record, typename Decode>
Result<std::vector<Record>> newest_of(const rocks::Database& database, std::string_view prefix, std::size_t most,
                                      std::size_t most_bytes, std::uint64_t* left_out, const Decode& decode) {
  std::vector<Record> records;
  std::size_t bytes = 0;
  std::uint64_t beyond = 0;
  TRY(database.scan_back(prefix, rocks::after_prefix(prefix), database.snapshot(),
                         [&](std::string_view key, std::string_view value) -> Result<Go> {
                           if (records.size() + beyond == most) return Go::kStop;
                           if (beyond == 0) {
                             Record record = TRY(decode(key, value));
                             bytes += record.reason.size() + record.raw.size();
                             if (bytes <= most_bytes || records.empty())
                               return records.push_back(std::move(record)), Go::kOn;
                           }
                           ++beyond;
                           return left_out == nullptr ? Go::kStop : Go::kOn;
                         }));
  if (left_out != nullptr) *left_out = beyond;
  std::reverse(records.begin(), records.end());
  return records;
}

}  // namespace

Result<std::vector<SourceGap>> RocksFeatureStore::gaps(EventRange range) const {
  std::vector<SourceGap> gaps;
  TRY(database_.scan(keyspace::gaps_from(range.from), rocks::after_prefix(keyspace::kGaps), database_.snapshot(),
                     [&](std::string_view, std::string_view value) -> Result<Go> {
                       SourceGap gap = TRY(keyspace::decode_gap(value));
                       if (gap.from < range.until) gaps.push_back(std::move(gap));
                       return Go::kOn;
                     }));
  std::ranges::stable_sort(gaps, {}, &SourceGap::from);
  return gaps;
}

std::uint64_t RocksFeatureStore::gap_count() const {
  const std::shared_lock lock(mutex_);
  return gap_count_;
}

Result<std::vector<DeadLetter>> RocksFeatureStore::dead_letters(std::size_t most, std::size_t most_bytes,
                                                                std::uint64_t* left_out) const {
  return newest_of<DeadLetter>(database_, keyspace::kDeadLetters, most, most_bytes, left_out,
                               keyspace::decode_dead_letter);
}

Result<std::vector<DeadLetter>> RocksFeatureStore::dead_letters_from(std::uint64_t number, std::size_t most,
                                                                     std::size_t most_bytes) const {
  std::vector<DeadLetter> letters;
  std::size_t bytes = 0;
  TRY(database_.scan(keyspace::numbered(keyspace::kDeadLetters, number), rocks::after_prefix(keyspace::kDeadLetters),
                     database_.snapshot(), [&](std::string_view key, std::string_view value) -> Result<Go> {
                       if (letters.size() == most) return Go::kStop;
                       DeadLetter letter = TRY(keyspace::decode_dead_letter(key, value));
                       bytes += letter.reason.size() + letter.raw.size();
                       if (bytes > most_bytes && !letters.empty()) return Go::kStop;
                       letters.push_back(std::move(letter));
                       return Go::kOn;
                     }));
  return letters;
}

Result<std::optional<DeadLetter>> RocksFeatureStore::dead_letter(std::uint64_t number) const {
  const std::string key = keyspace::numbered(keyspace::kDeadLetters, number);
  const auto value = TRY(database_.get(key));
  if (!value) return std::optional<DeadLetter>();
  return std::optional<DeadLetter>(TRY(keyspace::decode_dead_letter(key, *value)));
}

Result<std::vector<LateRecord>> RocksFeatureStore::late_records(std::size_t most, std::size_t most_bytes,
                                                                std::uint64_t* left_out) const {
  return newest_of<LateRecord>(database_, keyspace::kLateRecords, most, most_bytes, left_out, keyspace::decode_late);
}

Result<std::vector<ClockMark>> RocksFeatureStore::clock_marks() const {
  std::vector<ClockMark> marks;
  TRY(database_.scan(keyspace::kMarks, rocks::after_prefix(keyspace::kMarks), database_.snapshot(),
                     [&](std::string_view key, std::string_view value) -> Result<Go> {
                       marks.push_back(TRY(keyspace::decode_mark(key, value)));
                       return Go::kOn;
                     }));
  return marks;
}

Status RocksFeatureStore::visit_archive(const std::function<bool(std::string_view line)>& visit) const {
  return visit_archive_range({}, visit);
}

Status RocksFeatureStore::visit_archive_range(const ArchiveRange& range,
                                              const std::function<bool(std::string_view line)>& visit) const {
  const auto hold = epochs_.hold();
  const rocks::Snapshot now = database_.snapshot();
  RawLineReader reader;
  const auto visit_frames = [&](std::string_view frames, std::string_view what, bool whole) -> Result<Go> {
    Status damaged;
    const bool more = TRY(reader.visit(frames, what, [&](std::string_view line) {
      if (whole) return visit(line);
      const auto record = parse_archived(line);
      if (!record.ok()) return (damaged = record.status()).ok();
      if (record->number >= range.after) return false;
      const bool inside =
          record->number >= range.first && record->arrival >= range.from && record->arrival < range.until;
      return inside ? visit(line) : true;
    }));
    TRY(std::move(damaged).in(what));
    return more ? Go::kOn : Go::kStop;
  };
  // Records of numbers [first, last], all of one hour: none of the range, a part of it, or all.
  enum class Part { kNone, kSome, kAll, kBeyond };
  const auto part_of = [&](std::uint64_t first, std::uint64_t last, ProcessingTime hour) {
    if (first >= range.after) return Part::kBeyond;
    if (last < range.first || hour + 1h <= range.from || hour >= range.until) return Part::kNone;
    const bool all = first >= range.first && last < range.after && hour >= range.from && hour + 1h <= range.until;
    return all ? Part::kAll : Part::kSome;
  };
  return database_.scan(keyspace::kRawFiles, rocks::after_prefix(keyspace::kRawFiles), now,
                        [&](std::string_view, std::string_view value) -> Result<Go> {
                          const auto file = TRY(keyspace::decode_raw_file(value));
                          const Part part = part_of(file.first, file.last, file.hour);
                          if (part == Part::kNone) return Go::kOn;
                          if (part == Part::kBeyond) return Go::kStop;
                          const auto path = options_.directory / file.path;
                          const auto frames = read_file(path);
                          if (frames.code() == Code::kNotFound) return data_loss("{}", frames.message());
                          if (!frames.ok()) return frames.status();
                          if (frames->size() < file.bytes)
                            return data_loss("{}: {} bytes, {} in the manifest", path.string(), frames->size(),
                                             file.bytes);
                          // The writer may be ahead.
                          const std::string_view counted = std::string_view(*frames).substr(0, file.bytes);
                          return visit_frames(counted, path.string(), part == Part::kAll);
                        });
}

}  // namespace tidecast
