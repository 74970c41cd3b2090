#pragma once
// One poll of an HTTP API: ask, follow, judge, split.  Not thread-safe, except for cancel().

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "net/client.h"
#include "sources/poll_policy.h"
#include "sources/reply.h"
#include "sources/source.h"

namespace tidecast {

// The headers with their values as they are now.  Errors: kInvalidArgument - a name or a value that no header can have,
// a variable that is not set (the value is never told);  kUnavailable - a file that cannot be read.
using Headers = std::vector<std::pair<std::string, std::string>>;
Result<Headers> headers_of(const std::vector<SourceHeader>& headers);

class Poller {
 public:
  // Errors: as open_http_poll().
  static Result<Poller> make(const HttpPollOptions& options);

  struct Reply {
    std::optional<PollFailure> failure;
    bool cancelled = false;
    RawBatch batch;           // Without arrivals.  Empty: nothing new (304, no record, or all as it was).
    std::uint64_t bytes = 0;  // Over the wire.
  };
  Reply poll(ProcessingTime now);
  void cancel() { client_->cancel(); }

 private:
  Poller(const HttpPollOptions& options, ReplySplitter splitter, std::unique_ptr<HttpClient> client)
      : options_(options), splitter_(std::move(splitter)), client_(std::move(client)) {}
  Result<HttpAnswer> ask(const Headers& headers);

  HttpPollOptions options_;
  ReplySplitter splitter_;
  std::unique_ptr<HttpClient> client_;
  std::string etag_;                       // Of the last good reply.
  std::array<std::uint8_t, 32> before_{};  // A hash of its records.
};

}  // namespace tidecast
