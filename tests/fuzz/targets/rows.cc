// Feature rows as RocksDB has them, under a schema that may be damaged as well; counters, late records, marks.

#include "features/codec.h"
#include "features/keyspace.h"
#include "features/row_codec.h"
#include "features/schema_history.h"
#include "fuzz.h"

namespace tidecast::fuzz {
namespace {

template <typename T>
void check(const Result<T>& result) {
  CHECK(result.ok() || result.code() == Code::kDataLoss);
}

FeatureGroup group_of(int columns) {
  FeatureGroup group;
  group.name = "fees";
  group.keys = {{"shop", FieldType::kText}};
  for (int i = 0; i < columns; ++i)
    group.columns.push_back({fmt::format("c{}", i), i % 2 == 0 ? FieldType::kInteger : FieldType::kNumber, "", {}});
  return group;
}

// Two versions: a column more.
SchemaHistory history() {
  SchemaHistory schemas;
  CHECK(schemas.adopt(group_of(2)).ok() && schemas.adopt(group_of(3)).ok());
  return schemas;
}

FeatureRow row(std::uint32_t revision, bool deleted) {
  const EventTime end = EventTime::from_ms(1'778'000'460'000);
  FeatureRow row{end - 1min, end, ProcessingTime::from_ms(end.ms() + 1500), {std::int64_t{7}, 0.5, {}}, "sa"};
  row.revision = revision;
  row.deleted = deleted;
  return row;
}

// The first byte says which value it is; the seal comes here, else no damage would get behind it.
void read(std::string_view unsealed) {
  if (unsealed.empty()) return;
  const auto which = static_cast<unsigned char>(unsealed[0]);
  const std::string sealed = ByteWriter(1).raw(unsealed.substr(1)).seal();
  static const SchemaHistory schemas = history();
  static const FeatureGroup group = group_of(3);
  const auto values = [](const Result<FeatureRow>& found) {
    check(found);
    if (found.ok()) CHECK(found->values.size() == group.columns.size());
  };
  switch (which % 6) {
    case 0:
      check(keyspace::end_of_row_version(sealed));
      check(keyspace::schema_of_row_version(sealed));
      return values(keyspace::decode_row_version(group, schemas, sealed));
    case 1: {
      const EventTime end = EventTime::from_ms(1'778'000'460'000);
      return values(keyspace::decode_row(group, schemas, keyspace::row_key("fees", end, "sa"), sealed));
    }
    case 2: {
      const auto damaged = SchemaHistory::decode(sealed, "schema of fees");
      check(damaged);
      if (!damaged.ok()) return;
      for (std::uint32_t version = 1; version <= damaged->newest(); ++version)
        CHECK(damaged->places(version).size() == damaged->version(damaged->newest()).columns.size());
      return;
    }
    case 3: return check(keyspace::decode_counters(sealed, "counters of fees"));
    case 4: return check(keyspace::decode_late(keyspace::numbered(keyspace::kLateRecords, 7), sealed));
    default: return check(keyspace::decode_mark(keyspace::mark_key(7, 0), sealed));
  }
}

std::vector<std::string> values() {
  const ProcessingTime at = ProcessingTime::from_ms(1'778'000'400'000);
  std::vector<std::string> all{
      "0" + keyspace::encode_row_version(row(0, false), 2),
      "0" + keyspace::encode_row_version(row(3, true), 2),
      "1" + keyspace::encode_row(row(1, false), 2),
      "2" + history().encode(),
      "3" + keyspace::encode_counters({.windows = 7, .next_sequence = 9, .versions = 2, .newest_end = EventTime()}),
      "4" + keyspace::encode_late({7, at, EventTime(), "reason", "raw", "feed", true}),
      "5" + keyspace::encode_mark({ClockMark::Kind::kForcedWatermark, "fees", 7, at, EventTime()})};
  for (std::string& each : all)  // The case above, and neither version nor seal.
    each = static_cast<char>(each[0] - '0') + each.substr(2, each.size() - 10);
  return all;
}

const Target target{"rows", read, values()};

}  // namespace
}  // namespace tidecast::fuzz
