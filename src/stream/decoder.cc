#include "stream/decoder.h"

#include <algorithm>
#include <iterator>

#include "stream/json_values.h"

namespace tidecast {

namespace {

constexpr std::size_t kWorthAThread = 128 << 10;  // Decoding this takes some 0.1 ms, waking a thread up to 0.05.

bool holds(JsonScanner& scanner, std::size_t slot, const EventMatch& match) {
  const JsonValue value = scanner.value(slot);
  std::optional<std::string_view> found;
  if (value.kind == JsonKind::kText) found = scanner.text(value);
  if (value.kind == JsonKind::kNumber || value.kind == JsonKind::kBoolean || value.kind == JsonKind::kNull)
    found = value.raw;
  return found && std::ranges::find(match.values, *found) != match.values.end();
}

}  // namespace

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
  const PointerTree tree = TRY(PointerTree::compile(pointers));
  return Decoder(std::move(rules), {readers, JsonScanner(tree)}, {readers, JsonScanner(tree)});
}

void Decoder::decode(const RawBatch& batch, std::size_t source, DecodedBatch& decoded) {
  const std::size_t n = batch.records.size();
  CHECK(batch.bytes.size() >= kRawPadding || n == 0);
  decoded.fate.resize(n);
  decoded.event.resize(n);
  decoded.key.resize(n);
  decoded.events.resize(rules_.size());
  for (std::size_t e = 0; e < rules_.size(); ++e) halves_[0].readers[e].resize(n, decoded.events[e]);
  decoded.rejected.clear();
  if (batch.bytes.size() >= kWorthAThread && n > 1) {
    const std::size_t middle = n / 2;
    if (!workers_) workers_ = std::make_unique<Workers>(2);
    workers_->run(2, [&](int half) {
      half == 0 ? decode(batch, source, 0, middle, 0, decoded) : decode(batch, source, middle, n, 1, decoded);
    });
  } else {
    decode(batch, source, 0, n, 0, decoded);
    halves_[1].rejected.clear();
  }
  for (Half& half : halves_) std::ranges::move(half.rejected, std::back_inserter(decoded.rejected));
}

void Decoder::decode(const RawBatch& batch, std::size_t source, std::size_t first, std::size_t last, std::size_t half,
                     DecodedBatch& decoded) {
  using Fate = DecodedBatch::Fate;
  auto& [readers, scanner, rejected] = halves_[half];
  std::deque<std::string>& unescaped = decoded.unescaped[half];
  rejected.clear();
  unescaped.clear();
  for (std::size_t i = first; i < last; ++i) {
    decoded.fate[i] = Fate::kDead;
    if (!scanner.scan(batch.raw(i))) {
      const std::string_view too_long = why_cut(batch.raw(i));
      rejected.push_back({i, too_long.empty() ? scanner.error() : std::string(too_long)});
      continue;
    }
    const std::size_t e = route(source, scanner);
    decoded.event[i] = static_cast<std::uint32_t>(e);
    if (e == readers.size()) {
      decoded.fate[i] = Fate::kUnmatched;
    } else if (readers[e].read(scanner, batch.records[i].arrival, {decoded.events[e], i, decoded.key[i], unescaped})) {
      decoded.fate[i] = Fate::kAlive;
    } else {
      rejected.push_back({i, readers[e].reason(), readers[e].by_guard()});
    }
  }
}

std::size_t Decoder::route(std::size_t source, JsonScanner& scanner) const {
  for (std::size_t e = 0; e < rules_.size(); ++e) {
    const Rule& rule = rules_[e];
    const bool fits = rule.sources.empty() || std::ranges::find(rule.sources, source) != rule.sources.end();
    if (fits &&
        std::ranges::all_of(rule.when, [&](const auto& when) { return holds(scanner, when.first, when.second); }))
      return e;
  }
  return rules_.size();
}

}  // namespace tidecast
