#pragma once
// The serving half of program.h: a program that is started, asked, watched and stopped.

#include <memory>
#include <mutex>

#include "training/process.h"
#include "training/program.h"

namespace tidecast {

// What an artefact says beside the model's files.
struct ProgramSpec {
  std::vector<std::string> command;
  std::string folder;
  Frequency step{60'000ms};
  int horizon = 1;

  std::string title() const;  // "python3 seasonal.py"
};

// Its reply to an invocation for one instance as paths: its samples, or draws from its quantiles, straight lines
// between them, the outermost beyond.  Errors: kInternal - what was found, what is allowed.
Result<ForecastPaths> paths_of_reply(std::string_view reply, int paths, int horizon, std::uint64_t seed);

class ProgramModel final : public Forecaster {
 public:
  // `base` holds model/; removed at the end if `owned`.
  ProgramModel(ProgramSpec spec, std::filesystem::path base, bool owned, std::string artefact, ProgramLimits limits);
  ~ProgramModel() override;

  Result<ForecastPaths> forecast(const TimeSeries& history, int paths, std::uint64_t seed) const override;
  int horizon() const override { return spec_.horizon; }
  int history_needed() const override;
  const json::object& describe() const override { return about_; }
  std::string serialize() const override { return artefact_; }

 private:
  struct Server {
    std::unique_ptr<Process> process;
    std::uint16_t port = 0;
  };
  Result<std::shared_ptr<Server>> serving() const;  // Starts it if need be; waits until it is up.
  Result<std::shared_ptr<Server>> start() const;
  void fail(std::string what) const;  // Under the mutex.
  Status give_up(const std::shared_ptr<Server>& server, const std::string& what) const;

  const ProgramSpec spec_;
  const std::filesystem::path base_;
  const bool owned_;
  const std::string artefact_;
  const ProgramLimits limits_;
  json::object about_;

  mutable std::mutex mutex_;  // Guards what follows; held while it is started.
  mutable std::shared_ptr<Server> server_;
  mutable int failures_ = 0;  // In a row.
  mutable std::string last_failure_;
  mutable std::chrono::steady_clock::time_point not_before_;
};

}  // namespace tidecast
