#include "storage/duck_values.h"

#include <limits>

#include "base/hash.h"
#include "base/time.h"

namespace tidecast::duck {
namespace {

// Rounded down; floor_to() would overflow for -infinity, which has no multiple of 1000 below it.
std::int64_t divided_down(std::int64_t value, std::int64_t by) { return value / by - (value % by < 0 ? 1 : 0); }

template <typename T>
T at(duckdb_vector vector, idx_t row) {
  return static_cast<const T*>(duckdb_vector_get_data(vector))[row];
}

bool is_null(duckdb_vector vector, idx_t row) {
  std::uint64_t* validity = duckdb_vector_get_validity(vector);
  return validity != nullptr && !duckdb_validity_row_is_valid(validity, row);
}

std::string text_at(duckdb_vector vector, idx_t row) {
  auto value = at<duckdb_string_t>(vector, row);
  return {duckdb_string_t_data(&value), duckdb_string_t_length(value)};
}

json::value text_value(std::string_view text) { return json::string(text); }

std::string to_decimal(unsigned __int128 magnitude, bool negative) {
  std::string digits;
  do {
    digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(magnitude % 10)));
    magnitude /= 10;
  } while (magnitude != 0);
  return negative ? "-" + digits : digits;
}

// A sum of BIGINTs is a HUGEINT in DuckDB, so nearly all of them fit 64 bits; the others would lose digits as numbers.
json::value huge(std::int64_t upper, std::uint64_t lower) {
  const auto value =
      static_cast<__int128>((static_cast<unsigned __int128>(static_cast<std::uint64_t>(upper)) << 64) | lower);
  if (value >= INT64_MIN && value <= INT64_MAX) return static_cast<std::int64_t>(value);
  return text_value(to_decimal(
      value < 0 ? -static_cast<unsigned __int128>(value) : static_cast<unsigned __int128>(value), value < 0));
}

json::value unsigned_huge(std::uint64_t upper, std::uint64_t lower) {
  const unsigned __int128 value = (static_cast<unsigned __int128>(upper) << 64) | lower;
  if (value <= UINT64_MAX) return static_cast<std::uint64_t>(value);
  return text_value(to_decimal(value, false));
}

json::value decimal(duckdb_vector vector, duckdb_logical_type type, idx_t row) {
  __int128 digits = 0;
  switch (duckdb_decimal_internal_type(type)) {
    case DUCKDB_TYPE_SMALLINT: digits = at<std::int16_t>(vector, row); break;
    case DUCKDB_TYPE_INTEGER: digits = at<std::int32_t>(vector, row); break;
    case DUCKDB_TYPE_BIGINT: digits = at<std::int64_t>(vector, row); break;
    default: {
      const auto value = at<duckdb_hugeint>(vector, row);
      digits = static_cast<__int128>((static_cast<unsigned __int128>(static_cast<std::uint64_t>(value.upper)) << 64) |
                                     value.lower);
    }
  }
  long double result = static_cast<long double>(digits);
  for (int scale = duckdb_decimal_scale(type); scale > 0; --scale) result /= 10;
  return static_cast<double>(result);
}

// Times beyond the calendar of RFC 3339 (infinity, year 10000 and later) are rare enough to be shown as null.
json::value time_text(std::int64_t ms) {
  if (ms < kCalendarBeginMs || ms >= kCalendarEndMs) return nullptr;
  return text_value(to_rfc3339(ms));
}

json::value date_text(std::int32_t days) {
  const json::value text = time_text(static_cast<std::int64_t>(days) * 86'400'000);
  return text.is_null() ? text : text_value(std::string_view(text.get_string()).substr(0, 10));
}

std::string clock_text(std::int64_t micros) {
  const std::int64_t seconds = micros / 1'000'000, rest = micros % 1'000'000;
  std::string text = fmt::format("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
  return rest == 0 ? text : text + fmt::format(".{:06}", rest);
}

std::string interval_text(const duckdb_interval& value) {
  std::string text;
  if (value.months != 0) text += fmt::format("{} months ", value.months);
  if (value.days != 0) text += fmt::format("{} days ", value.days);
  if (value.micros != 0 || text.empty())
    text += (value.micros < 0 ? "-" : "") + clock_text(std::abs(value.micros)) + " ";
  text.pop_back();
  return text;
}

std::string uuid_text(const duckdb_hugeint& value) {
  // DuckDB flips the top bit so that the signed order is the order of the text.
  const std::uint64_t upper = static_cast<std::uint64_t>(value.upper) ^ (std::uint64_t{1} << 63);
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", upper >> 32, upper >> 16 & 0xffff, upper & 0xffff,
                     value.lower >> 48, value.lower & 0xffffffffffff);
}

