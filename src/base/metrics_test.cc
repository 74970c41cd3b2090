#include "base/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <thread>

namespace tidecast {
namespace {

TEST(Metrics, PrintsWhatPrometheusReads) {
  Metrics metrics;
  metrics.counter("events_total", "Events\nread.").set(658412);
  metrics.gauge("loss", "Newest loss.").set(std::nan(""));
  EXPECT_EQ(metrics.text(),
            "# HELP events_total Events\\nread.\n# TYPE events_total counter\nevents_total 658412\n"
            "# HELP loss Newest loss.\n# TYPE loss gauge\nloss NaN\n");
}

TEST(Metrics, OneNameMayHaveManyLabels) {
  Metrics metrics;
  metrics.counter("polls_total", "Polls.", R"(source="a")").set(1);
  metrics.gauge("loss", "Newest loss.").set(2);
  metrics.counter("polls_total", "Polls.", R"(source="b")").set(3);
  EXPECT_EQ(metrics.text(),
            "# HELP polls_total Polls.\n# TYPE polls_total counter\npolls_total{source=\"a\"} 1\n"
            "polls_total{source=\"b\"} 3\n# HELP loss Newest loss.\n# TYPE loss gauge\nloss 2\n");
}

TEST(Metrics, AddingFromTwoThreadsLosesNothing) {
  Metrics metrics;
  Counter& hits = metrics.counter("hits_total", "Hits.");
  const auto work = [&hits] {
    for (int i = 0; i < 10'000; ++i) hits.add(1);
  };
  std::thread other(work);
  work();
  other.join();
  EXPECT_EQ(hits.value(), 20'000);
}

TEST(MetricsDeathTest, TheSameNameTwiceIsABug) {
  Metrics metrics;
  metrics.gauge("a", "");
  EXPECT_DEATH(metrics.gauge("a", ""), "CHECK");
}

}  // namespace
}  // namespace tidecast
