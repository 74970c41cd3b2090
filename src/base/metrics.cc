#include "base/metrics.h"

#include <charconv>
#include <cmath>
#include <set>

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

Metric& Metrics::add(std::string name, std::string help, std::string labels, const char* type) {
  const std::lock_guard lock(mutex_);
  for (const Metric& metric : metrics_) CHECK(metric.name_ != name || metric.labels_ != labels);
  return metrics_.emplace_back(std::move(name), std::move(help), std::move(labels), type);
}

std::string Metrics::text() const {
  const std::lock_guard lock(mutex_);
  std::string out;
  std::set<std::string> told;
  for (const Metric& first : metrics_) {
    if (!told.insert(first.name_).second) continue;
    out += fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n", first.name_, escaped(first.help_), first.type_);
    for (const Metric& metric : metrics_)
      if (metric.name_ == first.name_)
        out += fmt::format("{}{} {}\n", metric.name_, metric.labels_.empty() ? "" : "{" + metric.labels_ + "}",
                           number_text(metric.value()));
  }
  return out;
}

}  // namespace tidecast
