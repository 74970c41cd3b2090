#pragma once
// At every closed window of the target: a forecast by each stage's model, and the score of those whose last truth has
// landed.
//
// Stages: `production`, `staging`, and `shadow`, the model that production replaced, which goes on forecasting so that
// the two can be compared on what follows.  What is stored depends on the windows alone, not on how they came in
// batches; after a restart the forecasts that a crash lost are made up from the stored rows.
//
// The history is always what FeatureStore::series() says: a gap of the source makes null what it touches, also windows
// that closed before it was found.  A forecast or score that was made by then stays as it is.
//
// A model that cannot forecast from what there is (nothing but gaps, say) makes none; the timeline says so once, and
// again when it can.  Neither the stream nor another stage's model waits for it.

#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "app/project.h"
#include "app/timeline.h"
#include "serving/endpoint.h"

namespace tidecast {

class LiveForecasts {
 public:
  LiveForecasts(Project& project, const Endpoints& endpoints, Timeline& timeline);

  // Loads history and forecasts not scored yet, then takes the rows closed since the last call before the restart.
  Status restore();
  // After each commit.
  Status on_ingested(const Ingested& ingested);

  // The history that a forecast would be made from now.
  const TimeSeries& history() const { return history_; }

  // What could not forecast at the last window.
  struct Mute {
    int version;
    std::string reason;  // "": an earlier program wrote none.
  };
  std::optional<Mute> mute(const std::string& stage) const {
    const auto at = mute_.find(stage);
    return at == mute_.end() ? std::nullopt : std::optional(at->second);
  }

 private:
  // Windows in the order of their closing; those of other groups are passed over.
  Status on_closed(const std::vector<ClosedWindow>& windows);
  Status on_row(const FeatureRow& row);
  Status append(double value, ProcessingTime at);
  Status score_landed(ProcessingTime at);
  Status forecast_all(ProcessingTime at);
  std::map<std::string, ServedModel> models() const;  // By stage.
  Status note_mute(const std::map<std::string, ServedModel>& models, const std::map<int, Status>& failures,
                   ProcessingTime at);

  Project& project_;
  const Endpoints& endpoints_;
  Timeline& timeline_;
  std::vector<double> taus_;
  std::size_t group_, column_;
  int horizon_, season_;
  TimeSeries history_;                // The newest kForecastHistory steps, and up to as many more.
  std::vector<SourceGap> gaps_;       // Those that may touch windows to come.
  std::deque<Forecast> waiting_;      // Not scored yet, by origin.
  std::map<std::string, Mute> mute_;  // By stage.
};

}  // namespace tidecast
