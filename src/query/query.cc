#include "query/query.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "features/offline_files.h"
#include "query/guard.h"
#include "storage/duck.h"

namespace tidecast {
namespace {

// Of dead letters and of late records, each: so many rows and so many bytes of text are shown.
constexpr std::size_t kMostRecords = 100'000, kMostRecordBytes = 64 << 20;

// Interrupts the session when the time is up, unless it is destroyed before.
class Deadline {
 public:
  Deadline(duck::Session& session, const QueryLimits& limits)
      : time_(limits.time), due_(std::chrono::steady_clock::now() + limits.time), watcher_([this, &session, &limits] {
          std::unique_lock lock(mutex_);
          while (!passed()) {
            const auto slice = std::min(due_, std::chrono::steady_clock::now() + 100ms);
            if (ended_.wait_until(lock, slice, [this] { return over_; })) return;
            stopped_ = limits.stop && limits.stop();
          }
          // Again and again: an interrupt between two of the query's steps would be lost.
          do session.interrupt();
          while (!ended_.wait_for(lock, 10ms, [this] { return over_; }));
        }) {}
  ~Deadline() {
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    ended_.notify_all();
    watcher_.join();
  }

  bool passed() const { return stopped_ || std::chrono::steady_clock::now() >= due_; }
  // kCancelled once it has passed: for what is done outside of DuckDB, where no interrupt reaches.
  Status check() const {
    if (stopped_) return cancelled("the query was stopped: the program ends");
    return passed() ? cancelled("the query took longer than {}", to_text(time_)) : ok();
  }

