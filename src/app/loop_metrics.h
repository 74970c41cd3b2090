#pragma once
// What the loop tells Prometheus at GET /metrics.  Set by the scheduler's thread after each batch and each job, read by
// the server's.

#include <map>
#include <optional>
#include <string>

#include "base/metrics.h"
#include "base/time.h"
#include "features/store.h"
#include "sources/source.h"

namespace tidecast {

class LoopMetrics {
 public:
  LoopMetrics() { alarm_.set(0); }
  void on_batch(const Books& books, ProcessingTime now, std::optional<EventTime> watermark, std::size_t open_windows);
  void on_clock(ProcessingTime now) { now_.set(static_cast<double>(now.ms()) / 1000); }
  void on_evaluation(double loss, double threshold);
  void on_source(const std::string& name, const SourceHealth& health, bool down);
  void on_group(const std::string& name, std::optional<EventTime> watermark, std::optional<EventTime> newest_row);
  void on_comparison(std::uint64_t compared, std::uint64_t mismatches) {
    compared_.add(static_cast<double>(compared));
    mismatches_.add(static_cast<double>(mismatches));
  }
  void on_run_ended() { runs_.add(1); }
  void on_alarm(bool stands) { alarm_.set(stands ? 1 : 0); }
  std::string text() const { return metrics_.text(); }

 private:
  Metrics metrics_;
  Counter& read_ = metrics_.counter("tidecast_events_read_total", "Records read from the source.");
  Counter& stored_ = metrics_.counter("tidecast_events_stored_total", "Records counted in a window.");
  Counter& duplicate_ = metrics_.counter("tidecast_events_duplicate_total", "Records whose identifier was known.");
  Counter& late_ = metrics_.counter("tidecast_events_late_total", "Records too late for every window.");
  Counter& dead_ =
      metrics_.counter("tidecast_events_dead_total", "Records that could not be decoded or broke a time guard.");
  Gauge& now_ = metrics_.gauge("tidecast_clock_seconds", "The loop's clock, simulated or real, in seconds since 1970.");
  Gauge& watermark_ =
      metrics_.gauge("tidecast_watermark_seconds", "Watermark of the first feature group, in seconds since 1970.");
  Gauge& open_windows_ = metrics_.gauge("tidecast_open_windows", "Windows not closed yet, in all groups.");
  Gauge& loss_ = metrics_.gauge("tidecast_production_loss", "Mean weighted quantile loss at the newest evaluation.");
  Gauge& threshold_ = metrics_.gauge("tidecast_threshold", "The threshold in force at the newest evaluation.");
  Gauge& alarm_ = metrics_.gauge("tidecast_alarm", "1 while loss_production is in ALARM.");
  Counter& compared_ =
      metrics_.counter("tidecast_online_compared_total", "Rows online that were compared with the files.");
  Counter& mismatches_ =
      metrics_.counter("tidecast_online_mismatches_total", "Rows online that were not what the files say.");
  Counter& runs_ = metrics_.counter("tidecast_runs_ended_total", "Training runs that ended since the program started.");
  struct OfSource {
    Counter &replies, &failures, &gaps;
    Gauge &interval, &last_reply, &down;
  };
  std::map<std::string, OfSource> sources_;  // Live ones, by name.
  struct OfGroup {
    Gauge &watermark_lag, &newest_row;
  };
  std::map<std::string, OfGroup> groups_;
};

}  // namespace tidecast
