#pragma once
// The commands of a server that runs elsewhere on this machine, over HTTP (docs/api.md).

#include <cstdint>
#include <string>

#include "api/commands.h"
#include "net/http.h"

namespace tidecast {

// Any number of threads; each call has a connection of its own.  Errors as commands.h says, from the answer's status;
// besides: kUnavailable - nobody listens, or no answer in time;  kInternal - the server failed, or is no Tidecast.
class ApiClient final : public Commands {
 public:
  // A loopback address.
  ApiClient(std::string address, std::uint16_t port) : address_(std::move(address)), port_(port) {}

  Result<json::object> server() override;
  Result<json::object> status() override;
  Result<json::object> definition() override;
  Result<json::object> features(const FeaturesQuery& query) override;
  Result<json::object> latest(const std::string& group, const std::vector<std::string>& keys) override;
  Result<json::object> erase(const Erasure& erasure) override;
  Result<json::object> forecast(const ForecastQuery& query) override;
  Result<json::object> sql(const std::string& statement) override;
  Result<json::object> dead_letters(int last) override;
  Result<json::object> dead_letter(std::int64_t number) override;
  Result<json::object> replay_dead(const std::vector<std::int64_t>& numbers, const std::string& actor) override;
  Result<json::object> late(int last) override;
  Result<json::object> verify(const std::string& from, const std::string& until) override;
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
  Result<std::string> artefact(int version) override;
  Result<json::object> approve(const Decision& decision) override;
  Result<json::object> reject(const Decision& decision) override;
  Result<json::object> deploy(const Decision& decision) override;
  Result<json::object> target(int hours) override;
  Result<json::object> accuracy(int hours) override;
  Result<json::object> timeline(int last, std::int64_t before) override;

 private:
  Result<json::object> get(const std::string& path, const std::string& query = "", int timeout_ms = 30'000);
  Result<json::object> post(const std::string& path, const json::object& body, int timeout_ms);
  Result<SqlFile> file(const std::string& path, const std::string& query, const json::object& body);
  Result<json::object> decide(const char* what, const Decision& decision);
  Status error_of(const HttpRequest& request, const HttpResponse& response) const;
  Result<json::object> call(const HttpRequest& request, int timeout_ms);

  const std::string address_;
  const std::uint16_t port_;
};

}  // namespace tidecast
