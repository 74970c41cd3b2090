#pragma once
// The commands over the stores of one project: what a server answers with, and what the command line uses where no
// server runs.

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "api/commands.h"
#include "app/overview.h"
#include "app/project.h"
#include "app/scheduler.h"
#include "app/status.h"

namespace tidecast {

class ProjectCommands final : public Commands {
 public:
  struct Parts {
    Project& project;
    Scheduler& scheduler;
    const Endpoints& endpoints;
    // Runs a task on the loop's thread and waits for it; in a process without a loop, at once.
    std::function<Result<json::object>(Mailbox::Task)> on_loop;
    std::function<Result<json::object>()> status;  // The newest; any thread.
    std::function<ProcessingTime()> now;           // The loop's time; any thread.
    std::function<Status()> wait_for_run;          // Where no loop takes a run to its end; else empty.
    json::object server;                           // What server() answers.
    std::function<bool()> ending{};                // The program ends: long work is broken off.  Any thread.
  };
  explicit ProjectCommands(Parts parts) : parts_(std::move(parts)), overview_(parts_.project, parts_.endpoints) {}

  Result<json::object> server() override { return parts_.server; }
  Result<json::object> status() override { return parts_.status(); }
  Result<json::object> definition() override;
  Result<json::object> features(const FeaturesQuery& query) override;
  Result<json::object> latest(const std::string& group, const std::vector<std::string>& keys) override;
  Result<json::object> erase(const Erasure& erasure) override;
  Result<json::object> dead_letters(int last) override;
  Result<json::object> dead_letter(std::int64_t number) override;
  Result<json::object> replay_dead(const std::vector<std::int64_t>& numbers, const std::string& actor) override;
  Result<json::object> late(int last) override;
  Result<json::object> verify(const std::string& from, const std::string& until) override;
  Result<json::object> forecast(const ForecastQuery& query) override;
  Result<json::object> sql(const std::string& statement) override;
  Result<SqlFile> join(const JoinRequest& request) override;
  Result<SqlFile> sql_file(const std::string& statement, const std::string& format) override;
  Result<json::object> runs() override;
  Result<json::object> run(int id) override;
  Result<json::object> train(const std::string& why, const std::string& actor, int warm_start) override;
  Result<json::object> training_data() override;
  Result<json::object> record_trials(const TrialRecords& records) override;
  Result<json::object> parameters() override;
  Result<json::object> set_parameters(const json::object& values, const std::string& why,
                                      const std::string& actor) override;
  Result<json::object> models() override;
  Result<json::object> model(int version) override;
  Result<std::string> artefact(int version) override { return parts_.project.registry().artefact(version); }
  Result<json::object> approve(const Decision& decision) override;
  Result<json::object> reject(const Decision& decision) override;
  Result<json::object> deploy(const Decision& decision) override;
  Result<json::object> target(int hours) override { return overview_.target(hours, parts_.now()); }
  Result<json::object> accuracy(int hours) override { return overview_.accuracy(hours, parts_.now()); }
  Result<json::object> timeline(int last, std::int64_t before) override;

 private:
  Result<const FeatureGroup*> group_named(const std::string& name) const;
  Result<json::object> decide(const Decision& decision, const std::function<Status()>& act);

  Parts parts_;
  Overview overview_;
};

}  // namespace tidecast