json::value enum_text(duckdb_vector vector, duckdb_logical_type type, idx_t row) {
  idx_t index = 0;
  switch (duckdb_enum_internal_type(type)) {
    case DUCKDB_TYPE_UTINYINT: index = at<std::uint8_t>(vector, row); break;
    case DUCKDB_TYPE_USMALLINT: index = at<std::uint16_t>(vector, row); break;
    default: index = at<std::uint32_t>(vector, row);
  }
  char* text = duckdb_enum_dictionary_value(type, index);
  json::value value(text);
  duckdb_free(text);
  return value;
}

json::value list(duckdb_vector child, duckdb_logical_type child_type, std::uint64_t first, std::uint64_t count) {
  json::array items;
  items.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) items.push_back(value_of(child, child_type, first + i));
  return items;
}

json::value structure(duckdb_vector vector, duckdb_logical_type type, idx_t row) {
  json::object fields;
  for (idx_t i = 0; i < duckdb_struct_type_child_count(type); ++i) {
    char* name = duckdb_struct_type_child_name(type, i);
    const LogicalType child(duckdb_struct_type_child_type(type, i));
    fields[name] = value_of(duckdb_struct_vector_get_child(vector, i), child.get(), row);
    duckdb_free(name);
  }
  return fields;
}

}  // namespace

