#pragma once
// How a feature group's columns came to be what they are.  Stored rows and files carry no names, but the number of the
// schema version under which they were written.  A column has an identity that outlives its name: one that is renamed
// keeps it, one that is taken out and put in again (same name, same type) finds it.

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
std::string schema_text(const StoredSchema& schema);  // "window 1min: total_fee integer, mean_rate number"
std::string schema_text(const FeatureGroup& group);

class SchemaHistory {
 public:
  // Takes the definition as the newest version; false if it says what the newest says already.
  // Errors: kFailedPrecondition - the window, its kind, the keys or a column's type changed: what was and what is.
  Result<bool> adopt(const FeatureGroup& group);

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
  void find_places();

  std::vector<StoredSchema> versions_;
  std::vector<std::vector<std::size_t>> places_;  // By version.
  std::uint32_t next_id_ = 1;
};

}  // namespace tidecast
