// The source of recorded files: see open_file() in source.h.

#include <algorithm>
#include <charconv>

#include "sources/arrival.h"
#include "sources/file_records.h"
#include "sources/limits.h"
#include "sources/unpacked_file.h"

namespace tidecast {
namespace {

// Where to go on: "file IDENTITY byte N arrival MS", N a position of the RecordReader in its unit, MS the arrival of
// the record before.
struct Position {
  std::uint64_t at = 0;
  std::optional<ProcessingTime> arrival;  // nullopt: nothing was read yet.
};

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

class FileSource final : public Source {
 public:
  FileSource(FileOptions options, std::string identity, std::unique_ptr<RecordReader> reader)
      : options_(std::move(options)),
        where_(fmt::format("{}: {}", options_.name, options_.path.string())),
        identity_(std::move(identity)),
        reader_(std::move(reader)),
        ahead_(options_.arrival ? 1 : kLookAhead + 1) {}

  const std::string& name() const override { return options_.name; }

  Status seek(std::string_view cursor) override {
    position_ = TRY(position_of(cursor).in(where_));
    waiting_ = 0;
    rule_ = ArrivalRule(position_.arrival);
    at_end_ = false;
    fault_ = ok();
    next_arrival_.reset();
    failed_ = reader_->seek(position_.at).in(where_);
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
      const Waiting& next = ahead_[first_];
      batch.append(next.record.text(), *next_arrival_);
      position_ = {next.record.end, next_arrival_};
      rule_.leave(next.time, *next_arrival_);
      first_ = (first_ + 1) % ahead_.size();
      --waiting_;
      next_arrival_.reset();
    }
    batch.pad();
    batch.cursor = cursor();
    last_batch_bytes_ = batch.bytes.size();
    return batch;
  }

  double progress() const override {
    return at_end_ && fault_.ok() && waiting_ == 0 ? 1 : reader_->progress(position_.at);
  }

  std::optional<std::uint64_t> total_records() const override { return std::nullopt; }

 private:
  struct Waiting {
    FileRecord record;
    std::optional<EventTime> time;
  };

  std::string cursor() const {
    if (!position_.arrival) return {};
    return fmt::format("file {} {} {} arrival {}", identity_, reader_->unit(), position_.at, position_.arrival->ms());
  }

  Result<Position> position_of(std::string_view cursor) const {
    if (cursor.empty()) return Position{};
    std::string_view rest = cursor;
    const std::string beginning = fmt::format("file {} ", identity_);
    if (!rest.starts_with("file ")) return failed_precondition("the cursor '{}' is not one of a file", cursor);
    if (!rest.starts_with(beginning)) {
      return failed_precondition(
          "the cursor '{}' belongs to another file; this one is {}; a recorded file must be finished before it is "
          "read, "
          "and one that has grown since is another, for a new data folder",
          cursor, identity_);
    }
    rest.remove_prefix(beginning.size());
    const std::string_view unit = rest.substr(0, rest.find(' '));
    const auto at = take_number<std::uint64_t>(rest, fmt::format("{} ", reader_->unit()));
    if (!at && (unit == "byte" || unit == "row" || unit == "sorted"))
      return failed_precondition(
          "the cursor '{}' counts by '{}', which now is '{}': this file was read in another format or order before; "
          "that "
          "needs a new data folder",
          cursor, unit, reader_->unit());
    const auto arrival = at ? take_number<std::int64_t>(rest, " arrival ") : std::nullopt;
    if (!arrival || !rest.empty()) return failed_precondition("the cursor '{}' is damaged", cursor);
    return Position{*at, ProcessingTime::from_ms(*arrival)};
  }

  // The time that the arrival rule goes by.  An arrival of its own is the median of itself alone.
  std::optional<EventTime> time_of(std::string_view record) const {
    if (!options_.arrival) return options_.event_time(record);
    const auto arrival = options_.arrival(record);
    return arrival ? std::optional(EventTime::from_ms(arrival->ms())) : std::nullopt;
  }

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
    while (!at_end_ && waiting_ < ahead_.size()) {
      Waiting& last = ahead_[(first_ + waiting_) % ahead_.size()];
      const auto more = reader_->next(last.record);
      if (more.code() == Code::kUnavailable) return more.status();  // The disk's trouble, not the end of the file.
      if (!more.ok()) fault_ = more.status();
      if (!more.ok() || !*more) {
        at_end_ = true;
        break;
      }
      last.time = time_of(last.record.text());
      rule_.enter(last.time);
      ++waiting_;
    }
    if (waiting_ == 0) return fault_;
    next_arrival_ = rule_.arrival(ahead_[first_].time);
    if (!next_arrival_) next_arrival_ = TRY(first_time());
    return ok();
  }

  // The file begins with more records without a time than are looked at ahead.  The first that is known is then that of
  // the first record that has one; it is looked for apart, so that nothing needs to be kept.  In a sorted file, where
  // records without a time come first, it is the earliest.
  Result<ProcessingTime> first_time() {
    const auto reader = TRY(open_records(options_));
    std::optional<EventTime> first;
    for (FileRecord record;;) {
      const auto more = reader->next(record);
      if (!more.ok() && !first) return more.status();
      if (!more.ok() || !*more) break;
      const auto time = time_of(record.text());
      if (time && (!first || *time < *first)) first = time;
      if (first && !options_.sort_by_arrival) break;
    }
    if (first) return ProcessingTime::from_ms(first->ms());
    const std::string_view what = options_.arrival ? "arrival" : "event";
    return invalid_argument("no record has an {} time that can be read; do the time's pointer and unit fit?", what);
  }

  FileOptions options_;
  std::string where_;     // What errors begin with.
  std::string identity_;  // Of the file.
  std::unique_ptr<RecordReader> reader_;
  std::vector<Waiting> ahead_;                  // A ring of what is read and not given out: from first_ on,
  std::size_t first_ = 0, waiting_ = 0;         // so many.
  ArrivalRule rule_;                            // Has entered those of ahead_.
  std::optional<ProcessingTime> next_arrival_;  // Of the first of them, once it is known.
  Status failed_;
  bool at_end_ = false;  // The file has no more records than those in ahead_,
  Status fault_;         // or none that can be read.
  Position position_;    // After the last record given out.
  std::size_t last_batch_bytes_ = 0;
};

}  // namespace

Result<std::unique_ptr<Source>> open_file(FileOptions options) {
  if (!options.event_time && !options.arrival)
    return invalid_argument("{}: event_time or arrival is missing; arrivals follow from it", options.name);
  if (options.sort_by_arrival && !options.arrival)
    return invalid_argument("{}: sorted by arrival, but there is no arrival", options.name);
  std::string identity = TRY(UnpackedFile::open(options.path).in(options.name)).identity();
  auto reader = TRY(open_records(options).in(options.name));
  if (options.sort_by_arrival) reader = sorted_by_arrival(std::move(reader), options.arrival, options.scratch);
  return std::unique_ptr<Source>(
      std::make_unique<FileSource>(std::move(options), std::move(identity), std::move(reader)));
}

}  // namespace tidecast
