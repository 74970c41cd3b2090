#pragma once
// The answers to an invocation: what has to be forecast for it, and the HTTP response of that; and what was wrong.
// Format: docs/endpoint.md.

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "flow/forecaster.h"
#include "net/http.h"
#include "serving/invocation.h"

namespace tidecast {

// A request that is understood and waits for its forecasts.
class PendingAnswer {
 public:
  virtual ~PendingAnswer() = default;
  virtual int parts() const { return 1; }
  // How much work and memory it is: numbers to draw and numbers read.
  virtual std::int64_t load() const = 0;
  // Makes part 0 .. parts() - 1; several threads at once.
  virtual void run(int part) = 0;
  // Once all parts are made.
  virtual HttpResponse answer() = 0;
};

// Of requests that bring their series: a part an instance.  A form of such a request says what its answer looks like.
class PendingInstances : public PendingAnswer {
 public:
  PendingInstances(std::shared_ptr<const Forecaster> model, InstancesInvocation asked, std::uint64_t seed);
  int parts() const final { return static_cast<int>(asked_.instances.size()); }
  std::int64_t load() const final;
  void run(int part) final;
  HttpResponse answer() final;

 protected:
  virtual void keep(std::size_t instance, const ForecastPaths& paths) = 0;
  virtual HttpResponse answer_of_all() = 0;
  // The place of the instance's error.
  virtual std::string where(std::size_t instance) const = 0;
  const Configuration& configuration() const { return asked_.configuration; }

 private:
  const std::shared_ptr<const Forecaster> model_;
  const InstancesInvocation asked_;
  const std::uint64_t seed_;
  std::atomic<int> first_bad_;  // The first instance that cannot be forecast; those after it are left out.
  std::mutex mutex_;
  Status fault_;  // Of first_bad_.
};

// {"predictions": [{"mean": [..], "quantiles": {"0.5": [..]}, "samples": [[..]]}]}, only what was asked for.  An
// instance that the model refuses is a 400 that names it.
std::unique_ptr<PendingAnswer> pending_instances(std::shared_ptr<const Forecaster> model, InstancesInvocation asked,
                                                 std::uint64_t seed);
// One of the predictions, as JSON.
std::string prediction_text(const ForecastPaths& paths, const Configuration& wanted);

// A forecast of a series that we know, with all that tells where it comes from.
struct SeriesAnswer {
  std::string stage;
  int version;
  std::string series;
  std::vector<NamedQuantile> quantiles;
  int paths;
};
// {"series", "stage", "model_version", "origin", "step", "times", "mean", "quantiles"}.  `history` is read when the
// forecast is made; its error's code decides the status.  A history that the model refuses is a 409: the request was
// right, the store is not ready for it.
std::unique_ptr<PendingAnswer> pending_series(std::shared_ptr<const Forecaster> model, SeriesAnswer about,
                                              std::function<Result<TimeSeries>()> history, std::uint64_t seed);

HttpResponse answer_fault(int status, const Fault& fault);

}  // namespace tidecast
