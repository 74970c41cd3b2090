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

// The same as Parquet, by way of `file`, the one that the locked session may write, in a folder that nobody else knows.
// The query itself can not: it is a SELECT, and it has ended when our own COPY begins.
Result<QueryFile> parquet_file(duck::Session& session, const std::string& query, const std::filesystem::path& file,
                               const QueryLimits& limits);

}  // namespace tidecast
