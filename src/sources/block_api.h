#pragma once
// Asks blockchain.info for blocks, patiently: never more often than it is told to, and again after what went wrong.

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "net/client.h"
#include "sources/block.h"
#include "sources/poll_policy.h"
#include "sources/rawblocks.h"

namespace tidecast {

// One thread asks; any may read health().  Errors of all that ask: as read() of open_rawblocks().
class BlockApi {
 public:
  // Errors: as open_rawblocks().
  static Result<std::unique_ptr<BlockApi>> make(const RawBlockOptions& options, Clock& clock);

  struct Tip {
    std::int64_t height = 0;
    EventTime time;
  };
  Result<Tip> latest();
  Result<Block> at(std::int64_t height);  // Of the main chain.
  Result<Block> of(const std::string& hash);

  SourceHealth health() const;
  void note(std::string text);  // Worth knowing, in the health's text.

 private:
  BlockApi(const RawBlockOptions& options, Clock& clock, std::unique_ptr<HttpClient> client, Rng rng);
  // What `parse` makes of the answer to GET url + path.
  template <typename Parse>
  auto ask(const std::string& path, Parse&& parse) -> decltype(parse(std::string_view()));
  Result<std::string> once(const std::string& path, PollFailure& failure);
  Status wait();
  Status failed(const PollFailure& failure);  // The last straw, or ok().

  const RawBlockOptions options_;
  Clock& clock_;
  const std::unique_ptr<HttpClient> client_;
  PollPolicy policy_;
  ProcessingTime due_ = ProcessingTime::min();  // Of the next request.

  mutable std::mutex mutex_;  // Of health_.
  SourceHealth health_;
};

}  // namespace tidecast
