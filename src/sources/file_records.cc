#include "sources/file_records.h"

#include "sources/limits.h"
#include "sources/lines.h"

namespace tidecast {
namespace {

class NdjsonReader final : public RecordReader {
 public:
  explicit NdjsonReader(UnpackedFile file) : lines_(std::move(file)) {}

  Status seek(std::uint64_t position) override { return lines_.seek(position); }

  Result<bool> next(FileRecord& record) override {
    while (const auto line = TRY(lines_.next(UINT64_MAX))) {
      std::string_view text = lines_.text(*line);
      if (line->cut > 0) {
        record.set(cut_line(line->offset, line->length + line->cut, kLongestLine, text), line->end());
        return true;
      }
      if (line->offset == 0 && text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
      if (text.empty()) continue;
      record.set(text, line->end());
      return true;
    }
    return false;
  }

  std::string_view unit() const override { return "byte"; }
  double progress(std::uint64_t position) const override { return lines_.file().progress(position); }

 private:
  LineReader lines_;
};

}  // namespace

FileFormat format_of(const std::filesystem::path& path) {
  std::filesystem::path name = path.filename();
  if (name.extension() == ".gz" || name.extension() == ".zst" || name.extension() == ".zstd") name = name.stem();
  if (name.extension() == ".csv" || name.extension() == ".tsv") return FileFormat::kCsv;
  return name.extension() == ".parquet" ? FileFormat::kParquet : FileFormat::kNdjson;
}

Result<std::unique_ptr<RecordReader>> open_lines(const std::filesystem::path& path) {
  UnpackedFile file = TRY(UnpackedFile::open(path));
  return std::unique_ptr<RecordReader>(std::make_unique<NdjsonReader>(std::move(file)));
}

Result<std::unique_ptr<RecordReader>> open_records(const FileOptions& options) {
  switch (options.format == FileFormat::kByName ? format_of(options.path) : options.format) {
    case FileFormat::kCsv: return open_csv(options.path, options.delimiter, options.header);
    case FileFormat::kParquet: return open_parquet(options.path);
    default: return open_lines(options.path);
  }
}

}  // namespace tidecast
