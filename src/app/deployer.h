#pragma once
// From a registered version to traffic: approval by rule, staging, soak, production, the threshold, rollback.

#include <cstdint>
#include <optional>
#include <string>

#include "app/project.h"
#include "app/timeline.h"
#include "serving/endpoint.h"

namespace tidecast {

class Deployer {
 public:
  // `port`: of the HTTP server that serves `endpoints`; a deployment then sends its smoke request over it.
  Deployer(Project& project, Endpoints& endpoints, Timeline& timeline, std::optional<std::uint16_t> port)
      : project_(project), endpoints_(endpoints), timeline_(timeline), port_(port) {}

  // Loads what the registry says is placed (and the one before it, for a rollback) into the endpoints.
  Status restore();

  // What follows a registration, as far as the definition lets it go by itself: approval, staging, and production at
  // once or, with a soak, at the returned time.  nullopt: nothing is left to do at a later time.
  Result<std::optional<ProcessingTime>> on_registered(int version, ProcessingTime now, const std::string& why);

  // Deploys an approved version.  The endpoint swaps only after load, warm-up and smoke request; then the alias moves,
  // and with production the threshold.  A repeat changes nothing.
  Status deploy(const std::string& stage, int version, ProcessingTime now, const std::string& actor,
                const std::string& why);

 private:
  Result<TimeSeries> sample(int version) const;
  Status smoke_over_http(const std::string& stage) const;
  Status move_threshold(int version, ProcessingTime now, const std::string& actor);

  Project& project_;
  Endpoints& endpoints_;
  Timeline& timeline_;
  std::optional<std::uint16_t> port_;
};

}  // namespace tidecast
