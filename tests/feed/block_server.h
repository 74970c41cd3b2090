#pragma once
// The blocks of blockchain.info for tests: /latestblock, /block-height/<n>?format=json and /rawblock/<hash>, built of
// the recording's transactions, with faults by script.

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "base/rng.h"
#include "feed_server.h"

namespace tidecast {

struct TestTransaction {
  EventTime time;
  std::string raw;
  bool operator==(const TestTransaction&) const = default;
};

// The recording's transactions, each once, by their times.
inline std::vector<TestTransaction> transactions_of(const RecordingOptions& options) {
  const auto source = open_recording(options).value();
  std::set<std::string> known;
  std::vector<TestTransaction> all;
  for (;;) {
    const RawBatch batch = source->read(ProcessingTime::max(), 1000).value();
    if (batch.empty()) break;
    for (std::size_t i = 0; i < batch.records.size(); ++i) {
      const std::string raw(batch.raw(i));
      const std::size_t at = raw.find("\"time\":");
      if (at == std::string::npos || !known.insert(raw.substr(9, 64)).second) continue;
      const std::int64_t seconds = std::strtoll(raw.c_str() + at + 7, nullptr, 10);
      if (seconds > 1'000'000'000 && seconds < 10'000'000'000) all.push_back({EventTime::from_ms(seconds * 1000), raw});
    }
  }
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.time < b.time; });
  return all;
}

struct TestBlock {
  std::int64_t height = 0;
  EventTime time;
  std::vector<TestTransaction> transactions{};
  std::string salt{};  // Of its hash.

  std::string hash() const { return fmt::format("{:0>59}{}{:05}", "", salt.empty() ? "a" : salt, height).substr(1); }
};

class BlockServer {
 public:
  // blocks: by height, without holes.
  explicit BlockServer(std::vector<TestBlock> blocks, std::vector<Fault> faults = {})
      : blocks_(std::move(blocks)), faults_(std::move(faults)), server_(0, nullptr, [this](RawConnection& connection) {
          while (const auto request = connection.request())
            if (!answer(connection, *request)) return;
        }) {}

  std::string url() const { return fmt::format("http://127.0.0.1:{}", server_.port()); }
  std::vector<std::string> asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }
  void replace(std::size_t i, TestBlock block) {
    const std::lock_guard lock(mutex_);
    blocks_[i] = std::move(block);
  }

 private:
  std::string json(std::size_t i) const {
    const TestBlock& block = blocks_[i];
    std::string text = fmt::format(
        R"({{"hash":"{}","ver":1,"prev_block":"{}","time":{},"main_chain":true,"height":{},"next_block":[{}],"tx":[)",
        block.hash(), i == 0 ? "" : blocks_[i - 1].hash(), block.time.ms() / 1000, block.height,
        i + 1 == blocks_.size() ? "" : '"' + blocks_[i + 1].hash() + '"');
    text += fmt::format(R"({{"hash":"coinbase of {}","fee":0,"time":{},"inputs":[{{"prev_out":null}}]}})", block.height,
                        block.time.ms() / 1000);
    for (const TestTransaction& transaction : block.transactions) text += ",\n" + transaction.raw;
    return text + "]}";
  }

  std::string body_of(const std::string& path) const {
    if (path == "/latestblock")
      return fmt::format(R"({{"hash":"{}","time":{},"block_index":1,"height":{},"txIndexes":[]}})",
                         blocks_.back().hash(), blocks_.back().time.ms() / 1000, blocks_.back().height);
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      if (path == "/rawblock/" + blocks_[i].hash()) return json(i);
      if (path == fmt::format("/block-height/{}?format=json", blocks_[i].height))
        return R"({"blocks":[)" + json(i) + "]}";
    }
    return "";
  }

  bool answer(RawConnection& connection, const std::string& request) {
    using Kind = Fault::Kind;
    const std::size_t from = request.find(' ') + 1;
    const std::string path = request.substr(from, request.find(' ', from) - from);
    std::unique_lock lock(mutex_);
    const Fault fault = asked_.size() < faults_.size() ? faults_[asked_.size()] : Fault{};
    asked_.push_back(path);
    const std::string body = body_of(path);
    std::string bytes = body.empty() ? http_answer(404, "no such block") : http_answer(200, body);
    lock.unlock();
    switch (fault.kind) {
      case Kind::kTooMany:
        return connection.send(http_answer(429, "", fmt::format("Retry-After: {}\r\n", fault.value)));
      case Kind::kServerError: return connection.send(http_answer(500, "oops"));
      case Kind::kHtml: return connection.send(http_answer(200, "<html>"));
      case Kind::kEmpty: return connection.send(http_answer(200, "{}"));
      case Kind::kCut: connection.send(bytes.substr(0, bytes.size() / 2)); return false;
      case Kind::kStall: connection.stall(); return false;
      default: return connection.send(bytes);
    }
  }

  mutable std::mutex mutex_;  // Of all that follows but the server.
  std::vector<TestBlock> blocks_;
  std::vector<Fault> faults_;
  std::vector<std::string> asked_;
  RawServer server_;
};

}  // namespace tidecast
