#pragma once
// blockchain.info for tests: the reconstructed recording behind a real socket, in the form of the REST API, with all
// that goes wrong out there, by script.
//
// What a recording gives as one reply every few seconds enters a list here, oldest first and each transaction once; a
// request is answered with the newest of the list at that moment.  So one who polls often enough and drops what is
// known gets the same new records in the same order as a replay of the recording.

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "net/websocket_testing.h"
#include "sources/recording.h"
#include "sources/reply.h"

namespace tidecast {

// The list.  Not thread-safe.
class Feed {
 public:
  // `keep` newest records are at hand.  Errors: as Recording::open.
  static Result<std::unique_ptr<Feed>> open(const RecordingOptions& options, std::size_t keep);

  // Lets all enter that the recording has at or before `time`.  The first time it begins just early enough for a full
  // list; time never goes back.
  void advance(ProcessingTime time);
  ProcessingTime end() const;  // Of the recording.

  std::size_t entered() const { return ids_.size(); }                       // So far.
  const std::string& id(std::size_t number) const { return ids_[number]; }  // Of the number-th that entered.
  // Of the newest `keep`.
  const std::string& record(std::size_t number) const { return newest_[number - (ids_.size() - newest_.size())]; }
  std::size_t oldest() const { return ids_.size() - newest_.size(); }
  // {"txs":[...]} of the newest `count` (or as many as there are), newest first; and which of them is the oldest.
  std::string reply(std::size_t count, std::size_t& first) const;

 private:
  Feed(std::unique_ptr<Recording> recording, ReplySplitter splitter, std::size_t keep)
      : recording_(std::move(recording)), splitter_(std::move(splitter)), keep_(keep) {}
  void enter(std::string_view reply);

  std::unique_ptr<Recording> recording_;
  ReplySplitter splitter_;
  std::size_t keep_;
  bool begun_ = false;
  std::vector<std::string> ids_;         // Of all that ever entered.
  std::deque<std::string> newest_;       // The last keep_ of them, oldest first.
  std::vector<std::string> last_reply_;  // What the next one may repeat.
};

struct Fault {
  enum class Kind {
    kNone,
    kTooMany,       // 429; value: Retry-After in seconds, 0: none.
    kServerError,   // 500.
    kHtml,          // A web page with status 200.
    kCut,           // The body ends after `value` per cent.
    kStall,         // It stops there, until the client has had enough.
    kPause,         // It stops there for a moment, then the connection is closed.
    kReset,         // Nothing but a reset.
    kStallConnect,  // All is well, but the connection is closed, and the next is accepted and never answered.
    kGarbage,       // Bytes.
    kEmpty,         // {"txs":[]}.
    kStale,         // What was last shown, once more.
    kJump,          // The newest `value` and no more.
  };
  Kind kind = Kind::kNone;
  int value = 0;
};
// One of those after which one who keeps asking has missed nothing, in about one request of six.  Pure.
Fault random_fault(std::uint64_t seed, std::uint64_t request);

// What happens to one WebSocket, once `after` transactions were sent.
struct SocketFault {
  enum class Kind {
    kNone,
    kRefuse,   // 503 in place of a handshake.
    kSilent,   // Nothing more is said; pings are answered by none.
    kClose,    // Closed with 1001 "going away".
    kReset,    // A reset in the middle of a message.
    kGarbage,  // A message that is no JSON, then it goes on.
    kStatus,   // {"op":"status",...}, then it goes on.
    kHuge,     // A message of 9 MB.
    kSlow,     // The next message comes in two pieces with a moment between; then it goes on.
    kSkip,     // The next five transactions are not sent; then it goes on.
  };
  Kind kind = Kind::kNone;
  std::size_t after = 0;
};

struct FeedServerOptions {
  RecordingOptions recording;
  std::size_t records = 100;                       // Shown to each request.
  std::function<ProcessingTime()> now;             // Feed time; asked once a request, which see one another's end.
  std::function<Fault(std::uint64_t)> fault = {};  // By the number of the request, from 0 on; asked before now().
  // By the number of the WebSocket.  Each says {"op":"utx","x":{...}} (without a fee, as out there) for every
  // transaction that enters after it was told to, looking, and asking now(), every 2 ms.
  std::function<SocketFault(std::uint64_t)> socket_fault = {};
  const TestCertificates* certificates = nullptr;  // TLS.  Must outlive the server.
  bool etag = false;                               // And 304 where nothing is new.
  std::uint16_t port = 0;                          // 0: any free one.
};

class FeedServer {
 public:
  // Errors: as Feed::open;  kUnavailable - the port is taken.
  static Result<std::unique_ptr<FeedServer>> start(FeedServerOptions options);

  std::uint16_t port() const { return server_->port(); }
  std::string url(std::string_view host = "127.0.0.1") const;
  std::string socket_url(std::string_view host = "127.0.0.1") const;
  std::uint64_t sockets() const { return sockets_; }
  std::uint64_t pings() const { return pings_; }
  std::string subscription() const;  // The last one.
  int connections() const { return server_->connections(); }
  std::uint64_t requests() const { return requests_; }
  // The ids of all that was in a complete reply, in the order of their entering.
  std::vector<std::string> shown() const;
  // How many have entered since the first of them.
  std::size_t entered() const;

 private:
  explicit FeedServer(FeedServerOptions options) : options_(std::move(options)) {}
  void serve(RawConnection& connection);
  bool answer(RawConnection& connection, const std::string& request);  // Returns whether the connection stays.
  bool welcome();
  void talk(RawConnection& connection, const std::string& head);
  bool tell(RawConnection& connection, const std::string& message, SocketFault fault);

  FeedServerOptions options_;
  std::atomic<std::uint64_t> requests_ = 0, sockets_ = 0, pings_ = 0;
  mutable std::mutex mutex_;  // Of all that follows but the server.
  std::unique_ptr<Feed> feed_;
  std::vector<bool> shown_;  // By the number of entering.
  std::string last_body_, subscription_;
  bool stall_next_ = false;
  std::unique_ptr<RawServer> server_;  // Ends first.
};

}  // namespace tidecast
