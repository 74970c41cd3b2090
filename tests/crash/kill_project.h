#pragma once
// What the tests that kill the program share: readings, a definition of them, a project, and how two outcomes are told
// apart.

#include <algorithm>

#include "../e2e/program.h"
#include "base/json.h"
#include "base/rng.h"
#include "long_run.h"

namespace tidecast::e2e {

// Readings of some probes, with everything that may be wrong with one; by default two and a half hours of them.
inline std::string readings(int count = 40'000) {
  std::string lines;
  Rng rng(5);
  for (int i = 0; i < count; ++i) {
    const int id = rng.below(12) == 0 ? std::max(0, i - 1 - static_cast<int>(rng.below(300))) : i;  // A duplicate.
    const int late = rng.below(30) == 0 ? static_cast<int>(rng.below(600)) : 0;
    const std::string value = rng.below(500) == 0 ? "\"broken\"" : std::to_string(rng.below(10'000));
    lines += fmt::format("{{\"id\":{},\"t\":{},\"probe\":\"p{}\",\"x\":{}}}\n", id, 1'778'000'400 + i / 4 - late,
                         rng.below(20), value);
  }
  return lines;
}

inline constexpr const char* kDefinition =
    "project: probes\n"
    "sources: [ { name: probes, kind: file, path: readings.ndjson } ]\n"
    "server: { listen: \"127.0.0.1:0\" }\n"
    "event:\n"
    "  id: /id\n"
    "  time: { from: /t, unit: s }\n"
    "  fields: { x: { from: /x, type: integer }, probe: { from: /probe, type: text } }\n"
    "  deduplicate_for: 1h\n"
    "features:\n"
    "  - group: probes_1min\n"
    "    lateness: 30s\n"
    "    columns: { readings: count(), sum_x: sum(x), mean_x: avg(x) }\n"
    "  - group: hops\n"
    "    window: { size: 10min, every: 5min }\n"
    "    lateness: 30s\n"
    "    allowed_lateness: 2min\n"
    "    key: [probe]\n"
    "    columns: { readings: count(), median_x: \"quantile(x, 0.5)\" }\n"
    "  - group: bursts\n"
    "    window: { session: 8s }\n"
    "    lateness: 30s\n"
    "    key: [probe]\n"
    "    where: \"x > 9000\"\n"
    "    columns: { readings: count(), last_x: last(x) }\n"
    "    keep: { online: 1h }\n";

// The same of readings that are pushed.
inline std::string pushed_definition() {
  std::string text = kDefinition;
  const std::size_t from = text.find("kind: file"), until = text.find(" } ]", from);
  return text.replace(from, until - from, "kind: http_push")
      .replace(text.find("  deduplicate_for"), 0, "  max_ahead: off\n");
}

// A folder with a definition, and the program on it.
struct Project {
  explicit Project(const std::string& definition) { write(folder / "tidecast.yaml", definition); }

  std::vector<std::string> on_it(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(),
                     {"-c", (folder / "tidecast.yaml").string(), "--data", (folder / "data").string()});
    return arguments;
  }
  std::string csv(const std::string& query) const {
    const Finished found = tidecast(on_it({"sql", query, "--format", "csv"}));
    return query + "\n" + (found.code == 0 ? found.out : found.err);
  }

  Folder folder;
};

// Where two outcomes part.
inline std::string difference(const std::string& is, const std::string& was) {
  if (is == was) return "";
  const auto at = static_cast<std::size_t>(std::ranges::mismatch(is, was).in1 - is.begin());
  const std::size_t from = at - std::min<std::size_t>(at, 200);
  return fmt::format("they part at byte {} of {} and {}:\n{}\n-- undisturbed:\n{}", at, is.size(), was.size(),
                     is.substr(from, 400), was.substr(from, 400));
}

}  // namespace tidecast::e2e
