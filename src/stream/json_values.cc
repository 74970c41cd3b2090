#include "stream/json_values.h"

#include <charconv>

namespace tidecast {
namespace {

constexpr std::size_t kShown = 60;  // Bytes of a value that a reason repeats.

bool is_digit(char c) { return static_cast<unsigned char>(c - '0') < 10; }

// The first `kShown` bytes, not cutting a character of UTF-8 in two.
std::string excerpt(std::string_view raw) {
  if (raw.size() <= kShown) return std::string(raw);
  std::size_t end = kShown;
  while (end > 0 && (static_cast<unsigned char>(raw[end]) & 0xc0) == 0x80) --end;
  return std::string(raw.substr(0, end)) + "...";
}

}  // namespace

NumberForm form_of(std::string_view raw) {
  const char* p = raw.data();
  const char* end = p + raw.size();
  const auto digits = [&] {
    const char* first = p;
    while (p != end && is_digit(*p)) ++p;
    return p != first;
  };
  NumberForm form = NumberForm::kInteger;
  if (p != end && *p == '-') ++p;
  const bool leading_zero = p != end && *p == '0';
  const char* whole = p;
  if (!digits() || (leading_zero && p != whole + 1)) return NumberForm::kNone;
  if (p != end && *p == '.') {
    ++p;
    if (!digits()) return NumberForm::kNone;
    form = NumberForm::kDecimal;
  }
  if (p != end && (*p == 'e' || *p == 'E')) {
    ++p;
    if (p != end && (*p == '+' || *p == '-')) ++p;
    if (!digits()) return NumberForm::kNone;
    form = NumberForm::kExponent;
  }
  return p == end ? form : NumberForm::kNone;
}

std::optional<std::int64_t> integer_of(JsonValue value) {
  if (value.kind != JsonKind::kNumber) return std::nullopt;
  const std::string_view raw = value.raw;
  const std::size_t first = raw[0] == '-' ? 1 : 0;
  std::int64_t integer = 0;
  const auto [end, error] = std::from_chars(raw.data(), raw.data() + raw.size(), integer);
  if (error != std::errc() || end != raw.data() + raw.size()) return std::nullopt;
  if (raw[first] == '0' && raw.size() > first + 1) return std::nullopt;  // 007 is no number of JSON.
  return integer;
}

std::optional<double> number_of(JsonValue value) {
  if (value.kind != JsonKind::kNumber || form_of(value.raw) == NumberForm::kNone) return std::nullopt;
  double number = 0;
  const auto [end, error] = std::from_chars(value.raw.data(), value.raw.data() + value.raw.size(), number);
  return error == std::errc() ? std::optional(number) : std::nullopt;
}

std::string describe(JsonValue value) {
  switch (value.kind) {
    case JsonKind::kMissing: return "nothing";
    case JsonKind::kNull: return "null";
    case JsonKind::kBoolean: return std::string(value.raw);
    case JsonKind::kNumber: return (form_of(value.raw) == NumberForm::kNone ? "" : "number ") + excerpt(value.raw);
    case JsonKind::kText: return "text " + excerpt(value.raw);
    case JsonKind::kObject: return "an object";
    case JsonKind::kArray: return "an array";
  }
  return "nothing";
}

}  // namespace tidecast
