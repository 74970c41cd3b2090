#pragma once
// The records of a file one after the other, whatever its format: what open_file() gives arrival times to.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "flow/event.h"
#include "sources/source.h"

namespace tidecast {

struct FileRecord {
  std::string bytes;      // The record, then kRawPadding zero bytes.
  std::uint64_t end = 0;  // The position after it, for seek().

  std::string_view text() const { return std::string_view(bytes).substr(0, bytes.size() - kRawPadding); }
  void set(std::string_view record, std::uint64_t after) {
    bytes.assign(record);
    pad(after);
  }
  void pad(std::uint64_t after) {  // Once `bytes` has the record alone.
    bytes.append(kRawPadding, '\0');
    end = after;
  }
};

// Memory is bounded by the longest record.  Not thread-safe.
class RecordReader {
 public:
  virtual ~RecordReader() = default;

  // Goes to a position: 0, or the end of a record.  Errors: as next(); kFailedPrecondition - the file ends before.
  virtual Status seek(std::uint64_t position) = 0;

  // The next record; false at the end.
  // Of a line that is too long it is the text of cut_line(): no record for anybody.
  // Errors: kDataLoss - damaged or cut short;  kUnavailable - the disk said no;  kInvalidArgument - not of the format.
  virtual Result<bool> next(FileRecord& record) = 0;

  virtual std::string_view unit() const = 0;  // What a position counts, for cursors: "byte".
  virtual double progress(std::uint64_t position) const = 0;
};

// The format that a file's name stands for, with or without .gz, .zst: NDJSON, unless it ends in .csv, .tsv, .parquet.
FileFormat format_of(const std::filesystem::path& path);

// By the options' format, or that of the name; in the order of the file, whatever the options say about sorting.
// Errors: kNotFound - no such file;  kUnavailable - it cannot be read;  kInvalidArgument - not of this format.
Result<std::unique_ptr<RecordReader>> open_records(const FileOptions& options);

// One a line of NDJSON; a byte order mark at the beginning is passed over.
Result<std::unique_ptr<RecordReader>> open_lines(const std::filesystem::path& path);

// One a row of CSV, as JSON {"column": value} (csv.h).  A row that has another number of fields than the header, or a
// quote where none belongs, is a record of its first line as it stands, and reading goes on with the line after.
// delimiter 0: a tab in a file called .tsv, else a comma.  Without a header columns are called c1, c2, ...
Result<std::unique_ptr<RecordReader>> open_csv(const std::filesystem::path& path, char delimiter, bool header);

// One a row of Parquet, as JSON: times as RFC 3339 text in UTC, lists and structs as arrays and objects
// (storage/duck.h). Positions count rows.
Result<std::unique_ptr<RecordReader>> open_parquet(const std::filesystem::path& path);

// The records of `reader` (at its beginning) in the order of their arrival, those of one arrival in that of the reader.
// One without an arrival comes after the one before it; those at the beginning come first of all.  Positions count
// records.  The first call of next() or seek() reads everything and writes it, sorted, to a file without a name in
// `scratch`, in pieces of about `memory` bytes; a fault of the content comes after the records before it.
std::unique_ptr<RecordReader> sorted_by_arrival(std::unique_ptr<RecordReader> reader, ArrivalReader arrival,
                                                std::filesystem::path scratch,
                                                std::size_t memory = std::size_t{64} << 20);

}  // namespace tidecast
