#include "features/schema_history.h"

#include <algorithm>

#include "features/codec.h"

namespace tidecast {
namespace {

constexpr std::uint8_t kVersion = 2;          // 1 was the text of the only schema.
constexpr std::uint32_t kMostParts = 10'000;  // Of a damaged value's counts.

StoredSchema shape_of(const FeatureGroup& group) {
  return {group.kind,   group.window, group.kind == WindowKind::kHopping ? group.every : 0ms,
          group.offset, group.keys,   {}};
}

bool same_shape(const StoredSchema& a, const StoredSchema& b) {
  return a.kind == b.kind && a.window == b.window && a.every == b.every && a.offset == b.offset && a.keys == b.keys;
}

bool same_columns(const StoredSchema& a, const StoredSchema& b) {
  return std::ranges::equal(a.columns, b.columns, [](const StoredColumn& x, const StoredColumn& y) {
    return x.id == y.id && x.name == y.name && x.type == y.type;
  });
}

const StoredColumn* named(const StoredSchema& schema, std::string_view name) {
  const auto found = std::ranges::find(schema.columns, name, &StoredColumn::name);
  return found == schema.columns.end() ? nullptr : &*found;
}

// "window 1min: total_fee integer, mean_rate number", all that the first format had.
Result<StoredSchema> parse_first_format(std::string_view text, std::string_view what) {
  StoredSchema schema;
  const auto damaged = [&] { return data_loss("{}: '{}' is no schema", what, text); };
  const std::size_t colon = text.find(": ");
  if (!text.starts_with("window ") || colon == text.npos) return damaged();
  const auto window = parse_duration(text.substr(7, colon - 7));
  if (!window.ok()) return damaged();
  schema.window = *window;
  std::string_view rest = text.substr(colon + 2);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(", "), rest.size());
    const std::string_view column = rest.substr(0, end);
    const std::size_t space = column.find(' ');
    if (space == column.npos) return damaged();
    const std::string_view type = column.substr(space + 1);
    if (type != "integer" && type != "number") return damaged();
    schema.columns.push_back({static_cast<std::uint32_t>(schema.columns.size() + 1),
                              std::string(column.substr(0, space)),
                              type == "integer" ? FieldType::kInteger : FieldType::kNumber});
    rest.remove_prefix(std::min(end + 2, rest.size()));
  }
  return schema;
}

}  // namespace

std::string schema_text(const StoredSchema& schema) {
  std::string text = schema.kind == WindowKind::kSession ? "session gap " : "window ";
  text += to_text(schema.window);
  if (schema.kind == WindowKind::kHopping) text += " every " + to_text(schema.every);
  if (schema.offset != 0ms) text += " offset " + to_text(schema.offset);
  for (const auto& key : schema.keys) text += fmt::format(" key {} {}", key.name, name_of(key.type));
  text += ':';
  for (const auto& column : schema.columns) text += fmt::format(" {} {},", column.name, name_of(column.type));
  text.pop_back();  // The last comma, or the colon.
  return text;
}

std::string schema_text(const FeatureGroup& group) {
  StoredSchema schema = shape_of(group);
  for (const auto& column : group.columns) schema.columns.push_back({0, column.name, column.type});
  return schema_text(schema);
}

// The identity of a column of the new definition; 0: it is new.
std::uint32_t SchemaHistory::id_for(const FeatureGroup& group, const FeatureColumn& column) const {
  const StoredSchema& last = versions_.back();
  if (const StoredColumn* same = named(last, column.name)) return same->id;
  if (const auto renamed = group.renamed_from.find(column.name); renamed != group.renamed_from.end())
    if (const StoredColumn* before = named(last, renamed->second); before != nullptr && !group.column(renamed->second))
      return before->id;
  for (auto version = versions_.rbegin(); version != versions_.rend(); ++version) {
    const StoredColumn* earlier = named(*version, column.name);
    if (earlier == nullptr || earlier->type != column.type) continue;
    const bool renamed_since = std::ranges::find(last.columns, earlier->id, &StoredColumn::id) != last.columns.end();
    if (!renamed_since) return earlier->id;
  }
  return 0;
}

