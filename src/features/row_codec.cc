#include "features/row_codec.h"

#include "features/codec.h"
#include "features/keyspace.h"

namespace tidecast::keyspace {
namespace {

constexpr std::uint8_t kFirstVersion = 1, kVersion = 2;
constexpr std::uint8_t kDeleted = 1, kClosedByIdle = 2;  // Flags.

// Schema version, flags, revision, window start, write time; then, unless it is a tombstone, for each column of that
// version a byte (0 null, 1 there) and the eight bytes of an integer or a double.
void append_row(ByteWriter& writer, const FeatureRow& row, std::uint32_t schema_version) {
  writer.number(schema_version);
  writer.number(static_cast<std::uint8_t>((row.deleted ? kDeleted : 0) | (row.closed_by_idle ? kClosedByIdle : 0)));
  writer.number(row.revision).number(row.window_start.ms()).number(row.write_time.ms());
  if (row.deleted) return;
  for (const FeatureValue& value : row.values) {
    writer.number(static_cast<std::uint8_t>(value.index() != 0));
    if (const auto* integer = std::get_if<std::int64_t>(&value))
      writer.number(*integer);
    else if (const auto* number = std::get_if<double>(&value))
      writer.number(*number);
    else
      writer.number(std::int64_t{0});
  }
}

Status read_values(ByteReader& reader, const SchemaHistory& schemas, std::uint32_t version, FeatureRow& row) {
  if (!schemas.has(version)) return data_loss("of an unknown schema version {}", version);
  const auto& columns = schemas.version(version).columns;
  const auto& places = schemas.places(version);
  row.values.resize(places.size());
  if (row.deleted) return ok();
  const auto value_of = [&](FieldType type, std::uint8_t present, std::uint64_t bits) -> FeatureValue {
    if (present == 0) return {};
    if (type == FieldType::kInteger) return static_cast<std::int64_t>(bits);
    return std::bit_cast<double>(bits);
  };
  for (std::size_t place = 0; place < columns.size(); ++place) {
    const auto present = reader.number<std::uint8_t>();
    const auto bits = reader.number<std::uint64_t>();
    if (version == schemas.newest()) {
      row.values[place] = value_of(columns[place].type, present, bits);
      continue;
    }
    for (std::size_t now = 0; now < places.size(); ++now)
      if (places[now] == place) row.values[now] = value_of(columns[place].type, present, bits);
  }
  return ok();
}

Status read_row(ByteReader& reader, const SchemaHistory& schemas, FeatureRow& row) {
  const auto version = reader.number<std::uint32_t>();
  const auto flags = reader.number<std::uint8_t>();
  row.deleted = (flags & kDeleted) != 0;
  row.closed_by_idle = (flags & kClosedByIdle) != 0;
  row.revision = reader.number<std::uint32_t>();
  row.window_start = EventTime::from_ms(reader.number<std::int64_t>());
  row.write_time = ProcessingTime::from_ms(reader.number<std::int64_t>());
  TRY(read_values(reader, schemas, version, row));
  return reader.finish("row");
}

Status first_format(ByteReader& reader, const FeatureGroup& group, const SchemaHistory& schemas, FeatureRow& row) {
  row.window_start = row.window_end - group.window;
  row.write_time = ProcessingTime::from_ms(reader.number<std::int64_t>());
  TRY(read_values(reader, schemas, 1, row));
  return reader.finish("row");
}

}  // namespace

std::string encode_row(const FeatureRow& row, std::uint32_t schema_version) {
  ByteWriter writer(kVersion);
  writer.reserve(34 + 9 * row.values.size());
  append_row(writer, row, schema_version);
  return writer.seal();
}

std::string encode_row_version(const FeatureRow& row, std::uint32_t schema_version) {
  ByteWriter writer(kVersion);
  writer.reserve(46 + row.key.size() + 9 * row.values.size());
  writer.number(row.window_end.ms()).text(row.key);
  append_row(writer, row, schema_version);
  return writer.seal();
}

Result<FeatureRow> decode_row(const FeatureGroup& group, const SchemaHistory& schemas, std::string_view key,
                              std::string_view value) {
  FeatureRow row;
  row.window_end = row_end(group.name, key);
  row.key = row_series(group.name, key);
  const auto what = [&] { return fmt::format("row of {} at {}", group.name, to_rfc3339(row.window_end)); };
  const bool first = !value.empty() && value[0] == kFirstVersion;
  auto reader = ByteReader::unseal(value, first ? kFirstVersion : kVersion, "");
  if (!reader.ok()) return std::move(reader).in(what()).status();
  Status read = first ? first_format(*reader, group, schemas, row) : read_row(*reader, schemas, row);
  if (!read.ok()) return std::move(read).in(what());
  return row;
}

Result<FeatureRow> decode_row_version(const FeatureGroup& group, const SchemaHistory& schemas, std::string_view value) {
  auto reader = ByteReader::unseal(value, kVersion, "");
  if (!reader.ok()) return std::move(reader).in("row of " + group.name).status();
  FeatureRow row;
  row.window_end = EventTime::from_ms(reader->number<std::int64_t>());
  row.key = reader->text();
  if (Status read = read_row(*reader, schemas, row); !read.ok())
    return std::move(read).in(fmt::format("row of {} at {}", group.name, to_rfc3339(row.window_end)));
  return row;
}

Result<EventTime> end_of_row_version(std::string_view value) {
  std::int64_t ms = 0;
  if (value.size() < 1 + sizeof ms) return data_loss("row of the outbox: only {} bytes", value.size());
  std::memcpy(&ms, value.data() + 1, sizeof ms);
  return EventTime::from_ms(ms);
}

Result<std::uint32_t> schema_of_row_version(std::string_view value) {
  constexpr std::size_t kKey = 1 + sizeof(std::int64_t);  // Where the identifier's length stands.
  std::uint32_t key = 0, schema = 0;
  if (value.size() < kKey + sizeof key) return data_loss("row of the outbox: only {} bytes", value.size());
  std::memcpy(&key, value.data() + kKey, sizeof key);
  if (value.size() < kKey + sizeof key + key + sizeof schema)
    return data_loss("row of the outbox: only {} bytes", value.size());
  std::memcpy(&schema, value.data() + kKey + sizeof key + key, sizeof schema);
  return schema;
}

}  // namespace tidecast::keyspace
