#pragma once
// Cuts a reply of an HTTP API, or a message of a websocket, into its records without changing a byte of them.
//
// The outline of the reply is checked (it is one JSON document, the array is complete, commas and brackets balance);
// what is inside a record is not looked at: that is for the decoder, for which one bad record is one dead letter and
// not a lost reply.  Reads the reply once, by simdjson's on-demand parser.

#include <simdjson.h>

#include <string>
#include <string_view>
#include <vector>

#include "sources/source.h"

namespace tidecast {

// Not thread-safe; keeps its parser's memory from reply to reply.
class ReplySplitter {
 public:
  // pointer: a JSON Pointer (RFC 6901) to the array of records; "" is the document itself, which then is one record.
  // Errors: kInvalidArgument - not a JSON Pointer.
  static Result<ReplySplitter> make(std::string_view pointer, ReplyOrder order);

  // Appends the records of the first `length` bytes of `reply`, which must be followed by kRawPadding zero bytes.
  // Errors: as split_reply's; then nothing is appended.
  Status split(const char* reply, std::size_t length, ProcessingTime arrival, RawBatch& batch);

 private:
  ReplySplitter(std::string pointer, std::vector<std::string> steps, ReplyOrder order)
      : pointer_(std::move(pointer)), steps_(std::move(steps)), order_(order) {}

  std::string pointer_;
  std::vector<std::string> steps_;  // Unescaped: {"data", "txs"} of "/data/txs".
  ReplyOrder order_;
  simdjson::ondemand::parser parser_;
  std::vector<std::string_view> records_;  // Of the reply at hand, in its order.
};

}  // namespace tidecast
