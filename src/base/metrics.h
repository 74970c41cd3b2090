#pragma once
// Counters and gauges of a running program, and their text for Prometheus (text exposition format 0.0.4).
//
//   Metrics metrics;
//   Counter& read = metrics.counter("tidecast_events_read_total", "Records read from the source.");
//   read.set(books.read);
//
// Owned by whoever starts the program and passed down; nothing is global.  Any number of threads.

#include <atomic>
#include <deque>
#include <limits>
#include <mutex>
#include <string>

namespace tidecast {

class Metric {
 public:
  Metric(std::string name, std::string help, std::string labels, const char* type)
      : name_(std::move(name)), help_(std::move(help)), labels_(std::move(labels)), type_(type) {}
  void set(double value) { value_.store(value, std::memory_order_relaxed); }
  void add(double amount) {
    for (double seen = value_.load(std::memory_order_relaxed); !value_.compare_exchange_weak(seen, seen + amount);)
      continue;
  }
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  friend class Metrics;
  std::string name_, help_, labels_;
  const char* type_;
  std::atomic<double> value_ = 0;
};
using Counter = Metric;  // Only grows; its name ends in _total.
using Gauge = Metric;

class Metrics {
 public:
  // `labels` as the format has them: source="trips".  The same name and labels twice is a bug.  The reference lives as
  // long as this.
  Counter& counter(std::string name, std::string help, std::string labels = "") {
    return add(std::move(name), std::move(help), std::move(labels), "counter");
  }
  // A gauge is NaN, which is neither above nor below anything, until it is set.
  Gauge& gauge(std::string name, std::string help, std::string labels = "") {
    Gauge& gauge = add(std::move(name), std::move(help), std::move(labels), "gauge");
    gauge.set(std::numeric_limits<double>::quiet_NaN());
    return gauge;
  }

  // "# HELP ...\n# TYPE ...\nname{labels} value\n" for each name, in the order in which they were added.
  std::string text() const;

 private:
  Metric& add(std::string name, std::string help, std::string labels, const char* type);
  mutable std::mutex mutex_;
  std::deque<Metric> metrics_;  // A deque, so that references stay.
};

}  // namespace tidecast
