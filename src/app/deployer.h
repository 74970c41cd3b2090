#pragma once
// From a registered version to traffic: approval by rule, staging, soak, production, the threshold, rollback.

#include <optional>
#include <string>

#include "app/project.h"
#include "app/timeline.h"
#include "serving/endpoint.h"

namespace tidecast {

class Deployer {
 public:
  // `server`: where `endpoints` are served; a deployment then sends its last smoke request there.
  Deployer(Project& project, Endpoints& endpoints, Timeline& timeline, std::optional<ServerDefinition> server)
      : project_(project), endpoints_(endpoints), timeline_(timeline), server_(std::move(server)) {}

  // Loads what the registry says is placed (and the one before it, for a rollback) into the endpoints.  A model that
  // gives no forecast (its program is gone, say) is left out, which the log says.
  Status restore();

  // What follows a registration, as far as the definition lets it go by itself: approval, staging, and production at
  // once or, with a soak, at the returned time.  nullopt: nothing is left to do at a later time.
  Result<std::optional<ProcessingTime>> on_registered(int version, ProcessingTime now, const std::string& why);

  // Deploys an approved version.  The endpoint swaps only after load, warm-up and smoke requests; then the alias moves,
  // and with production the threshold.  If it cannot be brought up everything is as it was; a repeat changes nothing,
  // and finishes what a crash interrupted.
  Status deploy(const std::string& stage, int version, ProcessingTime now, const std::string& actor,
                const std::string& why);
  // The same where nobody waits for the answer: a model that is no good is a line of the timeline and false; an error
  // is one of the stores', or the endpoint's that did not answer in time, which says nothing about the model.
  Result<bool> deploy_or_tell(const std::string& stage, int version, ProcessingTime now, const std::string& actor,
                              const std::string& why);

 private:
  // Into the endpoint, if it is not there yet; the smoke request's milliseconds.  `no_good`, if given, takes what is
  // wrong with the model, and the result is then nullopt.
  Result<std::optional<double>> bring_up(const std::string& stage, int version, Status* no_good = nullptr);
  Status move_traffic(const std::string& stage, int version, ProcessingTime now, const std::string& actor,
                      const std::string& why, std::optional<double> smoke_ms);
  Status tell(const std::string& stage, std::optional<double> smoke_ms);
  Result<TimeSeries> sample(int version) const;
  Status smoke_over_http(const std::string& stage) const;

  Project& project_;
  Endpoints& endpoints_;
  Timeline& timeline_;
  std::optional<ServerDefinition> server_;
};

}  // namespace tidecast
