// The records of a file in the order of their arrival: see sorted_by_arrival() in file_records.h.
//
// An external merge sort: as many records as fit memory are sorted and written, one run after another; then the runs
// are merged as they are read.  A record in a run is its arrival, its length and its bytes.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <queue>

#include "sources/file_records.h"

namespace tidecast {
namespace {

struct Head {
  std::int64_t arrival_ms;
  std::uint64_t length;
};

// Runs one behind the other in a file without a name, which goes when it is closed, however that happens.
class RunFile {
 public:
  RunFile() = default;
  RunFile(const RunFile&) = delete;
  ~RunFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  Status create(const std::filesystem::path& folder) {
    std::error_code ignored;
    path_ = folder.empty() ? std::filesystem::temp_directory_path(ignored) : folder;
    std::string name = (path_ / "tidecast-sort-XXXXXX").string();
    descriptor_ = ::mkostemp(name.data(), O_CLOEXEC);
    if (descriptor_ < 0) return failed("no file to sort in");
    ::unlink(name.c_str());
    return ok();
  }

  Status append(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t wrote = ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(size_));
      if (wrote < 0 && errno != EINTR) return failed("sorting by arrival needs the room of all records");
      if (wrote <= 0) continue;
      size_ += static_cast<std::uint64_t>(wrote);
      bytes.remove_prefix(static_cast<std::size_t>(wrote));
    }
    return ok();
  }

  Status read(std::uint64_t from, char* out, std::size_t count) const {
    while (count > 0) {
      const ssize_t got = ::pread(descriptor_, out, count, static_cast<off_t>(from));
      if (got < 0 && errno != EINTR) return failed("reading what was sorted");
      if (got == 0) return internal_error("{}: what was sorted is cut short", path_.string());
      if (got < 0) continue;
      from += static_cast<std::uint64_t>(got);
      out += got;
      count -= static_cast<std::size_t>(got);
    }
    return ok();
  }

  std::uint64_t size() const { return size_; }

 private:
  Status failed(std::string_view what) const {
    return unavailable("{}: {}: {}", path_.string(), what, std::strerror(errno));
  }

  std::filesystem::path path_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

// One run as it is read; its next record stands in `head` and `bytes`.
struct Run {
  std::uint64_t at, end;  // In the file: what is not in the buffer yet.
  std::string buffer;
  std::size_t used = 0;
  Head head{};
  std::string_view bytes;

  // False at its end.
  Result<bool> advance(const RunFile& file, std::size_t piece) {
    if (used == buffer.size() && at == end) return false;
    TRY(need(sizeof head, file, piece));
    std::memcpy(&head, buffer.data() + used, sizeof head);
    used += sizeof head;
    TRY(need(head.length, file, piece));
    bytes = std::string_view(buffer).substr(used, head.length);
    used += head.length;
    return true;
  }

  Status need(std::size_t count, const RunFile& file, std::size_t piece) {
    if (buffer.size() - used >= count) return ok();
    buffer.erase(0, used);
    used = 0;
    const std::size_t had = buffer.size();
    const std::size_t more = std::min<std::uint64_t>(end - at, std::max(piece, count - had));
    buffer.resize(had + more);
    TRY(file.read(at, buffer.data() + had, more));
    at += more;
    return ok();
  }
};

class SortedReader final : public RecordReader {
 public:
  SortedReader(std::unique_ptr<RecordReader> reader, ArrivalReader arrival, std::filesystem::path scratch,
               std::size_t memory)
      : reader_(std::move(reader)), arrival_(std::move(arrival)), scratch_(std::move(scratch)), memory_(memory) {}

  Status seek(std::uint64_t position) override {
    if (!file_ && position == 0) return ok();
    TRY(sort());
    if (position > total_) return failed_precondition("has {} records, none at {}", total_, position);
    if (position < position_) TRY(begin());
    FileRecord skipped;
    while (position_ < position) TRY(next(skipped));
    return ok();
  }

