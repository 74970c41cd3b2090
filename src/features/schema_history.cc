#include "features/schema_history.h"

#include <algorithm>

#include "features/codec.h"

namespace tidecast {
namespace {

constexpr std::uint8_t kVersion = 3;          // 1 was the text of the only schema, 2 had no meanings.
constexpr std::uint32_t kMostParts = 10'000;  // Of a damaged value's counts.

StoredSchema shape_of(const FeatureGroup& group) {
  return {group.kind,   group.window, group.kind == WindowKind::kHopping ? group.every : 0ms,
          group.offset, group.keys,   {}};
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

std::string window_text(const StoredSchema& schema) {
  std::string text = fmt::format("{} {}", name_of(schema.kind), to_text(schema.window));
  if (schema.kind == WindowKind::kHopping) text += " every " + to_text(schema.every);
  if (schema.offset > 0ms) text += " offset " + to_text(schema.offset);
  return text;
}

std::string key_text(const std::vector<FeatureKey>& keys, bool typed) {
  std::string text;
  for (const FeatureKey& key : keys) {
    text += (text.empty() ? "" : ", ") + key.name;
    if (typed) text += fmt::format(" {}", name_of(key.type));
  }
  return "[" + text + "]";
}

}  // namespace

// The identity of a column of the new definition; 0: it is new.
std::uint32_t SchemaHistory::id_for(const FeatureGroup& group, const FeatureColumn& column) const {
  if (versions_.empty()) return 0;
  const StoredSchema& last = versions_.back();
  if (const StoredColumn* same = named(last, column.name)) return same->id;
  if (const auto renamed = group.renamed_from.find(column.name); renamed != group.renamed_from.end())
    if (const StoredColumn* before = named(last, renamed->second); before != nullptr && !group.column(renamed->second))
      return before->id;
  for (auto version = versions_.rbegin(); version != versions_.rend(); ++version) {
    const StoredColumn* earlier = named(*version, column.name);
    if (earlier == nullptr) continue;
    const bool renamed_since = std::ranges::find(last.columns, earlier->id, &StoredColumn::id) != last.columns.end();
    if (!renamed_since) return earlier->id;
  }
  return 0;
}

FieldType SchemaHistory::type_of(std::uint32_t id) const {  // The same in all versions.
  for (const StoredSchema& version : versions_)
    for (const StoredColumn& column : version.columns)
      if (column.id == id) return column.type;
  CHECK(!"an identity is that of a stored column");
  return {};
}

std::vector<SchemaConflict> SchemaHistory::conflicts(const FeatureGroup& group) const {
  std::vector<SchemaConflict> found;
  if (versions_.empty()) return found;
  const auto compare = [&](const std::string& path, const std::string& was, const std::string& is) {
    if (was != is) found.push_back({path, was, is});
  };
  const StoredSchema& was = versions_.back();
  const StoredSchema is = shape_of(group);
  const bool known = meaning_ && group.meaning;
  if (known) compare("event", meaning_->event, group.meaning->event);
  compare("window", window_text(was), window_text(is));
  // Of what else is the same the types are shown, for they are what differs.
  const bool typed = was.keys != is.keys && key_text(was.keys, false) == key_text(is.keys, false);
  compare("key", key_text(was.keys, typed), key_text(is.keys, typed));
  if (known) {
    compare("where", "'" + meaning_->where + "'", "'" + group.meaning->where + "'");
    for (const auto& [name, text] : group.meaning->fields)
      if (const auto field = meaning_->fields.find(name); field != meaning_->fields.end())
        compare("fields." + name, field->second, text);
  }
  for (const FeatureColumn& column : group.columns) {
    const std::uint32_t id = id_for(group, column);
    if (id == 0) continue;
    const std::string path = "columns." + column.name;
    const auto meaning = meanings_.find(id);
    if (meaning != meanings_.end() && !column.meaning.empty() && meaning->second != column.meaning)
      compare(path, meaning->second, column.meaning);
    else
      compare(path, std::string(name_of(type_of(id))), std::string(name_of(column.type)));
  }
  return found;
}

Status SchemaHistory::adopt(const FeatureGroup& group) {
  std::string refused;
  for (const SchemaConflict& conflict : conflicts(group))
    refused += fmt::format("{}{} was {}, is {}", refused.empty() ? "" : ", ", conflict.path, conflict.was, conflict.is);
  if (!refused.empty())
    return failed_precondition(
        "feature group {}: {}; leave it and add the changed one under a new name, or start with a new data folder",
        group.name, refused);
  StoredSchema now = shape_of(group);
  std::uint32_t next_id = next_id_;
  for (const FeatureColumn& column : group.columns) {
    const std::uint32_t id = id_for(group, column);
    now.columns.push_back({id != 0 ? id : next_id++, column.name, column.type});
  }
  if (versions_.empty() || !same_columns(versions_.back(), now)) {
    next_id_ = next_id;
    versions_.push_back(std::move(now));
    find_places();
  }
  learn(group);
  return ok();
}

void SchemaHistory::learn(const FeatureGroup& group) {
  if (group.meaning) {
    if (!meaning_) meaning_ = *group.meaning;
    meaning_->fields.insert(group.meaning->fields.begin(), group.meaning->fields.end());
  }
  for (const FeatureColumn& column : group.columns)
    if (const std::uint32_t id = id_for(group, column); id != 0 && !column.meaning.empty())
      meanings_.try_emplace(id, column.meaning);
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
  writer.number(static_cast<std::uint8_t>(meaning_ ? 1 : 0));
  if (meaning_) {
    writer.text(meaning_->event).text(meaning_->where).number(static_cast<std::uint32_t>(meaning_->fields.size()));
    for (const auto& [name, text] : meaning_->fields) writer.text(name).text(text);
  }
  writer.number(static_cast<std::uint32_t>(meanings_.size()));
  for (const auto& [id, text] : meanings_) writer.number(id).text(text);
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
  const bool without_meanings = !value.empty() && value[0] == 2;
  auto reader = TRY(ByteReader::unseal(value, without_meanings ? 2 : kVersion, what));
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
  if (!without_meanings && reader.number<std::uint8_t>() == 1) {
    GroupMeaning& meaning = history.meaning_.emplace();
    meaning.event = reader.text();
    meaning.where = reader.text();
    for (auto fields = counted(); fields > 0 && !reader.failed(); --fields) {
      std::string name(reader.text());
      meaning.fields[std::move(name)] = reader.text();
    }
  }
  for (auto meanings = without_meanings ? 0 : counted(); meanings > 0 && !reader.failed(); --meanings) {
    const auto id = reader.number<std::uint32_t>();
    history.meanings_[id] = reader.text();
  }
  TRY(reader.finish(what));
  if (history.versions_.empty()) return data_loss("{}: no schema", what);
  history.find_places();
  return history;
}

}  // namespace tidecast
