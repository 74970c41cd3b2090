// Rows of a CSV file as records: see open_csv() in file_records.h.

#include "sources/csv.h"
#include "sources/file_records.h"
#include "sources/limits.h"
#include "sources/lines.h"

namespace tidecast {
namespace {

class CsvReader final : public RecordReader {
 public:
  CsvReader(UnpackedFile file, char delimiter) : lines_(std::move(file)), row_(delimiter), columns_({}) {}

  // Takes the header, or counts the first row's fields.
  Status begin(bool header) {
    auto found = TRY(next_row());
    if (!found) return ok();
    const std::uint64_t begin = found->begin;
    if (found->cut && header) return invalid_argument("line 1: a header longer than {} MB", kLongestLine >> 20);
    while (found && found->cut) found = TRY(next_row());  // As many as the first row that can be counted has.
    if (!found) {
      columns_ = CsvObject(std::vector<std::string>(1));
      return lines_.seek(begin);
    }
    std::string_view text = lines_.text(found->begin, found->end);
    if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff"))
      return invalid_argument("line 1: the file is UTF-16; allowed: UTF-8");
    if (found->state != CsvRow::State::kWhole && header)
      return invalid_argument("line 1: a quote in the header that is not closed, or inside of a name");
    std::vector<std::string> columns(found->state == CsvRow::State::kWhole ? row_.size() : 1);
    if (header)
      for (std::size_t i = 0; i < columns.size(); ++i) columns[i] = row_.field(text, i);
    columns_ = CsvObject(std::move(columns));
    if (!header && found->begin != begin) return lines_.seek(begin);
    if (header)
      first_ = found->end;
    else
      lines_.back_to(begin);
    return ok();
  }

  Status seek(std::uint64_t position) override { return lines_.seek(std::max(position, first_)); }

  Result<bool> next(FileRecord& record) override {
    const auto found = TRY(next_row());
    if (!found) return false;
    if (found->cut) {
      record.set(cut_line(found->begin, found->end - found->begin, kLongestLine, lines_.text(*found->cut)), found->end);
      return true;
    }
    std::string_view text = lines_.text(found->begin, found->end);
    if (found->state == CsvRow::State::kWhole && row_.size() == columns_.size()) {
      record.bytes.clear();
      columns_.append(text, row_, record.bytes);
      record.pad(found->end);
      return true;
    }
    // What follows the first line may be rows that are right.
    text = text.substr(0, found->first_line);
    lines_.back_to(found->begin + text.size());
    record.set(text, found->begin + text.size());
    return true;
  }

  std::string_view unit() const override { return "byte"; }
  double progress(std::uint64_t position) const override { return lines_.file().progress(position); }

 private:
  struct Found {
    std::uint64_t begin = 0, end = 0;
    std::size_t first_line = 0;  // Its length.
    CsvRow::State state = CsvRow::State::kOpen;
    std::optional<Line> cut{};  // The line, where it is too long.
  };

  // Reads on until a row is whole or known to be broken.  One that is still open at the end of the file, or when it is
  // longer than a line may be, is broken too.
  Result<std::optional<Found>> next_row() {
    row_.clear();
    const auto line = TRY(lines_.next(UINT64_MAX));
    if (!line) return std::optional<Found>();
    Found found{.begin = line->offset, .end = line->end(), .first_line = line->length};
    if (line->cut > 0) {
      found.cut = *line;
      return std::optional(found);
    }
    if (found.begin == 0 && lines_.text(*line).starts_with(kByteOrderMark)) {
      found.begin += kByteOrderMark.size();
      found.first_line -= kByteOrderMark.size();
    }
    for (;;) {
      found.state = row_.parse(lines_.text(found.begin, found.end));
      if (found.state != CsvRow::State::kOpen) return std::optional(found);
      const auto more = lines_.next(found.begin);
      if (more.code() == Code::kUnavailable) return more.status();
      if (more.ok() && *more && (*more)->cut > 0) {  // Then the first line is at hand no more.
        TRY(lines_.seek(found.begin));
        TRY(lines_.next(UINT64_MAX));
        found.end = found.begin + found.first_line;
        return std::optional(found);
      }
      if (!more.ok() || !*more || (*more)->end() - found.begin > kLongestLine) return std::optional(found);
      found.end = (*more)->end();
    }
  }

  LineReader lines_;
  CsvRow row_;
  CsvObject columns_;
  std::uint64_t first_ = 0;  // Where the rows begin: after the header.
};

}  // namespace

Result<std::unique_ptr<RecordReader>> open_csv(const std::filesystem::path& path, char delimiter, bool header) {
  if (delimiter == 0) {
    const std::string name = path.filename().string();
    delimiter = name.find(".tsv") == name.npos ? ',' : '\t';
  }
  if (delimiter == '"' || delimiter == '\n' || delimiter == '\r')
    return invalid_argument("{}: a delimiter cannot be a quote or a line end", path.string());
  auto reader = std::make_unique<CsvReader>(TRY(UnpackedFile::open(path)), delimiter);
  TRY(reader->begin(header).in(path.string()));
  return std::unique_ptr<RecordReader>(std::move(reader));
}

}  // namespace tidecast