json::value value_of(duckdb_vector vector, duckdb_logical_type type, idx_t row) {
  if (is_null(vector, row)) return nullptr;
  switch (duckdb_get_type_id(type)) {
    case DUCKDB_TYPE_BOOLEAN: return at<bool>(vector, row);
    case DUCKDB_TYPE_TINYINT: return at<std::int8_t>(vector, row);
    case DUCKDB_TYPE_SMALLINT: return at<std::int16_t>(vector, row);
    case DUCKDB_TYPE_INTEGER: return at<std::int32_t>(vector, row);
    case DUCKDB_TYPE_BIGINT: return at<std::int64_t>(vector, row);
    case DUCKDB_TYPE_UTINYINT: return static_cast<std::int64_t>(at<std::uint8_t>(vector, row));
    case DUCKDB_TYPE_USMALLINT: return static_cast<std::int64_t>(at<std::uint16_t>(vector, row));
    case DUCKDB_TYPE_UINTEGER: return static_cast<std::int64_t>(at<std::uint32_t>(vector, row));
    case DUCKDB_TYPE_UBIGINT: return unsigned_huge(0, at<std::uint64_t>(vector, row));
    case DUCKDB_TYPE_HUGEINT: {
      const auto value = at<duckdb_hugeint>(vector, row);
      return huge(value.upper, value.lower);
    }
    case DUCKDB_TYPE_UHUGEINT: {
      const auto value = at<duckdb_uhugeint>(vector, row);
      return unsigned_huge(value.upper, value.lower);
    }
    case DUCKDB_TYPE_FLOAT: return static_cast<double>(at<float>(vector, row));
    case DUCKDB_TYPE_DOUBLE: return at<double>(vector, row);
    case DUCKDB_TYPE_DECIMAL: return decimal(vector, type, row);
    case DUCKDB_TYPE_VARCHAR: return text_value(text_at(vector, row));
    case DUCKDB_TYPE_BIT:
    case DUCKDB_TYPE_BLOB: return text_value(to_hex(text_at(vector, row)));
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_TZ: return time_text(divided_down(at<std::int64_t>(vector, row), 1'000));
    case DUCKDB_TYPE_TIMESTAMP_S: {
      const auto seconds = at<std::int64_t>(vector, row);
      return std::abs(seconds / 1'000'000) > 1'000'000 ? json::value() : time_text(seconds * 1000);
    }
    case DUCKDB_TYPE_TIMESTAMP_MS: return time_text(at<std::int64_t>(vector, row));
    case DUCKDB_TYPE_TIMESTAMP_NS: return time_text(divided_down(at<std::int64_t>(vector, row), 1'000'000));
    case DUCKDB_TYPE_DATE: return date_text(at<std::int32_t>(vector, row));
    case DUCKDB_TYPE_TIME: return text_value(clock_text(at<std::int64_t>(vector, row)));
    case DUCKDB_TYPE_INTERVAL: return text_value(interval_text(at<duckdb_interval>(vector, row)));
    case DUCKDB_TYPE_UUID: return text_value(uuid_text(at<duckdb_hugeint>(vector, row)));
    case DUCKDB_TYPE_ENUM: return enum_text(vector, type, row);
    case DUCKDB_TYPE_LIST:
    case DUCKDB_TYPE_MAP: {  // A map is a list of {key, value}.
      const auto entry = at<duckdb_list_entry>(vector, row);
      const duckdb_vector child = duckdb_list_vector_get_child(vector);
      const LogicalType child_type(duckdb_vector_get_column_type(child));
      return list(child, child_type.get(), entry.offset, entry.length);
    }
    case DUCKDB_TYPE_ARRAY: {
      const idx_t size = duckdb_array_type_array_size(type);
      const LogicalType child_type(duckdb_array_type_child_type(type));
      return list(duckdb_array_vector_get_child(vector), child_type.get(), row * size, size);
    }
    case DUCKDB_TYPE_STRUCT: return structure(vector, type, row);
    case DUCKDB_TYPE_SQLNULL: return nullptr;
    default: return json::value("<cast it to VARCHAR to see it>");
  }
}

std::string type_name(duckdb_logical_type type) {
  switch (duckdb_get_type_id(type)) {
    case DUCKDB_TYPE_BOOLEAN: return "BOOLEAN";
    case DUCKDB_TYPE_TINYINT: return "TINYINT";
    case DUCKDB_TYPE_SMALLINT: return "SMALLINT";
    case DUCKDB_TYPE_INTEGER: return "INTEGER";
    case DUCKDB_TYPE_BIGINT: return "BIGINT";
    case DUCKDB_TYPE_UTINYINT: return "UTINYINT";
    case DUCKDB_TYPE_USMALLINT: return "USMALLINT";
    case DUCKDB_TYPE_UINTEGER: return "UINTEGER";
    case DUCKDB_TYPE_UBIGINT: return "UBIGINT";
    case DUCKDB_TYPE_HUGEINT: return "HUGEINT";
    case DUCKDB_TYPE_UHUGEINT: return "UHUGEINT";
    case DUCKDB_TYPE_FLOAT: return "FLOAT";
    case DUCKDB_TYPE_DOUBLE: return "DOUBLE";
    case DUCKDB_TYPE_DECIMAL:
      return fmt::format("DECIMAL({},{})", duckdb_decimal_width(type), duckdb_decimal_scale(type));
    case DUCKDB_TYPE_VARCHAR: return "VARCHAR";
    case DUCKDB_TYPE_BLOB: return "BLOB";
    case DUCKDB_TYPE_BIT: return "BIT";
    case DUCKDB_TYPE_TIMESTAMP: return "TIMESTAMP";
    case DUCKDB_TYPE_TIMESTAMP_S: return "TIMESTAMP_S";
    case DUCKDB_TYPE_TIMESTAMP_MS: return "TIMESTAMP_MS";
    case DUCKDB_TYPE_TIMESTAMP_NS: return "TIMESTAMP_NS";
    case DUCKDB_TYPE_TIMESTAMP_TZ: return "TIMESTAMP WITH TIME ZONE";
    case DUCKDB_TYPE_DATE: return "DATE";
    case DUCKDB_TYPE_TIME: return "TIME";
    case DUCKDB_TYPE_INTERVAL: return "INTERVAL";
    case DUCKDB_TYPE_UUID: return "UUID";
    case DUCKDB_TYPE_ENUM: return "ENUM";
    case DUCKDB_TYPE_LIST: return type_name(LogicalType(duckdb_list_type_child_type(type)).get()) + "[]";
    case DUCKDB_TYPE_ARRAY:
      return fmt::format("{}[{}]", type_name(LogicalType(duckdb_array_type_child_type(type)).get()),
                         duckdb_array_type_array_size(type));
    case DUCKDB_TYPE_STRUCT: return "STRUCT";
    case DUCKDB_TYPE_MAP: return "MAP";
    case DUCKDB_TYPE_SQLNULL: return "NULL";
    default: return "OTHER";
  }
}

}  // namespace tidecast::duck
