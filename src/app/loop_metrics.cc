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

void LoopMetrics::on_source(const SourceHealth& health, bool down) {
  polls_.set(static_cast<double>(health.replies));
  failures_.set(static_cast<double>(health.failures));
  gaps_.set(static_cast<double>(health.gaps));
  interval_.set(static_cast<double>(health.interval.count()) / 1000);
  if (health.last_reply_at) last_reply_.set(static_cast<double>(health.last_reply_at->ms()) / 1000);
  down_.set(down ? 1 : 0);
}

}  // namespace tidecast
