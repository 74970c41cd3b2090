// The source of recorded files: see open_file() in source.h.

#include <algorithm>
#include <charconv>
#include <deque>

#include "sources/arrival.h"
#include "sources/limits.h"
#include "sources/lines.h"
#include "sources/source.h"

namespace tidecast {
namespace {

// Where to go on: "file IDENTITY byte N arrival MS", N in the unpacked stream, MS the arrival of the record before.
struct Position {
  std::uint64_t byte = 0;
  std::optional<ProcessingTime> arrival;  // nullopt: nothing was read yet.
};

std::string cursor_of(const std::string& identity, const Position& position) {
  if (!position.arrival) return {};
  return fmt::format("file {} byte {} arrival {}", identity, position.byte, position.arrival->ms());
}

// The number between `before` and `after` in `text`, of which both are cut off; nullopt if it does not look so.
template <typename Number>
std::optional<Number> take_number(std::string_view& text, std::string_view before) {
  if (!text.starts_with(before)) return std::nullopt;
  text.remove_prefix(before.size());
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

Result<Position> position_of(std::string_view cursor, const std::string& identity) {
  if (cursor.empty()) return Position{};
  std::string_view rest = cursor;
  const std::string beginning = fmt::format("file {} ", identity);
  if (!rest.starts_with("file ")) return failed_precondition("the cursor '{}' is not one of a file", cursor);
  if (!rest.starts_with(beginning)) {
    return failed_precondition(
        "the cursor '{}' belongs to another file; this one is {}; a recorded file must be finished before it is read, "
        "and one that has grown since is another, for a new data folder",
        cursor, identity);
  }
  rest.remove_prefix(beginning.size());
  const auto byte = take_number<std::uint64_t>(rest, "byte ");
  const auto arrival = byte ? take_number<std::int64_t>(rest, " arrival ") : std::nullopt;
  if (!arrival || !rest.empty()) return failed_precondition("the cursor '{}' is damaged", cursor);
  return Position{*byte, ProcessingTime::from_ms(*arrival)};
}

class FileSource final : public Source {
 public:
  FileSource(FileOptions options, UnpackedFile file)
      : options_(std::move(options)),
        where_(fmt::format("{}: {}", options_.name, options_.path.string())),
        lines_(std::move(file)) {}

  const std::string& name() const override { return options_.name; }

  Status seek(std::string_view cursor) override {
    position_ = TRY(position_of(cursor, lines_.file().identity()).in(where_));
    ahead_.clear();
    rule_ = ArrivalRule(position_.arrival);
    at_end_ = false;
    fault_ = ok();
    next_arrival_.reset();
    failed_ = lines_.seek(position_.byte).in(where_);
    return failed_;
  }

  Result<std::optional<ProcessingTime>> next_arrival() override {
    TRY(look_ahead());
    return next_arrival_;
  }

  Result<RawBatch> read(ProcessingTime until, std::size_t max_records) override {
    RawBatch batch;
    batch.bytes.reserve(last_batch_bytes_);
    const std::size_t most = std::max<std::size_t>(max_records, 1);
    while (batch.records.size() < most && batch.bytes.size() < kFullBatchBytes) {
      if (Status status = look_ahead(); !status.ok()) {
        if (batch.empty()) return status;
        break;  // What was good is given out first.
      }
      if (!next_arrival_ || *next_arrival_ > until) break;
      const Waiting& record = ahead_.front();
      batch.append(lines_.text(record.line), *next_arrival_);
      position_ = {record.line.end(), next_arrival_};
      rule_.leave(record.time, *next_arrival_);
      ahead_.pop_front();
      next_arrival_.reset();
    }
    batch.pad();
    batch.cursor = cursor_of(lines_.file().identity(), position_);
    last_batch_bytes_ = batch.bytes.size();
    return batch;
  }

  double progress() const override {
    if (at_end_ && fault_.ok() && ahead_.empty()) return 1;
    if (lines_.file().is_packed()) return lines_.file().read_fraction();  // A little ahead of the records given out.
    return static_cast<double>(position_.byte) / static_cast<double>(std::max<std::uint64_t>(lines_.file().size(), 1));
  }

  std::optional<std::uint64_t> total_records() const override { return std::nullopt; }

 private:
  struct Waiting {
    Line line;
    std::optional<EventTime> time;
  };

  // Makes sure that the next record's arrival is known; it stays nullopt at the end.  An error stays until a seek().
  Status look_ahead() {
    if (next_arrival_) return ok();
    if (failed_.ok()) {
      if (Status status = read_ahead(); status.ok())
        return ok();
      else
        failed_ = std::move(status).in(where_);
    }
    return failed_;
  }

  Status read_ahead() {
    while (!at_end_ && ahead_.size() <= kLookAhead) {
      const auto line = lines_.next(ahead_.empty() ? UINT64_MAX : ahead_.front().line.offset);
      if (line.code() == Code::kUnavailable) return line.status();  // The disk's trouble, not the end of the file.
      if (!line.ok()) fault_ = line.status();
      if (!line.ok() || !*line) {
        at_end_ = true;
        break;
      }
      const std::optional<EventTime> time = options_.event_time(lines_.text(**line));
      ahead_.push_back({**line, time});
      rule_.enter(time);
    }
    if (ahead_.empty()) return fault_;
    next_arrival_ = rule_.arrival(ahead_.front().time);
    if (!next_arrival_) next_arrival_ = TRY(first_event_time());
    return ok();
  }

  // The file begins with more than kLookAhead records without an event time.  The first median that is known is then
  // the event time of the first record that has one; it is looked for apart, so that nothing needs to be kept.
  Result<ProcessingTime> first_event_time() {
    LineReader lines(TRY(UnpackedFile::open(options_.path)));
    while (const auto line = TRY(lines.next(UINT64_MAX))) {
      if (const auto time = options_.event_time(lines.text(*line))) return ProcessingTime::from_ms(time->ms());
    }
    return invalid_argument("no record has an event time that can be read; do the time's pointer and unit fit?");
  }

  FileOptions options_;
  std::string where_;  // What errors begin with.
  LineReader lines_;
  std::deque<Waiting> ahead_;                   // Read, not given out: the next record and up to kLookAhead more.
  ArrivalRule rule_;                            // Has entered those of ahead_.
  std::optional<ProcessingTime> next_arrival_;  // Of ahead_.front(), once it is known.
  Status failed_;
  bool at_end_ = false;  // The file has no more lines than those in ahead_,
  Status fault_;         // or none that can be read.
  Position position_;    // After the last record given out.
  std::size_t last_batch_bytes_ = 0;
};

}  // namespace

Result<std::unique_ptr<Source>> open_file(FileOptions options) {
  if (!options.event_time) return invalid_argument("{}: event_time is missing; arrivals follow from it", options.name);
  UnpackedFile file = TRY(UnpackedFile::open(options.path).in(options.name));
  return std::unique_ptr<Source>(std::make_unique<FileSource>(std::move(options), std::move(file)));
}

}  // namespace tidecast
