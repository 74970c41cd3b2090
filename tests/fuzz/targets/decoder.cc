// Records of several events, told apart by rules, with times of a format and fields that are sums of others.

#include "stream/decoder.h"

#include <algorithm>

#include "fuzz.h"

namespace tidecast::fuzz {
namespace {

std::vector<EventMapping> mappings() {
  std::vector<EventMapping> events(2);
  EventMapping& order = events[0];
  order.name = "order";
  order.when = {{"/kind", {"order", "7", "null"}}};
  order.id = {"/id", "/deep/0"};
  order.time_pointer = "/at";
  order.time = {TimeUnit::kFormat, "%Y-%m-%d %H:%M:%E*S", "Europe/Berlin"};
  order.fields = {{"fee", "/fee", FieldType::kInteger, false, "", {"/in/*/value"}, {"/out/*/value", "/tax"}},
                  {"x", "/x", FieldType::kNumber, true, ""}};
  order.max_behind = 24h;
  EventMapping& visit = events[1];
  visit.name = "visit";
  visit.sources = {0};
  visit.time_pointer = "/t";
  visit.fields = {{"page", "/page", FieldType::kText, true, ""}, {"bot", "/bot", FieldType::kBoolean, true, ""}};
  return events;
}

// A record a line.
void decode(std::string_view bytes) {
  static Decoder decoder = Decoder::compile(mappings()).value();
  RawBatch batch;
  for (std::size_t at = 0; at <= bytes.size();) {
    const std::size_t end = std::min(bytes.find('\n', at), bytes.size());
    batch.append(bytes.substr(at, end - at), ProcessingTime::from_ms(1'778'000'400'000));
    at = end + 1;
  }
  batch.pad();
  for (const std::size_t source : {std::size_t{0}, std::size_t{1}}) {
    DecodedBatch decoded;
    decoder.decode(batch, source, decoded);
    CHECK(decoded.fate.size() == batch.records.size());
    const auto dead = std::ranges::count(decoded.fate, DecodedBatch::Fate::kDead);
    CHECK(static_cast<std::size_t>(dead) == decoded.rejected.size());
    for (std::size_t i = 0; i < batch.records.size(); ++i) {
      if (decoded.fate[i] != DecodedBatch::Fate::kAlive) continue;
      const EventBatch& event = decoded.events.at(decoded.event[i]);
      CHECK(event.alive[i] == 1);
      CHECK(event.time[i].ms() >= kCalendarBeginMs && event.time[i].ms() < kCalendarEndMs);
    }
  }
}

const Target target{
    "decoder",
    decode,
    {R"({"kind":"order","id":"a","deep":[7],"at":"2026-05-05 19:00:00.5","fee":3,"x":1e3})",
     R"({"kind":7,"id":1,"deep":["b"],"at":"2026-05-05 19:00:00","in":[{"value":5},{"value":6}],"out":[{"value":4}],"tax":1})",
     "{\"t\":1778000400,\"page\":\"\\u00e9\\n\",\"bot\":false}\n{\"kind\":null}\n\n{}"}};

}  // namespace
}  // namespace tidecast::fuzz
