#pragma once
// What is told to whoever watches: the newest status, and each thing that happens, as server-sent events (WHATWG HTML,
// "Server-sent events"; docs/api.md).  The loop's thread puts in, the server's thread takes out.  Nothing queues for a
// reader: each stream remembers where it stands, the hub keeps the newest status and the newest 256 items.
//
//   event: status      data: the status on one line          when a reader comes, then at most one every 250 ms
//   id: 17
//   event: timeline    data: an item of the timeline         in order of their numbers
//   id: 230
//   event: reset       data: {}                              more was missed than is kept: read the timeline anew
//
// Thread-safe.  Streams may outlive it.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "net/http.h"

namespace tidecast {

class EventHub {
 public:
  using Time = std::chrono::steady_clock::time_point;
  // Asks for the streams to be asked, so much later: HttpServer::wake_streams().
  using Wake = std::function<void(std::chrono::milliseconds delay)>;

  static constexpr std::size_t kItemsKept = 256;
  static constexpr std::chrono::milliseconds kStatusEvery{250};

  // `now` may be called on any thread.
  explicit EventHub(std::function<Time()> now = std::chrono::steady_clock::now);

  // Called whenever there is something to say, on the thread that brought it.  Empty: nobody is to be told; set it so
  // before what it calls ends.
  void on_news(Wake wake);

  // The status as JSON on one line.  One that is no other than the last is no news; of many within 250 ms the last one
  // is told when they are over.
  void set_status(std::shared_ptr<const std::string> json_line);
  // A thing that happened, as JSON on one line.  Numbers grow; one that does not is passed over.  What is stored of an
  // earlier process is added before the server starts, so that readers can resume.
  void add(std::int64_t number, std::string json_line);

  // For one reader, who has had the items up to `last_id`; nullopt: only what comes from now on.
  std::shared_ptr<HttpStream> stream(std::optional<std::int64_t> last_id) const;

 private:
  struct State;
  class Stream;
  const std::shared_ptr<State> state_;
};

}  // namespace tidecast
