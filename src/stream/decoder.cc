#include "stream/decoder.h"

#include <algorithm>

#include "stream/json_values.h"

namespace tidecast {

Result<Decoder> Decoder::compile(std::span<const EventMapping> events) {
  std::vector<std::string> pointers;
  std::vector<EventReader> readers;
  std::vector<Rule> rules;
  for (const EventMapping& event : events) {
    Result<EventReader> reader = EventReader::compile(event, pointers);
    if (!reader.ok()) return std::move(reader).status().in(event.name.empty() ? "event" : event.name);
    readers.push_back(std::move(reader).value());
    Rule& rule = rules.emplace_back(Rule{{}, event.sources});
    for (const EventMatch& match : event.when) {
      rule.when.emplace_back(pointers.size(), match);
      pointers.push_back(match.pointer);
    }
  }
  return Decoder(std::move(readers), std::move(rules), JsonScanner(TRY(PointerTree::compile(pointers))));
}

void Decoder::decode(const RawBatch& batch, std::size_t source, DecodedBatch& decoded) {
  using Fate = DecodedBatch::Fate;
  const std::size_t n = batch.records.size();
  CHECK(batch.bytes.size() >= kRawPadding || n == 0);
  decoded.fate.resize(n);
  decoded.event.resize(n);
  decoded.key.resize(n);
  decoded.events.resize(readers_.size());
  for (std::size_t e = 0; e < readers_.size(); ++e) readers_[e].resize(n, decoded.events[e]);
  decoded.rejected.clear();
  for (std::size_t i = 0; i < n; ++i) {
    decoded.fate[i] = Fate::kDead;
    if (!scanner_.scan(batch.raw(i))) {
      decoded.rejected.push_back({i, scanner_.error()});
      continue;
    }
    const std::size_t e = route(source);
    decoded.event[i] = static_cast<std::uint32_t>(e);
    if (e == readers_.size()) {
      decoded.fate[i] = Fate::kUnmatched;
    } else if (readers_[e].read(scanner_, batch.records[i].arrival, i, decoded.events[e], decoded.key[i])) {
      decoded.fate[i] = Fate::kAlive;
    } else {
      decoded.rejected.push_back({i, readers_[e].reason(), readers_[e].by_guard()});
    }
  }
}

std::size_t Decoder::route(std::size_t source) {
  for (std::size_t e = 0; e < rules_.size(); ++e) {
    const Rule& rule = rules_[e];
    const bool fits = rule.sources.empty() || std::ranges::find(rule.sources, source) != rule.sources.end();
    if (fits && std::ranges::all_of(rule.when, [this](const auto& when) { return holds(when.first, when.second); }))
      return e;
  }
  return rules_.size();
}

bool Decoder::holds(std::size_t slot, const EventMatch& match) {
  const JsonValue value = scanner_.value(slot);
  std::optional<std::string_view> found;
  if (value.kind == JsonKind::kText) found = scanner_.text(value);
  if (value.kind == JsonKind::kNumber || value.kind == JsonKind::kBoolean || value.kind == JsonKind::kNull)
    found = value.raw;
  return found && std::ranges::find(match.values, *found) != match.values.end();
}

}  // namespace tidecast