Result<bool> SchemaHistory::adopt(const FeatureGroup& group) {
  StoredSchema now = shape_of(group);
  const auto refused = [&] {
    return failed_precondition(
        "feature group {} is stored as [{}] and now defined as [{}]; leave it and add the changed one under a new "
        "name, or start with a new data folder",
        group.name, schema_text(versions_.back()), schema_text(group));
  };
  if (!versions_.empty() && !same_shape(versions_.back(), now)) return refused();
  for (const FeatureColumn& column : group.columns) {
    std::uint32_t id = versions_.empty() ? 0 : id_for(group, column);
    for (const StoredSchema& version : versions_)
      for (const StoredColumn& stored : version.columns)
        if (stored.id == id && stored.type != column.type) return refused();
    if (id == 0)
      id = next_id_ + static_cast<std::uint32_t>(std::ranges::count_if(
                          now.columns, [&](const auto& before) { return before.id >= next_id_; }));
    now.columns.push_back({id, column.name, column.type});
  }
  if (!versions_.empty() && same_columns(versions_.back(), now)) return false;
  for (const StoredColumn& column : now.columns) next_id_ = std::max(next_id_, column.id + 1);
  versions_.push_back(std::move(now));
  find_places();
  return true;
}

void SchemaHistory::find_places() {
  places_.clear();
  for (const StoredSchema& then : versions_) {
    auto& places = places_.emplace_back();
    for (const StoredColumn& column : versions_.back().columns) {
      const auto found = std::ranges::find(then.columns, column.id, &StoredColumn::id);
      places.push_back(found == then.columns.end() ? kAbsent : static_cast<std::size_t>(found - then.columns.begin()));
    }
  }
}

FeatureGroup SchemaHistory::group_as_of(FeatureGroup group, std::uint32_t version) const {
  group.columns.clear();
  for (const StoredColumn& column : versions_[version - 1].columns)
    group.columns.push_back({column.name, column.type, "", EmptyWindow::kNull});
  return group;
}

SchemaHistory SchemaHistory::until(std::uint32_t version) const {
  SchemaHistory then = *this;
  then.versions_.resize(version);
  then.find_places();
  return then;
}

std::string SchemaHistory::encode() const {
  ByteWriter writer(kVersion);
  writer.number(next_id_).number(static_cast<std::uint32_t>(versions_.size()));
  for (const StoredSchema& schema : versions_) {
    writer.number(static_cast<std::uint8_t>(schema.kind));
    writer.number(schema.window.count()).number(schema.every.count()).number(schema.offset.count());
    writer.number(static_cast<std::uint32_t>(schema.keys.size()));
    for (const auto& key : schema.keys) writer.text(key.name).number(static_cast<std::uint8_t>(key.type));
    writer.number(static_cast<std::uint32_t>(schema.columns.size()));
    for (const auto& column : schema.columns)
      writer.number(column.id).text(column.name).number(static_cast<std::uint8_t>(column.type));
  }
  return writer.seal();
}

Result<SchemaHistory> SchemaHistory::decode(std::string_view value, std::string_view what) {
  SchemaHistory history;
  if (!value.empty() && value[0] == 1) {
    auto reader = TRY(ByteReader::unseal(value, 1, what));
    history.versions_.push_back(TRY(parse_first_format(reader.rest(), what)));
    history.next_id_ = static_cast<std::uint32_t>(history.versions_[0].columns.size()) + 1;
    history.find_places();
    return history;
  }
  auto reader = TRY(ByteReader::unseal(value, kVersion, what));
  const auto enumerated = [&](auto most) {
    return static_cast<decltype(most)>(std::min(reader.number<std::uint8_t>(), static_cast<std::uint8_t>(most)));
  };
  const auto counted = [&] { return std::min(reader.number<std::uint32_t>(), kMostParts); };
  const auto duration = [&] { return Milliseconds(reader.number<std::int64_t>()); };
  history.next_id_ = reader.number<std::uint32_t>();
  for (auto versions = counted(); versions > 0 && !reader.failed(); --versions) {
    StoredSchema schema;
    schema.kind = enumerated(WindowKind::kSession);
    schema.window = duration(), schema.every = duration(), schema.offset = duration();
    for (auto keys = counted(); keys > 0 && !reader.failed(); --keys) {
      std::string name(reader.text());
      schema.keys.push_back({std::move(name), enumerated(FieldType::kBoolean)});
    }
    for (auto columns = counted(); columns > 0 && !reader.failed(); --columns) {
      const auto id = reader.number<std::uint32_t>();
      std::string name(reader.text());
      schema.columns.push_back({id, std::move(name), enumerated(FieldType::kBoolean)});
    }
    history.versions_.push_back(std::move(schema));
  }
  TRY(reader.finish(what));
  if (history.versions_.empty()) return data_loss("{}: no schema", what);
  history.find_places();
  return history;
}

}  // namespace tidecast
