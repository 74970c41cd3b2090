#pragma once
// Finds the records in the messages of a WebSocket without changing a byte of them.

#include <simdjson.h>

#include <string>
#include <string_view>

#include "sources/websocket.h"

namespace tidecast {

// Not thread-safe; keeps its parser's memory from message to message.
class MessageReader {
 public:
  // Errors: kInvalidArgument - not a JSON Pointer.
  static Result<MessageReader> make(std::string record, std::vector<WebSocketOptions::Match> only);

  // Appends the records of `message`, or, of one that cannot be read, itself.  False: it is none, and was left out.
  bool read(std::string message, RawBatch& batch);

 private:
  MessageReader(std::string record, std::vector<WebSocketOptions::Match> only)
      : record_(std::move(record)), only_(std::move(only)) {}
  enum class Verdict { kRecords, kNone, kBroken };
  Verdict judge(simdjson::padded_string_view message, RawBatch& batch);

  std::string record_;
  std::vector<WebSocketOptions::Match> only_;
  simdjson::ondemand::parser parser_;
};

}  // namespace tidecast
