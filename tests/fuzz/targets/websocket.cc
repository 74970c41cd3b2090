// Messages of a websocket: what is no record of ours is left out, what cannot be read goes on as it came.

#include "fuzz.h"
#include "sources/websocket_message.h"

namespace tidecast::fuzz {
namespace {

// The first byte says where the records are.
void read(std::string_view bytes) {
  static MessageReader readers[] = {MessageReader::make("", {}).value(),
                                    MessageReader::make("/x", {{"/op", "utx"}}).value(),
                                    MessageReader::make("/data/0/list", {{"/n", "7"}, {"/ok", "true"}}).value()};
  const std::size_t which = bytes.empty() ? 0 : static_cast<unsigned char>(bytes[0]) % 3;
  if (!bytes.empty()) bytes.remove_prefix(1);
  RawBatch batch;
  if (!readers[which].read(std::string(bytes), batch)) CHECK(batch.empty());
  for (std::size_t i = 0; i < batch.records.size(); ++i) CHECK(bytes.find(batch.raw(i)) != bytes.npos);
}

const Target target{"websocket",
                    read,
                    {std::string("\0{\"a\":1}", 8), "\x01{\"op\":\"utx\",\"x\":{\"hash\":\"ab\",\"n\":[1,2]}}",
                     "\x01{\"op\":\"status\"}", "\x02{\"n\":7,\"ok\":true,\"data\":[{\"list\":[{\"a\":1},2,null]}]}"}};

}  // namespace
}  // namespace tidecast::fuzz
