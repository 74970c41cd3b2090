#include "flow/event.h"

#include <fmt/format.h>

namespace tidecast {

namespace {
constexpr std::string_view kCut = "a line of ", kBeginning = "; its first ";
}

std::string cut_line(std::uint64_t offset, std::uint64_t bytes, std::uint64_t allowed, std::string_view beginning) {
  return fmt::format("{}{} bytes from byte {} on, allowed: {} bytes{}{} bytes: {}", kCut, bytes, offset, allowed,
                     kBeginning, beginning.size(), beginning);
}

std::string_view why_cut(std::string_view raw) {
  const std::size_t end = raw.starts_with(kCut) ? raw.find(kBeginning) : raw.npos;
  return end == raw.npos ? std::string_view() : raw.substr(0, end);
}

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
