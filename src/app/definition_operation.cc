// deployment:, monitoring: and server: what happens to a model that passed, and how the whole is run.
#include <charconv>

#include "app/definition_parts.h"

namespace tidecast {
namespace {

constexpr Milliseconds kLongest = 24h * 365;

// true for auto; `usual` where nothing stands.
bool read_approval(const Value& approval, bool usual) {
  const auto index =
      approval.word({.what = "approval", .words = {"manual", "auto"}, .synonyms = {{"automatic", "auto"}}});
  return index ? *index == 1 : usual;
}

// 127.0.0.0/8 and ::1, which nobody outside this machine can reach.
bool is_loopback(std::string_view address) {
  if (address == "::1") return true;
  if (!address.starts_with("127.")) return false;
  int parts = 0;
  for (const char *at = address.data(), *end = at + address.size();;) {
    unsigned part = 0;
    const auto [next, error] = std::from_chars(at, end, part);
    if (error != std::errc() || part > 255 || next - at > 3) return false;
    ++parts;
    if (next == end) return parts == 4;
    if (*next != '.') return false;
    at = next + 1;
  }
}

}  // namespace

DeploymentDefinition read_deployment(const Value& deployment) {
  DeploymentDefinition out;
  const ValueMap map = deployment.map({.optional = {"approval", "stages"}});
  out.staging_auto = out.production_auto = read_approval(map["approval"], false);
  const Value stages = map["stages"];
  if (!stages) return out;
  const ValueMap by_name = stages.map({.optional = {"staging", "production"}});
  Value soak;
  if (const Value production = by_name["production"]) {
    const ValueMap parts =
        production.map({.optional = {"approval"}, .refused = {later("capture", "no key: every forecast is kept")}});
    const Value approval = parts["approval"];
    out.production_auto = read_approval(approval, out.production_auto);
    if (out.production_auto && !out.staging_auto)
      approval.error("nothing gets here by itself: a person approves before", "manual, or deployment.approval: auto");
  }
  if (const Value staging = by_name["staging"]) {
    const ValueMap parts =
        staging.map({.optional = {"soak"}, .refused = {{"approval", "stands elsewhere", "deployment.approval"}}});
    soak = parts["soak"];
    set(out.soak, soak.duration(0s, kLongest));
  }
  if (out.soak > 0ms && !(out.staging_auto && out.production_auto))
    soak.error("nothing waits for it: a person approves", "approval: auto for both stages beside it, or 0s");
  return out;
}

MonitoringDefinition read_monitoring(const Value& monitoring) {
  MonitoringDefinition out;
  const ValueMap map = monitoring.map({.optional = {"every", "alarm", "retrain"}});
  set(out.every, map["every"].duration(1min, kLongest));
  if (const Value alarm = map["alarm"]) {
    const ValueMap parts = alarm.map({.optional = {"breaches", "of", "clear_after"}});
    const Value breaches = parts["breaches"], of = parts["of"];
    set(out.alarm.breaches, breaches.integer(1, 1000));
    out.alarm.of = std::max(out.alarm.of, out.alarm.breaches);
    if (of) out.alarm.of = out.alarm.breaches;  // Where it cannot be read: nothing more is wrong.
    set(out.alarm.of, of.integer(1, 1000));
    if (out.alarm.of < out.alarm.breaches)
      (breaches ? breaches : of)
          .error(fmt::format("{} breaches of {} evaluations can never be", out.alarm.breaches, out.alarm.of),
                 "breaches up to of");
    set(out.alarm.clear_after, parts["clear_after"].integer(1, 1000));
  }
  if (const Value retrain = map["retrain"]) {
    const ValueMap parts = retrain.map({.optional = {"on", "cool_down", "attempts"},
                                        .refused = {later("schedule", "on: [alarm]; by hand: tidecast train")}});
    if (const Value on = parts["on"]) {
      out.retrain.on_alarm = false;
      for (const Value& item : on.items())
        if (item.word({.what = "cause to retrain", .words = {"alarm"}, .later = {"schedule", "drift"}}))
          out.retrain.on_alarm = true;
    }
    set(out.retrain.cool_down, parts["cool_down"].duration(0s, kLongest));
    set(out.retrain.attempts, parts["attempts"].integer(1, 1000));
  }
  return out;
}

ServerDefinition read_server(const Value& server) {
  ServerDefinition out;
  const ValueMap map = server.map({.optional = {"listen"},
                                   .refused = {later("tls", "no key: the server listens on this machine only"),
                                               later("tokens", "no key: the server listens on this machine only")},
                                   .synonyms = {{"address", "listen"}, {"port", "listen"}, {"host", "listen"}}});
  const Value listen = map["listen"];
  constexpr std::string_view kAllowed = "an address of this machine alone and a port, like 127.0.0.1:8080";
  const auto text = listen.text(kAllowed);
  if (!text) return out;
  const std::size_t colon = text->rfind(':');
  std::string_view address = std::string_view(*text).substr(0, colon);
  const std::string_view port = colon == std::string::npos ? "" : std::string_view(*text).substr(colon + 1);
  unsigned number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (port.empty() || error != std::errc() || end != port.data() + port.size() || number > 65'535) {
    const bool any = colon != std::string::npos && !port.empty();
    listen.error_at(any ? colon + 1 : 0, any ? port.size() : text->size(),
                    any ? fmt::format("'{}' is no port", port) : fmt::format("'{}' is no address with a port", *text),
                    any ? "0 (any free one) to 65535" : std::string(kAllowed));
    return out;
  }
  if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
  if (address == "localhost") address = "127.0.0.1";
  if (!is_loopback(address)) {
    listen.error_at(
        0, colon,
        fmt::format("'{}' can be reached from elsewhere, which needs tls and tokens; this version has neither",
                    address),
        "127.0.0.1, [::1], localhost");
    return out;
  }
  out.address = address;
  out.port = static_cast<std::uint16_t>(number);
  return out;
}

}  // namespace tidecast
