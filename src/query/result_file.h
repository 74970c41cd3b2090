#pragma once
// A query's result as the bytes of a file.  Private to this room.

#include <filesystem>
#include <string>

#include "query/query.h"
#include "storage/duck.h"

namespace tidecast {

// CSV, JSON or NDJSON of `query`, which the guard has seen, in a locked session.
Result<QueryFile> text_file(duck::Session& session, const std::string& query, SqlFormat format,
                            const QueryLimits& limits);

// A folder of this process alone, with nothing in it, gone with the object.
class PrivateFolder {
 public:
  static Result<PrivateFolder> make();
  PrivateFolder(PrivateFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  PrivateFolder& operator=(PrivateFolder&&) = delete;
  ~PrivateFolder();
  std::filesystem::path result() const { return path_ / "result.parquet"; }

 private:
  explicit PrivateFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

// The same as Parquet, by way of folder.result(), the one file that the locked session may write.  The query itself can
// not: it is a SELECT, and it has ended when our own COPY begins.
Result<QueryFile> parquet_file(duck::Session& session, const std::string& query, const PrivateFolder& folder,
                               const QueryLimits& limits);

}  // namespace tidecast
