#include "storage/duck.h"

#include <duckdb.h>

#include <utility>

#include "storage/duck_values.h"

namespace tidecast::duck {
namespace {

Code code_of(duckdb_error_type type) {
  switch (type) {
    case DUCKDB_ERROR_IO:
    case DUCKDB_ERROR_OUT_OF_MEMORY: return Code::kUnavailable;
    case DUCKDB_ERROR_INTERRUPT: return Code::kCancelled;
    case DUCKDB_ERROR_INTERNAL:
    case DUCKDB_ERROR_FATAL: return Code::kInternal;
    default: return Code::kInvalidArgument;
  }
}

std::string or_unknown(const char* text) { return text == nullptr ? "unknown error" : text; }

// Each owner below gives its handle back exactly once, whichever way its scope is left.
struct ResultOwner {
  duckdb_result handle{};
  ~ResultOwner() { duckdb_destroy_result(&handle); }
  Status status() {
    const char* error = duckdb_result_error(&handle);
    return error == nullptr ? ok() : Status(code_of(duckdb_result_error_type(&handle)), error);
  }
};

struct ChunkOwner {
  duckdb_data_chunk handle;
  ~ChunkOwner() {
    if (handle != nullptr) duckdb_destroy_data_chunk(&handle);
  }
};

struct Extracted {
  duckdb_extracted_statements handle = nullptr;
  ~Extracted() { duckdb_destroy_extracted(&handle); }
};

struct Prepared {
  duckdb_prepared_statement handle = nullptr;
  ~Prepared() { duckdb_destroy_prepare(&handle); }
};

struct Pending {
  duckdb_pending_result handle = nullptr;
  ~Pending() { duckdb_destroy_pending(&handle); }
};

// DuckDB begins each message with its kind, which tells more than the number that pending results do not have.
Status status_of_message(const std::string& message) {
  const auto begins = [&](std::string_view kind) { return message.starts_with(kind); };
  if (begins("INTERRUPT")) return {Code::kCancelled, message};
  if (begins("IO Error") || begins("Out of Memory")) return {Code::kUnavailable, message};
  if (begins("INTERNAL") || begins("FATAL")) return {Code::kInternal, message};
  return {Code::kInvalidArgument, message};
}

}  // namespace

struct Session::Handles {
  duckdb_database database = nullptr;
  duckdb_connection connection = nullptr;
  ~Handles() {
    duckdb_disconnect(&connection);
    duckdb_close(&database);
  }
};

Session::Session(std::unique_ptr<Handles> handles) : handles_(std::move(handles)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

Result<Session> Session::open(const Options& options) {
  duckdb_config config = nullptr;
  if (duckdb_create_config(&config) != DuckDBSuccess) return unavailable("DuckDB: no memory for a configuration");
  const std::pair<const char*, std::string> settings[] = {
      {"threads", fmt::format("{}", options.threads)},
      {"memory_limit", fmt::format("{}MB", options.memory_limit_mb)},
      {"autoinstall_known_extensions", "false"},
      {"autoload_known_extensions", "false"},
      {"allow_community_extensions", "false"},
      {"extension_directory", "/nonexistent"},  // Never read; without one DuckDB looks for a home folder.
      {"temp_directory", options.spill_folder.string()},
  };
  auto handles = std::make_unique<Handles>();
  for (const auto& [name, value] : settings) {
    if (duckdb_set_config(config, name, value.c_str()) != DuckDBSuccess) {
      duckdb_destroy_config(&config);
      return internal_error("DuckDB: no setting {} = {}", name, value);
    }
  }
  char* error = nullptr;
  const auto opened = duckdb_open_ext(nullptr, &handles->database, config, &error);
  duckdb_destroy_config(&config);
  const std::string message = or_unknown(error);
  duckdb_free(error);
  if (opened != DuckDBSuccess) return unavailable("DuckDB: {}", message);
  if (duckdb_connect(handles->database, &handles->connection) != DuckDBSuccess)
    return unavailable("DuckDB: cannot connect");
  Session session(std::move(handles));
  TRY(session.exec("SET home_directory = '/nonexistent'; SET TimeZone = 'UTC'"));
  return session;
}

Status Session::exec(const std::string& sql) {
  ResultOwner result;
  if (duckdb_query(handles_->connection, sql.c_str(), &result.handle) == DuckDBSuccess) return ok();
  return result.status();
}

Result<Table> Session::query(const std::string& sql) {
  Table table;
  TRY(query(sql, table.columns, [&](std::vector<json::value>&& row) {
    table.rows.push_back(std::move(row));
    return true;
  }));
  return table;
}

namespace {

Status start(duckdb_connection connection, const std::string& sql, Pending& pending, Prepared& prepared,
             ResultOwner& result) {
  if (duckdb_prepare(connection, sql.c_str(), &prepared.handle) != DuckDBSuccess)
    return status_of_message(or_unknown(duckdb_prepare_error(prepared.handle)));
  if (duckdb_pending_prepared_streaming(prepared.handle, &pending.handle) != DuckDBSuccess)
    return status_of_message(or_unknown(duckdb_pending_error(pending.handle)));
  if (duckdb_execute_pending(pending.handle, &result.handle) != DuckDBSuccess) return result.status();
  return ok();
}

}  // namespace

std::string_view Chunk::text(std::size_t column, std::size_t row) const {
  auto* text = const_cast<duckdb_string_t*>(static_cast<const duckdb_string_t*>(columns_[column].data)) + row;
  return {duckdb_string_t_data(text), duckdb_string_t_length(*text)};
}

Status Session::scan(const std::string& sql, const std::function<Status(const Chunk&)>& visit) {
  Prepared prepared;
  Pending pending;
  ResultOwner result;
  TRY(start(handles_->connection, sql, pending, prepared, result));
  Chunk columns;
  columns.columns_.resize(duckdb_column_count(&result.handle));
  for (;;) {
    const ChunkOwner chunk{duckdb_fetch_chunk(result.handle)};
    if (chunk.handle == nullptr) return result.status();  // The end, or what went wrong on the way.
    columns.rows_ = duckdb_data_chunk_get_size(chunk.handle);
    for (idx_t i = 0; i < columns.columns_.size(); ++i) {
      duckdb_vector vector = duckdb_data_chunk_get_vector(chunk.handle, i);
      columns.columns_[i] = {duckdb_vector_get_data(vector), duckdb_vector_get_validity(vector)};
    }
    TRY(visit(columns));
  }
}

Status Session::query(const std::string& sql, std::vector<Column>& columns, const RowVisitor& visit) {
  Rows rows = TRY(Rows::open(*this, sql));
  columns = rows.columns();
  while (auto row = TRY(rows.next()))
    if (!visit(std::move(*row))) break;
  return ok();
}

Result<std::size_t> Session::count_statements(const std::string& sql) {
  Extracted extracted;
  const idx_t count = duckdb_extract_statements(handles_->connection, sql.c_str(), &extracted.handle);
  const char* error = count == 0 ? duckdb_extract_statements_error(extracted.handle) : nullptr;
  if (error != nullptr && *error != '\0') return invalid_argument("{}", error);
  return static_cast<std::size_t>(count);
}

void Session::interrupt() { duckdb_interrupt(handles_->connection); }

// ---- Rows ---------------------------------------------------------------------------------------------------------

struct Rows::Handle {
  Prepared prepared;
  Pending pending;
  ResultOwner result;
  std::vector<LogicalType> types;
  ChunkOwner chunk{nullptr};
  idx_t height = 0, next = 0;  // Of the chunk.
};

Rows::Rows(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {}
Rows::Rows(Rows&&) noexcept = default;
Rows::~Rows() = default;

Result<Rows> Rows::open(Session& session, const std::string& sql) {
  auto handle = std::make_unique<Handle>();
  if (duckdb_prepare(session.handles_->connection, sql.c_str(), &handle->prepared.handle) != DuckDBSuccess)
    return status_of_message(or_unknown(duckdb_prepare_error(handle->prepared.handle)));
  if (duckdb_pending_prepared_streaming(handle->prepared.handle, &handle->pending.handle) != DuckDBSuccess)
    return status_of_message(or_unknown(duckdb_pending_error(handle->pending.handle)));
  duckdb_result* const result = &handle->result.handle;
  if (duckdb_execute_pending(handle->pending.handle, result) != DuckDBSuccess) return handle->result.status();
  Rows rows(std::move(handle));
  for (idx_t i = 0; i < duckdb_column_count(result); ++i) {
    rows.handle_->types.emplace_back(duckdb_column_logical_type(result, i));
    rows.columns_.push_back({duckdb_column_name(result, i), type_name(rows.handle_->types.back().get())});
  }
  return rows;
}

Result<std::optional<std::vector<json::value>>> Rows::next() {
  Handle& h = *handle_;
  while (h.next == h.height) {
    if (h.chunk.handle != nullptr) duckdb_destroy_data_chunk(&h.chunk.handle);
    h.chunk.handle = duckdb_fetch_chunk(h.result.handle);
    if (h.chunk.handle == nullptr) {  // The end, or what went wrong on the way.
      TRY(h.result.status());
      return std::optional<std::vector<json::value>>();
    }
    h.height = duckdb_data_chunk_get_size(h.chunk.handle);
    h.next = 0;
  }
  std::vector<json::value> row;
  row.reserve(h.types.size());
  for (idx_t i = 0; i < h.types.size(); ++i)
    row.push_back(value_of(duckdb_data_chunk_get_vector(h.chunk.handle, i), h.types[i].get(), h.next));
  ++h.next;
  return std::optional(std::move(row));
}

// ---- Appender -----------------------------------------------------------------------------------------------------

// Values are written into the columns of a chunk, which costs less than handing each to DuckDB, and taken over
// together.
struct Appender::Handle {
  struct Column {
    duckdb_type type;
    duckdb_vector vector;
    void* data;
    std::uint64_t* valid;
  };

  duckdb_appender appender = nullptr;
  ChunkOwner chunk{nullptr};
  std::vector<Column> columns;
  idx_t row = 0, next = 0;     // In the chunk; the column of the next value.
  std::size_t text_bytes = 0;  // In the chunk.
  Status error;                // The first; in the end it is told.

  ~Handle() { duckdb_appender_destroy(&appender); }

  Status status(duckdb_state state) {
    if (state == DuckDBSuccess) return ok();
    duckdb_error_data data = duckdb_appender_error_data(appender);
    Status status(code_of(duckdb_error_data_error_type(data)), or_unknown(duckdb_error_data_message(data)));
    duckdb_destroy_error_data(&data);
    return std::move(status).in("DuckDB appender");
  }

  void lay_out() {
    for (idx_t i = 0; i < columns.size(); ++i) {
      Column& column = columns[i];
      column.vector = duckdb_data_chunk_get_vector(chunk.handle, i);
      duckdb_vector_ensure_validity_writable(column.vector);
      column.data = duckdb_vector_get_data(column.vector);
      column.valid = duckdb_vector_get_validity(column.vector);
    }
    row = 0;
    text_bytes = 0;
  }

  Status flush() {
    if (row == 0) return ok();
    duckdb_data_chunk_set_size(chunk.handle, row);
    TRY(status(duckdb_append_data_chunk(appender, chunk.handle)));
    duckdb_data_chunk_reset(chunk.handle);
    lay_out();
    return ok();
  }

  // The place of the next value, which must be of one of the types.
  template <typename... Types>
  Column* place(std::string_view what, Types... types) {
    const idx_t at = next++;
    if (error.ok() && at < columns.size() && ((columns[at].type == types) || ...)) return &columns[at];
    if (error.ok())
      error = invalid_argument("DuckDB appender: value {} of a row is {}, which does not belong there", at, what);
    return nullptr;
  }
  template <typename T>
  void write(const Column& column, T value) {
    static_cast<T*>(column.data)[row] = value;
  }
};

Appender::Appender(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {}
Appender::Appender(Appender&&) noexcept = default;
Appender::~Appender() = default;

Result<Appender> Appender::open(Session& session, const std::string& table) {
  auto handle = std::make_unique<Handle>();
  TRY(handle->status(duckdb_appender_create(session.handles_->connection, nullptr, table.c_str(), &handle->appender)));
  std::vector<LogicalType> types;
  std::vector<duckdb_logical_type> raw;
  for (idx_t i = 0; i < duckdb_appender_column_count(handle->appender); ++i) {
    types.emplace_back(duckdb_appender_column_type(handle->appender, i));
    raw.push_back(types.back().get());
    handle->columns.push_back({duckdb_get_type_id(raw.back()), nullptr, nullptr, nullptr});
  }
  handle->chunk.handle = duckdb_create_data_chunk(raw.data(), raw.size());
  if (handle->chunk.handle == nullptr) return internal_error("{}: DuckDB makes no chunk of its columns", table);
  handle->lay_out();
  return Appender(std::move(handle));
}

Appender& Appender::null() {
  Handle& h = *handle_;
  const idx_t at = h.next++;
  if (h.error.ok() && at < h.columns.size()) h.columns[at].valid[h.row / 64] &= ~(std::uint64_t{1} << (h.row % 64));
  return *this;
}
Appender& Appender::boolean(bool value) {
  if (const auto* column = handle_->place("a boolean", DUCKDB_TYPE_BOOLEAN)) handle_->write(*column, value);
  return *this;
}
Appender& Appender::integer(std::int64_t value) {
  const auto* column = handle_->place("an integer", DUCKDB_TYPE_BIGINT, DUCKDB_TYPE_INTEGER);
  if (!column) return *this;
  if (column->type == DUCKDB_TYPE_BIGINT)
    handle_->write(*column, value);
  else if (std::in_range<std::int32_t>(value))
    handle_->write(*column, static_cast<std::int32_t>(value));
  else if (handle_->error.ok())
    handle_->error = invalid_argument("DuckDB appender: {} in a column of 32 bits", value);
  return *this;
}
Appender& Appender::number(double value) {
  if (const auto* column = handle_->place("a number", DUCKDB_TYPE_DOUBLE)) handle_->write(*column, value);
  return *this;
}
Appender& Appender::text(std::string_view value) {
  const auto* column = handle_->place("a text", DUCKDB_TYPE_VARCHAR);
  if (!column) return *this;
  duckdb_vector_assign_string_element_len(column->vector, handle_->row, value.empty() ? "" : value.data(),
                                          value.size());
  handle_->text_bytes += value.size();
  return *this;
}
Appender& Appender::time(std::int64_t ms) {
  if (const auto* column = handle_->place("a time", DUCKDB_TYPE_TIMESTAMP, DUCKDB_TYPE_TIMESTAMP_TZ))
    handle_->write(*column, ms * 1000);
  return *this;
}
Status Appender::end_row() {
  constexpr std::size_t kTextBytes = 1 << 20;
  Handle& h = *handle_;
  if (std::exchange(h.next, 0) != h.columns.size() && h.error.ok())
    h.error = invalid_argument("DuckDB appender: a row of other than {} values", h.columns.size());
  TRY(h.error);
  if (++h.row < duckdb_vector_size() && h.text_bytes < kTextBytes) return ok();
  return h.error = h.flush();
}
Status Appender::close() {
  Handle& h = *handle_;
  TRY(h.error);
  TRY(h.flush());
  return h.status(duckdb_appender_close(h.appender));
}

namespace {

std::string quoted(std::string_view text, char quote) {
  std::string result(1, quote);
  for (const char c : text) {
    if (c == quote) result += quote;
    result += c;
  }
  return result + quote;
}

}  // namespace

std::string quoted_name(std::string_view name) { return quoted(name, '"'); }
std::string quoted_text(std::string_view text) { return quoted(text, '\''); }

}  // namespace tidecast::duck
