#pragma once
// The Open Inference Protocol, version 2, REST (kserve/open-inference-protocol): what its paths and requests mean for
// forecasts, and the answers.  Pure.  Tensors: docs/endpoint.md.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "serving/answer.h"
#include "serving/invocation.h"

namespace tidecast {

// What a path below /v2 is about.
struct OpenPath {
  enum class What { kServer, kLive, kReady, kModel, kModelReady, kInfer } what;
  std::string model{};
  std::string version{};  // Empty: the one that serves.
};
std::optional<OpenPath> parse_open_path(std::string_view path);

// {"name", "versions", "platform", "inputs", "outputs"}.
json::object model_metadata(const std::string& name, const std::vector<int>& versions, const SeriesNeeds& needs);

enum class OpenOutput { kMean, kQuantiles, kSamples };

struct InferenceRequest {
  InstancesInvocation asked;
  std::optional<std::string> id;
  bool batched = false;  // Whether the tensors have a dimension of instances.
  std::vector<OpenOutput> outputs{OpenOutput::kMean, OpenOutput::kQuantiles};
};
// The body of an inference request.  Places are JSON pointers.
Parsed<InferenceRequest> parse_inference(std::string_view body, const SeriesNeeds& needs);

// {"model_name", "model_version", "id", "outputs"}.
std::unique_ptr<PendingAnswer> pending_inference(std::shared_ptr<const Forecaster> model, const std::string& name,
                                                 int version, InferenceRequest request, std::uint64_t seed);

}  // namespace tidecast
