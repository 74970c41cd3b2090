#pragma once
// A definition file against data that was written under an earlier one: what may change freely, what starts a new
// version of a feature group, and what is refused because stored rows would no longer mean what they say - also rows of
// groups and columns that were gone from the definitions in between.  Pure.  Rules: docs/definition-file.md.

#include <string>
#include <vector>

#include "app/definition.h"

namespace tidecast {

struct DefinitionChange {
  enum class Kind {
    kFree,        // Holds from now on.
    kNewVersion,  // Of a feature group: rows from now on have other columns; those before are read as they are.
    kRefused,     // Not over this data.
  };
  Kind kind;
  std::string path;     // "features.tx_metrics.window"
  std::string text;     // "was 1min, is 5min"
  std::string way_out;  // Of kRefused.
  bool operator==(const DefinitionChange&) const = default;
};

// In the order of the file; empty: nothing that matters has changed.  `stored`: of the data folder, where there is one.
std::vector<DefinitionChange> changes_of(const Definition& before, const Definition& now, Schemas stored = {});

// What `before` says of schemas that an earlier program stored without their meaning.
void learn(const Definition& before, Schemas& stored);

// One line a change: "features.tx_metrics.window: was 1min, is 5min; ...".
std::string to_text(const std::vector<DefinitionChange>& changes, DefinitionChange::Kind kind);

}  // namespace tidecast
