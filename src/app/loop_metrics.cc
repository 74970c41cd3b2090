#include "app/loop_metrics.h"

namespace tidecast {

void LoopMetrics::on_batch(const Books& books, ProcessingTime now, std::optional<EventTime> watermark,
                           std::size_t open_windows) {
  read_.set(static_cast<double>(books.read));
  stored_.set(static_cast<double>(books.stored));
  duplicate_.set(static_cast<double>(books.duplicate));
  late_.set(static_cast<double>(books.late));
  dead_.set(static_cast<double>(books.dead));
  on_clock(now);
  if (watermark) watermark_.set(static_cast<double>(watermark->ms()) / 1000);
  open_windows_.set(static_cast<double>(open_windows));
}

void LoopMetrics::on_evaluation(double loss, double threshold) {
  loss_.set(loss);
  threshold_.set(threshold);
}

void LoopMetrics::on_source(const std::string& name, const SourceHealth& health, bool down) {
  auto found = sources_.find(name);
  if (found == sources_.end()) {
    const std::string label = fmt::format("source=\"{}\"", name);
    const auto counter = [&](const char* metric, const char* help) -> Counter& {
      return metrics_.counter(metric, help, label);
    };
    const auto gauge = [&](const char* metric, const char* help) -> Gauge& {
      return metrics_.gauge(metric, help, label);
    };
    const OfSource added{
        counter("tidecast_source_replies_total", "Replies or messages that the live source gave."),
        counter("tidecast_source_failures_total", "Times that asking the live source failed."),
        counter("tidecast_source_gaps_total", "Replies of which no record was known, so that some were missed."),
        gauge("tidecast_source_interval_seconds", "Time between two polls of the live source."),
        gauge("tidecast_source_last_reply_seconds", "When it last replied, in seconds since 1970."),
        gauge("tidecast_source_down", "1 while the live source does not answer or brings nothing new."),
    };
    found = sources_.emplace(name, added).first;
  }
  const OfSource& source = found->second;
  source.replies.set(static_cast<double>(health.replies));
  source.failures.set(static_cast<double>(health.failures));
  source.gaps.set(static_cast<double>(health.gaps));
  source.interval.set(static_cast<double>(health.interval.count()) / 1000);
  if (health.last_reply_at) source.last_reply.set(static_cast<double>(health.last_reply_at->ms()) / 1000);
  source.down.set(down ? 1 : 0);
}

void LoopMetrics::on_group(const std::string& name, std::optional<EventTime> watermark,
                           std::optional<EventTime> newest_row) {
  auto found = groups_.find(name);
  if (found == groups_.end()) {
    const std::string label = fmt::format("group=\"{}\"", name);
    const OfGroup added{
        metrics_.gauge("tidecast_watermark_lag_seconds", "How far the group's watermark is behind the clock.", label),
        metrics_.gauge("tidecast_newest_row_seconds", "Event time of the group's newest row, since 1970.", label)};
    found = groups_.emplace(name, added).first;
  }
  if (watermark) found->second.watermark_lag.set(now_.value() - static_cast<double>(watermark->ms()) / 1000);
  if (newest_row) found->second.newest_row.set(static_cast<double>(newest_row->ms()) / 1000);
}

}  // namespace tidecast
