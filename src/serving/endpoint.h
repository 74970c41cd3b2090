#pragma once
// Models that answer: one endpoint a stage, swapped atomically, speaking SageMaker DeepAR's JSON, our short form and
// the Open Inference Protocol.  What requests want forecast waits in one queue, which a few threads work at.
// Wire formats: docs/endpoint.md (Amazon's "DeepAR Inference Formats" for the long form).

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "deepar/deepar.h"
#include "net/http.h"
#include "serving/answer.h"
#include "serving/forecast.h"
#include "serving/queue.h"

namespace tidecast {

// A model as served.  Immutable; shared by the endpoint and by forecasts in flight.
struct ServedModel {
  int version = 0;
  std::shared_ptr<const Forecaster> model;
};

// History of a series up to `as_of` (window_end <= as_of; nullopt: the newest) for the short form.  Called on whatever
// thread forecasts.  Its error's code decides the answer's status: kNotFound - a series that we do not know.
using HistoryReader = std::function<Result<TimeSeries>(const std::string& series, std::optional<EventTime> as_of)>;

// Makes a model of an artefact's bytes; load_deepar() but for tests.
using ModelLoader = std::function<Result<std::shared_ptr<const Forecaster>>(std::string_view artefact)>;

struct EndpointOptions {
  std::vector<std::string> stages{"staging", "production"};  // GET /ping answers for the last of them.
  std::vector<double> default_quantiles{0.05, 0.5, 0.95};    // Of the short form; the long form's are 0.1 ... 0.9.
  int paths = 100;                                           // Of the short form, if the request does not say.
  std::uint64_t seed = 7;
  Frequency step{60'000ms};  // Of the series.
  int threads = 0;           // That forecast; 0: one for each processor that the process may use.
  // What may wait or be under way: numbers to draw (paths times horizon) and numbers read; a few seconds' work and less
  // than 200 MB.  A request that is more is taken where nothing else waits.
  std::int64_t waiting_max = 10'000'000;
};

// Thread-safe.
class Endpoints {
 public:
  Endpoints(EndpointOptions options, HistoryReader history, ModelLoader loader = load_deepar);

  // Loads, warms and smoke-tests `artefact` before any traffic moves: a real forecast of `sample` that must be finite
  // and of the right length, then a whole request in the long form.  Then swaps atomically; the model that served
  // before is kept for an instant rollback (a version deployed over itself leaves the kept one).  `probe`, if given,
  // is asked after the swap (a request over the network, say).  Returns the smoke request's milliseconds (wall time).
  // Errors: kNotFound - no such stage;  kInvalidArgument - a version below 1, a damaged artefact, a sample that the
  // model cannot forecast from;  kInternal - what it forecasts is no forecast;  what the probe says.  On an error the
  // stage holds what it held before.
  Result<double> deploy(const std::string& stage, int version, std::string_view artefact, const TimeSeries& sample,
                        const std::function<Status()>& probe = {});
  // Swaps back to the kept model, whose version is returned; another rollback swaps forward again.
  // Errors: kNotFound - no such stage;  kFailedPrecondition - no model is kept.
  Result<int> rollback(const std::string& stage);

  // None too for a stage that there is not.
  std::optional<ServedModel> serving(const std::string& stage) const;
  std::optional<ServedModel> previous(const std::string& stage) const;

  // POST /endpoints/{stage}/invocations, GET /ping, the paths below /v2, 404 and 405 for the rest.  An answer that has
  // to be forecast comes later (HttpResponse::later); where too much waits, it is a 429.
  HttpResponse handle(const HttpRequest& request) const;

 private:
  struct Stage {
    std::optional<ServedModel> current, previous;
  };
  using Prepared = std::variant<HttpResponse, std::unique_ptr<PendingAnswer>>;
  // What an answer gets on its way out.
  using Finish = std::function<void(HttpResponse&)>;

  HttpResponse ping() const;
  HttpResponse invoke(const std::string& stage, const HttpRequest& request) const;
  HttpResponse open_inference(const HttpRequest& request) const;
  Prepared prepare(const std::string& stage, const ServedModel& served, const HttpRequest& request) const;
  HttpResponse queued(Prepared prepared, Finish finish) const;
  Result<double> smoke(const std::string& stage, const ServedModel& candidate, const TimeSeries& sample) const;
  Status check_stage(const std::string& stage) const;

  const EndpointOptions options_;
  const HistoryReader history_;
  const ModelLoader loader_;
  mutable std::mutex mutex_;             // Guards what stages_ holds; held for a copy only, never during a forecast.
  std::map<std::string, Stage> stages_;  // The keys never change.
  mutable ForecastQueue queue_;          // Last: its threads use all of the above.
};

}  // namespace tidecast
