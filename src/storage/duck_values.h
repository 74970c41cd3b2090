#pragma once
// One value of a DuckDB vector as JSON.  Private to duck.cc.

#include <duckdb.h>

#include <string>

#include "base/json.h"

namespace tidecast::duck {

class LogicalType {
 public:
  explicit LogicalType(duckdb_logical_type type) : type_(type) {}
  LogicalType(LogicalType&& other) noexcept : type_(std::exchange(other.type_, nullptr)) {}
  LogicalType& operator=(LogicalType&&) = delete;
  ~LogicalType() {
    if (type_ != nullptr) duckdb_destroy_logical_type(&type_);
  }
  duckdb_logical_type get() const { return type_; }

 private:
  duckdb_logical_type type_;
};

std::string type_name(duckdb_logical_type type);
json::value value_of(duckdb_vector vector, duckdb_logical_type type, idx_t row);

}  // namespace tidecast::duck
