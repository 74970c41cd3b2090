#include "base/metrics.h"

#include <charconv>
#include <cmath>

#include "base/result.h"

namespace tidecast {
namespace {

std::string number_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  char buffer[32];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr};
}

// In a help text a backslash and a line break are written as \\ and \n.
std::string escaped(const std::string& help) {
  std::string text;
  for (const char c : help) text += c == '\\' ? "\\\\" : c == '\n' ? "\\n" : std::string(1, c);
  return text;
}

}  // namespace

Metric& Metrics::add(std::string name, std::string help, const char* type) {
  for (const Metric& metric : metrics_) CHECK(metric.name_ != name);
  return metrics_.emplace_back(std::move(name), std::move(help), type);
}

std::string Metrics::text() const {
  std::string out;
  for (const Metric& metric : metrics_)
    out += fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n{0} {3}\n", metric.name_, escaped(metric.help_), metric.type_,
                       number_text(metric.value()));
  return out;
}

}  // namespace tidecast