 private:
  const Milliseconds time_;
  const std::chrono::steady_clock::time_point due_;
  std::mutex mutex_;
  std::condition_variable ended_;
  bool over_ = false;
  std::atomic<bool> stopped_ = false;
  std::thread watcher_;
};

// Whether the text has the name in it as a word, in upper or lower case, wherever.  Too often is only slow.
bool mentions(std::string_view sql, std::string_view name) {
  const auto same = [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
  };
  const auto in_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  for (auto at = sql.begin();; ++at) {
    at = std::search(at, sql.end(), name.begin(), name.end(), same);
    if (at == sql.end()) return false;
    const auto after = at + static_cast<std::ptrdiff_t>(name.size());
    if ((at == sql.begin() || !in_word(at[-1])) && (after == sql.end() || !in_word(*after))) return true;
  }
}

// ---- tables -------------------------------------------------------------------------------------------------------

// Two views over the group's files and a table with the rows of its outbox.  Windows are only ever appended, so each is
// there once; the newest write would win if that changed.
Status add_group(duck::Session& session, const FeatureStore& store, const FeatureGroup& group,
                 std::vector<std::string>& readable) {
  const auto view = TRY(store.offline(group.name));
  const std::string outbox = group.name + "_outbox_";
  TRY(create_rows_table(session, outbox, group, view.outbox));
  std::string history = "SELECT * FROM " + duck::quoted_name(outbox);
  if (!view.files.empty()) history = fmt::format("SELECT * FROM {} UNION ALL {}", parquet_source(view.files), history);
  for (const auto& file : view.files) readable.push_back(file.path.string());
  TRY(session.exec(fmt::format("CREATE VIEW {} AS {}", duck::quoted_name(group.name + "_history"), history)));
  std::string columns = "event_time, write_time, window_start, window_end";
  for (const auto& column : group.columns) columns += ", " + duck::quoted_name(column.name);
  return session.exec(fmt::format("CREATE VIEW {} AS SELECT {} FROM {} WHERE NOT is_deleted",
                                  duck::quoted_name(group.name), columns, duck::quoted_name(group.name + "_history")));
}

std::string_view sql_name(SqlType type) {
  switch (type) {
    case SqlType::kBoolean: return "BOOLEAN";
    case SqlType::kInteger: return "BIGINT";
    case SqlType::kNumber: return "DOUBLE";
    case SqlType::kText: return "VARCHAR";
    case SqlType::kTime: return "TIMESTAMPTZ";
  }
  return "VARCHAR";
}

// DuckDB takes UTF-8 only; a dead letter may be any bytes.  Those that are no UTF-8 become U+FFFD, one a byte.
std::string as_utf8(std::string_view bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size();) {
    const auto at = [&](std::size_t k) { return i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u; };
    const unsigned first = at(0);
    const std::size_t length = first < 0x80                    ? 1
                               : first >= 0xc2 && first < 0xe0 ? 2
                               : first >= 0xe0 && first < 0xf0 ? 3
                               : first >= 0xf0 && first < 0xf5 ? 4
                                                               : 0;
    bool valid = length > 0;
    for (std::size_t k = 1; k < length; ++k) valid = valid && (at(k) & 0xc0) == 0x80;
    if (length == 3)
      valid = valid && !(first == 0xe0 && at(1) < 0xa0) && !(first == 0xed && at(1) >= 0xa0);  // Too long; surrogates.
    if (length == 4) valid = valid && !(first == 0xf0 && at(1) < 0x90) && !(first == 0xf4 && at(1) >= 0x90);
    text += valid ? bytes.substr(i, length) : "\xef\xbf\xbd";
    i += valid ? length : 1;
  }
  return text;
}

Status append_value(duck::Appender& appender, SqlType type, const SqlValue& value) {
  if (value.is_null())
    appender.null();
  else if (type == SqlType::kBoolean && value.is_bool())
    appender.boolean(value.get_bool());
  else if (type == SqlType::kInteger && value.is_int64())
    appender.integer(value.get_int64());
  else if (type == SqlType::kTime && value.is_int64())
    appender.time(value.get_int64());
  else if (type == SqlType::kNumber && value.is_double())
    appender.number(value.get_double());
  else if (type == SqlType::kNumber && value.is_int64())
    appender.number(static_cast<double>(value.get_int64()));
  else if (type == SqlType::kText && value.is_string())
    appender.text(as_utf8({value.get_string().data(), value.get_string().size()}));
  else
    return internal_error("{} where a {} belongs", to_text(value), sql_name(type));
  return ok();
}

Status add_table(duck::Session& session, const SqlTable& table, const Deadline& deadline) {
  std::string layout;
  for (const auto& [name, type] : table.columns)
    layout += fmt::format("{}{} {}", layout.empty() ? "" : ", ", duck::quoted_name(name), sql_name(type));
  TRY(session.exec(fmt::format("CREATE TABLE {} ({})", duck::quoted_name(table.name), layout)));
  auto appender = TRY(duck::Appender::open(session, table.name));
  for (const SqlRow& row : TRY(table.rows())) {
    TRY(deadline.check());
    if (row.size() != table.columns.size())
      return internal_error("{} values for {} columns", row.size(), table.columns.size());
    for (std::size_t i = 0; i < row.size(); ++i)
      TRY(append_value(appender, table.columns[i].second, row[i]).in(table.columns[i].first));
    TRY(appender.end_row());
  }
  return appender.close();
}

SqlTable dead_letters_table(const FeatureStore& store) {
  return {
      "dead_letters",
      {{"number", SqlType::kInteger}, {"arrival", SqlType::kTime}, {"reason", SqlType::kText}, {"raw", SqlType::kText}},
      [&store]() -> Result<std::vector<SqlRow>> {
        std::vector<SqlRow> rows;
        for (const DeadLetter& letter : TRY(store.dead_letters(kMostRecords, kMostRecordBytes)))
          rows.push_back({static_cast<std::int64_t>(letter.number), letter.arrival.ms(),
                          json::value(json::string(letter.reason)), json::value(json::string(letter.raw))});
        return rows;
      }};
}

SqlTable gaps_table(const FeatureStore& store) {
  return {"gaps",
          {{"source", SqlType::kText},
           {"gap_start", SqlType::kTime},
           {"gap_end", SqlType::kTime},
           {"found_at", SqlType::kTime}},
          [&store]() -> Result<std::vector<SqlRow>> {
            std::vector<SqlRow> rows;
            for (const SourceGap& gap : TRY(store.gaps({})))
              rows.push_back({json::value(json::string(gap.source)), gap.from.ms(), gap.until.ms(), gap.found_at.ms()});
            return rows;
          }};
}

// Records that counted in no window.  They stand in the raw archive, which is unpacked for it: seconds a gigabyte.
SqlTable late_table(const FeatureStore& store, const Deadline& deadline) {
  return {
      "late",
      {{"number", SqlType::kInteger}, {"arrival", SqlType::kTime}, {"raw", SqlType::kText}},
      [&]() -> Result<std::vector<SqlRow>> {
        std::vector<SqlRow> rows;
        std::size_t bytes = 0;
        Status stopped;
        TRY(store.visit_archive([&](std::string_view line) {
          const Result<ArchivedRecord> record = parse_archived(line);
          stopped = record.ok() ? deadline.check() : record.status();
          if (!stopped.ok()) return false;
          if (record->verdict != "late") return true;
          bytes += record->raw.size();
          if (bytes > kMostRecordBytes) return false;
          rows.push_back({static_cast<std::int64_t>(record->number), record->arrival.ms(), json::string(record->raw)});
          return rows.size() < kMostRecords;
        }));
        TRY(stopped);
        return rows;
      }};
}

// No way out from here on: not to the files of others, not to the network, not back to these settings.
Status lock_down(duck::Session& session, const std::vector<std::string>& readable) {
  std::string paths;
  for (const std::string& path : readable) paths += (paths.empty() ? "" : ", ") + duck::quoted_text(path);
  return session.exec(fmt::format(
      "SET allowed_paths = [{}]; SET enable_external_access = false; SET lock_configuration = true", paths));
}

std::size_t text_bytes(const SqlRow& row) {
  std::size_t bytes = 0;
  for (const SqlValue& value : row)
    bytes += value.is_string() ? value.get_string().size() : value.is_primitive() ? 8 : to_text(value).size();
  return bytes;
}

// The result of `query`, which may run: the guard has seen it.
Result<QueryResult> answer(duck::Session& session, const FeatureStore& store, std::span<const SqlTable> tables,
                           const std::string& query, const QueryLimits& limits, const Deadline& deadline) {
  std::vector<std::string> readable;
  for (const FeatureGroup& group : store.groups())
    TRY(add_group(session, store, group, readable).in("table " + group.name));
  std::vector<SqlTable> all{dead_letters_table(store), late_table(store, deadline), gaps_table(store)};
  all.insert(all.end(), tables.begin(), tables.end());
  for (const SqlTable& table : all)
    if (mentions(query, table.name)) TRY(add_table(session, table, deadline).in("table " + table.name));
  TRY(lock_down(session, readable));

  QueryResult result;
  std::vector<duck::Column> columns;
  std::size_t bytes = 0;
  TRY(session.query(query, columns, [&](SqlRow&& row) {
    if (result.rows.size() == limits.rows) return !(result.truncated = true);
    bytes += text_bytes(row);
    result.rows.push_back(std::move(row));
    return bytes <= limits.bytes;
  }));
  if (bytes > limits.bytes)
    return invalid_argument("the result has more than {} bytes; ask for less of it", limits.bytes);
  for (auto& column : columns) result.columns.push_back({std::move(column.name), std::move(column.type)});
  return result;
}

}  // namespace

Result<QueryResult> run_query(const FeatureStore& store, std::span<const SqlTable> tables, std::string_view sql,
                              const QueryLimits& limits) {
  auto session = TRY(duck::Session::open({.threads = limits.threads, .memory_limit_mb = limits.memory_mb}));
  const std::string query = TRY(check_query(session, sql));
  const Deadline deadline(session, limits);
  auto result = answer(session, store, tables, query, limits, deadline);
  if (!result.ok()) TRY(deadline.check());  // Whatever an interrupt looks like from within.
  return result;
}

}  // namespace tidecast
