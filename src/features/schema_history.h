#pragma once
// How a feature group's columns came to be what they are.  Stored rows and files carry no names, but the number of the
// schema version under which they were written.  A column has an identity that outlives its name: one that is renamed
// keeps it, one that is taken out and put in again under its name finds it.  The history also knows what group and
// columns mean, and goes on knowing it of those that are gone, so that nothing comes back as something else.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "features/schema.h"

namespace tidecast {

struct StoredColumn {
  std::uint32_t id;
  std::string name;
  FieldType type;
};

// What is stored of a group's definition: all that rows depend on.
struct StoredSchema {
  WindowKind kind = WindowKind::kTumbling;
  Milliseconds window{0}, every{0}, offset{0};
  std::vector<FeatureKey> keys;
  std::vector<StoredColumn> columns;
};

// What stored rows would no longer mean under a definition.
struct SchemaConflict {
  std::string path;     // "window", "key", "event", "where", "fields.fee", "columns.total"
  std::string was, is;  // "tumbling 1min", "tumbling 5min"
};

class SchemaHistory {
 public:
  // Empty: the group may be taken as it is here.  What nobody said of an earlier version is no conflict.
  std::vector<SchemaConflict> conflicts(const FeatureGroup& group) const;

  // Takes the definition as the newest version, unless the newest says the same, and what it means.
  // Errors: kFailedPrecondition - every conflict.
  Status adopt(const FeatureGroup& group);
  // Takes from a definition that held what it means, where that is unknown: the history is of an earlier program.
  void learn(const FeatureGroup& group);

  // Rows of some version have this column, perhaps under another name.
  bool knows(const FeatureGroup& group, const FeatureColumn& column) const { return id_for(group, column) != 0; }

  std::uint32_t newest() const { return static_cast<std::uint32_t>(versions_.size()); }  // Versions count from 1.
  bool has(std::uint32_t version) const { return version >= 1 && version <= versions_.size(); }
  const StoredSchema& version(std::uint32_t version) const { return versions_[version - 1]; }

  // For each column of the newest version its place among the columns of `version`; kAbsent if that had none like it.
  static constexpr std::size_t kAbsent = SIZE_MAX;
  const std::vector<std::size_t>& places(std::uint32_t version) const { return places_[version - 1]; }

  // The group, and this history, as they were when `version` was the newest: to write rows down as they are.
  FeatureGroup group_as_of(FeatureGroup group, std::uint32_t version) const;
  SchemaHistory until(std::uint32_t version) const;

  std::string encode() const;
  static Result<SchemaHistory> decode(std::string_view value, std::string_view what);

 private:
  std::uint32_t id_for(const FeatureGroup& group, const FeatureColumn& column) const;
  FieldType type_of(std::uint32_t id) const;
  void find_places();

  std::vector<StoredSchema> versions_;
  std::vector<std::vector<std::size_t>> places_;  // By version.
  std::uint32_t next_id_ = 1;
  std::optional<GroupMeaning> meaning_;            // The same in all versions; its fields are those of all of them.
  std::map<std::uint32_t, std::string> meanings_;  // Of columns, by their identity; of those of which it is known.
};

// Of every group that ever was in a store, by its name.
using Schemas = std::map<std::string, SchemaHistory>;

}  // namespace tidecast
