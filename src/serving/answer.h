#pragma once
// The answers to an invocation, as HTTP responses: the forecasts of both forms, and what was wrong.  Pure.
// Format: docs/endpoint.md.

#include "deepar/deepar.h"
#include "net/http.h"
#include "serving/invocation.h"

namespace tidecast {

// {"predictions": [{"mean": [..], "quantiles": {"0.5": [..]}, "samples": [[..]]}]}, only what was asked for.  An
// instance that the model refuses is a 400 that names it.
HttpResponse answer_instances(const Forecaster& model, const InstancesInvocation& asked, std::uint64_t seed);

// A forecast of a series that we know, with all that tells where it comes from.
struct SeriesAnswer {
  std::string stage;
  int version;
  std::string series;
  std::vector<NamedQuantile> quantiles;
  int paths;
};
// {"series", "stage", "model_version", "origin", "step", "times", "mean", "quantiles"}.  A history that the model
// refuses is a 409: the request was right, the store is not ready for it.
HttpResponse answer_series(const Forecaster& model, const SeriesAnswer& about, const TimeSeries& history,
                           std::uint64_t seed);

HttpResponse answer_fault(int status, const Fault& fault);

}  // namespace tidecast
