#include "app/definition.h"

#include "fuzz.h"

namespace tidecast::fuzz {
namespace {

void parse(std::string_view bytes) {
  const auto definition = parse_definition(std::string(bytes), "fuzz.yaml");
  if (definition.ok())
    CHECK(!describe(*definition).empty());
  else
    CHECK(definition.code() == Code::kInvalidArgument && !definition.message().empty());
}

const Target target{
    "definition",
    parse,
    {"project: p\nsources: [ { name: a, kind: file, path: x } ]\nevent:\n  id: /id\n  time: { from: /t, unit: s }\n"
     "  fields: { x: { from: /x, type: number, optional: true } }\n  deduplicate_for: 3h\n  max_ahead: 10min\n"
     "features: [ { group: g, window: 1min, lateness: 60s, columns: { n: count(), m: avg(x) }, keep: { online: 7d } } "
     "]\n"
     "forecast: { target: g.m, horizon: 10, first_training_after: 8h, seed: 7 }\n",
     "project: p\nsources:\n  - name: feed\n    kind: http_poll\n    url: https://x.org/a?b=c\n    every: 5s\n"
     "    records: /txs\n    order: newest_first\nevent: { time: { from: /t, unit: rfc3339 } }\n"
     "features: [ { group: g, columns: { n: count() } } ]\n"
     "validation: { windows: 10, confidence: 90, threshold: { weighted_quantile_loss: 0.24, update_rate: 0.5 }, "
     "must_beat: "
     "[naive] }\ndeployment: { approval: auto, stages: { staging: { soak: 0s }, production: { approval: manual } } }\n"
     "monitoring: { every: 1h, alarm: { breaches: 3, of: 3, clear_after: 2 }, retrain: { on: [alarm], cool_down: 2h } "
     "}\n"
     "server: { listen: \"127.0.0.1:8080\" }\n",
     "project: p\nsources:\n  - { name: feed, kind: websocket, url: \"wss://x.org/a\", record: /x, only: { /op: utx } "
     "}\n"
     "  - { name: push, kind: http_push, most_waiting: 1000, idle_after: 5min }\nevents:\n"
     "  - { name: order, when: { /kind: [order, 7] }, time: { from: /t, format: \"%d/%m/%Y %H:%M\", zone: "
     "Europe/Berlin }, "
     "id: [/a, /b], fields: { fee: { from: /fee, type: integer, else: { plus: [/in/*/v], minus: [/out/*/v] } } } }\n"
     "  - { name: visit, from: [push], time: { from: /t, unit: ms }, fields: { page: { from: /page, type: text } } }\n"
     "features:\n  - { group: a, event: order, window: { size: 10min, every: 5min, offset: 1min }, lateness: 5s, "
     "allowed_lateness: 1h, close_when_idle: 10min, columns: { q: \"quantile(fee, 0.9)\", s: stddev(fee) } }\n"
     "  - { group: b, event: visit, window: { session: 20s }, key: [page], where: \"page <> 'x'\", "
     "columns: { n: count(), d: count_distinct(page) }, keep: { online: 7d, offline: 30d, raw: 30d } }\n"}};

}  // namespace
}  // namespace tidecast::fuzz
