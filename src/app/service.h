#pragma once
// The doors of a running loop: one HTTP server with the API, the endpoints, the events, the metrics and the console,
// and DATA/server.json, which tells the command line where it is.

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "api/api.h"
#include "app/commands.h"
#include "app/loop_metrics.h"
#include "app/mailbox.h"
#include "app/status.h"
#include "net/http.h"

namespace tidecast {

enum class TakenPort { kRefuse, kUseAnother };

struct ServiceOptions {
  std::string mode;  // "live", "replay".
  bool simulated = true;
  TakenPort taken_port = TakenPort::kRefuse;
};

class Service {
 public:
  // Listens where the definition says.  Until attach() every answer is that it is not ready.
  // Errors: kUnavailable - the port is taken;  kFailedPrecondition - an address that is not loopback.
  static Result<std::unique_ptr<Service>> start(Project& project, Endpoints& endpoints, LoopMetrics& metrics,
                                                ServiceOptions options);
  ~Service();  // What still waits for the loop is refused.

  // From now on it answers for this loop, and server.json is there.  Loop's thread, once restored.
  Status attach(Scheduler& scheduler, const Clock& clock);

  // ---- the loop's thread
  // ----------------------------------------------------------------------------------------------
  Mailbox& mailbox() { return mailbox_; }
  void note(const TimelineEvent& event) { noted_.push_back(event); }  // Told to watchers at the next publish().
  // After each step: what watchers see.  At most four times a second, but for what was noted or asked for.
  Status publish();
  Status publish_now();
  void close();  // The loop has ended: no more is asked of it.

  const ServerDefinition& at() const { return at_; }  // With the port that it really got.
  std::string url() const;                            // "http://127.0.0.1:8080"

 private:
  Service(Project& project, Endpoints& endpoints, LoopMetrics& metrics, ServiceOptions options);
  HttpResponse handle(const HttpRequest& request);
  HttpResponse push(const HttpRequest& request);
  Result<json::object> ask(Mailbox::Task task);
  Result<json::object> status() const;
  bool has_changed(const LoopState& state) const;

  Project& project_;
  Endpoints& endpoints_;
  LoopMetrics& metrics_;
  const ServiceOptions options_;
  const ProcessingTime started_at_;
  ServerDefinition at_;
  Mailbox mailbox_;
  EventHub hub_;
  Observer observer_;
  Scheduler* scheduler_ = nullptr;
  std::unique_ptr<ProjectCommands> commands_;
  std::unique_ptr<Api> api_;
  std::atomic<bool> ready_ = false, ended_ = false;

  std::atomic<std::int64_t> now_ms_ = 0;
  mutable std::mutex mutex_;  // Guards status_.
  std::shared_ptr<const json::object> status_;
  std::vector<TimelineEvent> noted_;
  LoopState published_;
  std::uint64_t published_read_ = 0, data_bytes_ = 0;
  std::chrono::steady_clock::time_point published_at_, measured_at_;
  std::unique_ptr<HttpServer> server_;  // Last, so that it stops first.
};

}  // namespace tidecast
