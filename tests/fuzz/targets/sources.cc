// What comes from outside: replies of an API (a pushed body is cut in the same way), cursors.

#include <filesystem>
#include <fstream>

#include "fuzz.h"
#include "sources/reply.h"
#include "storage/file.h"

namespace tidecast::fuzz {
namespace {

// The first byte says where the records are.
void split(std::string_view bytes) {
  static const char* const kPointers[] = {"", "/txs", "/data/0/list"};
  const std::size_t which = bytes.empty() ? 0 : static_cast<unsigned char>(bytes[0]) % 3;
  if (!bytes.empty()) bytes.remove_prefix(1);
  auto splitter = ReplySplitter::make(kPointers[which], ReplyOrder::kNewestFirst).value();
  std::string reply(bytes);
  reply.append(kRawPadding, '\0');
  RawBatch batch;
  const Status status = splitter.split(reply.data(), bytes.size(), ProcessingTime(), batch);
  CHECK(status.ok() || batch.empty());
}
const Target reply{"reply",
                   split,
                   {std::string("\0{\"a\":1}", 8), "\x01{\"txs\":[{\"a\":1},{\"b\":[2,3]}],\"next\":null}",
                    "\x02{\"data\":[{\"list\":[1,\"two\",{}]},5]}"}};

// Three records in a file of this process.
std::unique_ptr<Source> three_records() {
  static const ScratchFolder folder = ScratchFolder::make("fuzz").value();
  static const std::string path = [] {
    std::string name = folder.path() / "three.ndjson";
    std::ofstream(name) << "{\"t\":1}\n{\"t\":2}\n\n{\"t\":3}\n";
    return name;
  }();
  return open_file({.path = path, .event_time = [](std::string_view) { return EventTime::from_ms(1); }}).value();
}

void seek(std::string_view bytes) {
  const auto source = three_records();
  if (!source->seek(bytes).ok()) return;
  const auto batch = source->read(ProcessingTime::max(), 10);
  CHECK(!batch.ok() || batch->records.size() <= 3);
}
std::vector<std::string> cursors() {
  std::vector<std::string> all{""};
  const auto source = three_records();
  for (auto batch = source->read(ProcessingTime::max(), 1); batch.ok() && !batch->empty();
       batch = source->read(ProcessingTime::max(), 1))
    all.push_back(batch->cursor);
  return all;
}
const Target cursor{"file_cursor", seek, cursors()};

}  // namespace
}  // namespace tidecast::fuzz
