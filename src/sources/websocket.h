#pragma once
// A live source that is told what happens, over a WebSocket, and asks an HTTP API for what it may have missed
// (docs/sources.md).

#include <optional>

#include "sources/source.h"

namespace tidecast {

struct WebSocketOptions {
  std::string name = "websocket";
  std::string url;                       // wss://ws.blockchain.info/inv
  std::vector<std::string> subscribe{};  // Messages sent after each connecting: {"op":"unconfirmed_sub"}.
  // JSON Pointer to the record inside a message; an array there is several.  "": the message itself.
  std::string record{};
  // Only messages that have these values at these pointers bring records: a text's characters, or a number, true,
  // false, null as written.  Empty: those that have something at `record`.
  struct Match {
    std::string pointer, value;
  };
  std::vector<Match> only{};
  Milliseconds ping_every{30'000};
  Milliseconds read_timeout{60'000};  // No message for so long (a pong is none): the connection is taken for dead.
  Milliseconds timeout{10'000};       // To connect; to send.
  std::size_t message_max = 8 << 20;  // Bytes.
  std::vector<SourceHeader> headers{};
  std::filesystem::path ca_file{};  // Whom to trust; empty: whom the system trusts.

  // Asked after each connecting, each `fill_every` while connected, and each fill->every while not.  Its replies are
  // batches of their own, overlapping, so that a gap is found where none of their records was known.
  std::optional<HttpPollOptions> fill{};
  Milliseconds fill_every{60'000};
  std::uint64_t seed = 0;  // As in HttpPollOptions.
};

// What is no JSON, or should have a record and has none, is given out as it came: a dead letter, not a loss.  Messages
// that are no records are counted as skipped.  At most 10,000 records or 64 MB wait to be read; then nobody listens,
// and the other side has to wait.  Cursor: "websocket:N", N the messages and replies taken; it only counts. Errors: as
// open_http_poll().
Result<std::unique_ptr<Source>> open_websocket(WebSocketOptions options);

}  // namespace tidecast
