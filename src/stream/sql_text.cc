#include "stream/sql_text.h"

#include <algorithm>

#include "stream/predicate.h"

namespace tidecast::sql {

std::string identifier(std::string_view name, char quote) {
  std::string out(1, quote);
  for (const char c : name) out += c == quote ? std::string(2, c) : std::string(1, c);
  return out + quote;
}

std::string text(std::string_view value) { return identifier(value, '\''); }

Result<std::string> where(const WindowGroup& group, const EventMapping& event, char quote) {
  if (group.where.empty()) return std::string();
  return TRY(Predicate::parse(group.where, event).in(group.name + ": where")).sql(quote);
}

std::string free_name(std::string name, const EventMapping& event) {
  while (std::ranges::find(event.fields, name, &EventField::name) != event.fields.end()) name += '_';
  return name;
}

std::string described(const WindowGroup& group) {
  std::string out = group.kind == WindowKind::kTumbling ? fmt::format("tumbling windows of {}", to_text(group.window))
                    : group.kind == WindowKind::kHopping
                        ? fmt::format("windows of {}, one every {}", to_text(group.window), to_text(group.every))
                        : fmt::format("sessions that end after {} of silence", to_text(group.window));
  if (group.offset > 0ms) out += fmt::format(", shifted by {}", to_text(group.offset));
  out += fmt::format("; lateness {}", to_text(group.lateness));
  if (group.allowed_lateness > 0ms) out += fmt::format(", corrected for {} more", to_text(group.allowed_lateness));
  return out;
}

}  // namespace tidecast::sql