  Result<bool> next(FileRecord& record) override {
    TRY(sort());
    if (order_.empty()) {
      TRY(fault_);
      return false;
    }
    const std::size_t first = order_.top().second;
    record.set(runs_[first].bytes, ++position_);
    order_.pop();
    TRY(advance(first));
    return true;
  }

  std::string_view unit() const override { return "sorted"; }
  double progress(std::uint64_t position) const override {
    return static_cast<double>(position) / static_cast<double>(std::max<std::uint64_t>(total_, 1));
  }

 private:
  struct Kept {
    std::int64_t arrival_ms;
    std::size_t offset, length;
  };

  // Once: reads all records and writes them in sorted runs.
  Status sort() {
    if (file_) return ok();
    auto file = std::make_unique<RunFile>();
    TRY(file->create(scratch_));
    TRY(reader_->seek(0));
    ends_.clear();
    total_ = 0;
    fault_ = ok();
    std::string bytes;
    std::vector<Kept> kept;
    std::int64_t arrival_ms = INT64_MIN;  // Of those before the first that has one.
    for (FileRecord record;;) {
      const auto more = reader_->next(record);
      if (more.code() == Code::kUnavailable) return more.status();
      if (!more.ok()) fault_ = more.status();
      if (!more.ok() || !*more) break;
      if (const auto arrival = arrival_(record.text())) arrival_ms = arrival->ms();
      kept.push_back({arrival_ms, bytes.size(), record.text().size()});
      bytes += record.text();
      ++total_;
      if (bytes.size() + kept.size() * sizeof(Kept) >= memory_) TRY(write_run(*file, bytes, kept));
    }
    if (!kept.empty()) TRY(write_run(*file, bytes, kept));
    file_ = std::move(file);
    return begin();
  }

  Status write_run(RunFile& file, std::string& bytes, std::vector<Kept>& kept) {
    std::stable_sort(kept.begin(), kept.end(),
                     [](const Kept& a, const Kept& b) { return a.arrival_ms < b.arrival_ms; });
    std::string out;
    for (const Kept& one : kept) {
      const Head head{one.arrival_ms, one.length};
      out.append(reinterpret_cast<const char*>(&head), sizeof head).append(bytes, one.offset, one.length);
      if (out.size() < kPiece) continue;
      TRY(file.append(out));
      out.clear();
    }
    TRY(file.append(out));
    ends_.push_back(file.size());
    bytes.clear();
    kept.clear();
    return ok();
  }

  // To the first of the sorted records.
  Status begin() {
    position_ = 0;
    runs_.clear();
    order_ = {};
    std::uint64_t at = 0;
    for (const std::uint64_t end : ends_) runs_.push_back({.at = std::exchange(at, end), .end = end});
    for (std::size_t r = 0; r < runs_.size(); ++r) TRY(advance(r));
    return ok();
  }

  Status advance(std::size_t run) {
    if (TRY(runs_[run].advance(*file_, kPiece))) order_.push({runs_[run].head.arrival_ms, run});
    return ok();
  }

  static constexpr std::size_t kPiece = 64 << 10;     // Read or written at a time.
  using Next = std::pair<std::int64_t, std::size_t>;  // Arrival and run; of one arrival, the earlier run first.

  std::unique_ptr<RecordReader> reader_;
  ArrivalReader arrival_;
  std::filesystem::path scratch_;
  std::size_t memory_;
  std::unique_ptr<RunFile> file_;    // Null until all is sorted.
  std::vector<std::uint64_t> ends_;  // Of the runs in it.
  std::vector<Run> runs_;
  std::priority_queue<Next, std::vector<Next>, std::greater<>> order_;  // The next record of every run.
  std::uint64_t total_ = 0, position_ = 0;                              // In records.
  Status fault_;                                                        // After all of them.
};

}  // namespace

std::unique_ptr<RecordReader> sorted_by_arrival(std::unique_ptr<RecordReader> reader, ArrivalReader arrival,
                                                std::filesystem::path scratch, std::size_t memory) {
  return std::make_unique<SortedReader>(std::move(reader), std::move(arrival), std::move(scratch), memory);
}

}  // namespace tidecast
