// Rows of a Parquet file as records: see open_parquet() in file_records.h.

#include "sources/csv.h"
#include "sources/file_records.h"
#include "storage/duck.h"

namespace tidecast {
namespace {

class ParquetReader final : public RecordReader {
 public:
  ParquetReader(duck::Session session, const std::filesystem::path& path)
      : session_(std::move(session)),
        table_(fmt::format("read_parquet({}, hive_partitioning = false)", duck::quoted_text(path.string()))) {}

  Status begin() {
    const auto counted = TRY(session_.query("SELECT count(*) FROM " + table_));
    total_ = counted.rows.at(0).at(0).to_number<std::uint64_t>();
    return seek(0);
  }

  Status seek(std::uint64_t position) override {
    if (position > total_) return failed_precondition("has {} rows, none at {}", total_, position);
    rows_.reset();  // Before the session takes another statement.
    rows_ = std::make_unique<duck::Rows>(
        TRY(duck::Rows::open(session_, fmt::format("SELECT * FROM {} OFFSET {}", table_, position))));
    position_ = position;
    keys_.clear();
    for (const duck::Column& column : rows_->columns()) {
      std::string& key = keys_.emplace_back(keys_.empty() ? "{" : ",");
      append_json_text(column.name, key);
      key += ':';
    }
    return ok();
  }

  Result<bool> next(FileRecord& record) override {
    auto row = rows_->next();
    // What DuckDB finds wrong on the way is the file's fault: the statement was taken.
    if (row.code() == Code::kInvalidArgument) return data_loss("row {}: {}", position_ + 1, row.message());
    const auto values = TRY(std::move(row));
    if (!values) return false;
    record.bytes.clear();
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      record.bytes += keys_[i];
      record.bytes += to_text((*values)[i]);
    }
    record.bytes += '}';
    record.pad(++position_);
    return true;
  }

  std::string_view unit() const override { return "row"; }
  double progress(std::uint64_t position) const override {
    return static_cast<double>(position) / static_cast<double>(std::max<std::uint64_t>(total_, 1));
  }

 private:
  duck::Session session_;
  std::string table_;
  std::uint64_t total_ = 0, position_ = 0;  // In rows.
  std::unique_ptr<duck::Rows> rows_;        // From position_ on.
  std::vector<std::string> keys_;           // {"first": and then ,"second":
};

}  // namespace

Result<std::unique_ptr<RecordReader>> open_parquet(const std::filesystem::path& path) {
  if (path.string().find_first_of("*?[") != std::string::npos)
    return invalid_argument("{}: a Parquet file's path may have no *, ? or [", path.string());
  auto reader = std::make_unique<ParquetReader>(TRY(duck::Session::open()), path);
  TRY(reader->begin().in(path.string()));
  return std::unique_ptr<RecordReader>(std::move(reader));
}

}  // namespace tidecast
