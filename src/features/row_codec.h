#pragma once
// Feature rows as values of RocksDB.  A value carries the number of the schema version it was written under and is read
// as the newest one has it: columns that are gone are left out, those that were not there yet are null.

#include <string>
#include <string_view>

#include "features/schema.h"
#include "features/schema_history.h"

namespace tidecast::keyspace {

// A row under `w`, whose key says window end and series.
std::string encode_row(const FeatureRow& row, std::uint32_t schema_version);
// Also of the first format, which had neither versions nor corrections.  kDataLoss.
Result<FeatureRow> decode_row(const FeatureGroup& group, const SchemaHistory& schemas, std::string_view key,
                              std::string_view value);

// The same with window end and series in the value: under `o` and `n`.
std::string encode_row_version(const FeatureRow& row, std::uint32_t schema_version);
Result<FeatureRow> decode_row_version(const FeatureGroup& group, const SchemaHistory& schemas, std::string_view value);
// Two parts of it, without decoding the rest.
Result<EventTime> end_of_row_version(std::string_view value);
Result<std::uint32_t> schema_of_row_version(std::string_view value);

}  // namespace tidecast::keyspace
