#include "flow/event.h"

namespace tidecast {

std::string_view name_of(FieldType type) {
  switch (type) {
    case FieldType::kInteger: return "integer";
    case FieldType::kNumber: return "number";
    case FieldType::kText: return "text";
    case FieldType::kBoolean: return "boolean";
  }
  return "unknown";
}

}  // namespace tidecast
