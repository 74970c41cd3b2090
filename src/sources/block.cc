#include "sources/block.h"

#include <simdjson.h>

#include <algorithm>
#include <optional>

#include "flow/event.h"

namespace tidecast {
namespace {

namespace ondemand = simdjson::ondemand;
using simdjson::error_code;

constexpr std::size_t kFewTransactions = 10;

std::string_view trimmed(std::string_view text) { return text.substr(0, text.find_last_not_of(" \t\r\n") + 1); }

EventTime seconds(std::int64_t s) { return EventTime::from_ms(s * 1000); }

// Its own time, and whether it is the coinbase, which has no input that was an output before.
class TransactionReader {
 public:
  // Appends what `text` is, unless that is a coinbase.  What cannot be read is for the decoder to refuse.
  void read(std::string_view text, std::vector<Block::Transaction>& out) {
    padded_.assign(text);
    padded_.append(kRawPadding, '\0');
    ondemand::document document;
    std::int64_t time = kNone;
    if (!parser_.iterate(simdjson::padded_string_view(padded_.data(), text.size(), padded_.size())).get(document)) {
      ondemand::value value;
      if (!document.at_pointer("/inputs/0/prev_out").get(value) && value.is_null()) return;
      std::int64_t found = 0;
      if (!document.at_pointer("/time").get_int64().get(found) && found > 0 && found < kCalendarEndMs / 1000)
        time = found;
    }
    out.push_back({time == kNone ? EventTime::min() : seconds(time), std::string(text)});
  }

 private:
  static constexpr std::int64_t kNone = -1;
  ondemand::parser parser_;
  std::string padded_;
};

struct Found {
  bool hash = false, time = false, height = false, transactions = false;
};

error_code read_field(std::string_view key, ondemand::value value, Block& block, Found& found,
                      TransactionReader& transactions) {
  std::string_view text;
  if (key == "hash" || key == "prev_block") {
    if (const auto error = value.get_string().get(text)) return error;
    (key == "hash" ? block.hash : block.previous) = text;
    found.hash = found.hash || key == "hash";
  } else if (key == "time") {
    std::int64_t time = 0;
    if (const auto error = value.get_int64().get(time)) return error;
    block.time = seconds(time);
    found.time = true;
  } else if (key == "height") {
    found.height = true;
    return value.get_int64().get(block.height);
  } else if (key == "main_chain") {
    return value.get_bool().get(block.main_chain);
  } else if (key == "next_block") {
    ondemand::array array;
    if (const auto error = value.get_array().get(array)) return error;
    int count = 0;
    for (auto item : array) {
      if (const auto error = item.get_string().get(text)) return error;
      block.next = ++count == 1 ? text : "";
    }
  } else if (key == "tx") {
    ondemand::array array;
    if (const auto error = value.get_array().get(array)) return error;
    for (auto item : array) {
      if (const auto error = simdjson::to_json_string(item).get(text)) return error;
      transactions.read(trimmed(text), block.transactions);
    }
    found.transactions = true;
  }
  return simdjson::SUCCESS;
}

Result<Block> read_block(ondemand::object object, TransactionReader& transactions) {
  Block block;
  Found found;
  for (auto item : object) {
    ondemand::field field;
    std::string_view key;
    error_code error = std::move(item).get(field);
    if (!error) error = field.unescaped_key().get(key);
    if (!error) error = read_field(key, field.value(), block, found, transactions);
    if (error) return invalid_argument("no block: {}: {}", key, simdjson::error_message(error));
  }
  for (const auto& [name, is] :
       {std::pair("hash", found.hash), {"time", found.time}, {"height", found.height}, {"tx", found.transactions}})
    if (!is) return invalid_argument("no block: {}: not found", name);
  for (Block::Transaction& transaction : block.transactions)
    if (transaction.time == EventTime::min()) transaction.time = block.time;
  return block;
}

}  // namespace

bool Block::lacks_times() const {
  return transactions.size() >= kFewTransactions &&
         std::all_of(transactions.begin(), transactions.end(), [&](const Transaction& t) { return t.time == time; });
}

Result<Block> parse_block(std::string_view json) {
  const simdjson::padded_string padded(json);
  ondemand::parser parser;
  ondemand::document document;
  ondemand::object object;
  error_code error = parser.iterate(padded).get(document);
  if (!error) error = document.get_object().get(object);
  if (error) return invalid_argument("no block: {}", simdjson::error_message(error));
  TransactionReader transactions;
  return read_block(object, transactions);
}

Result<Block> parse_blocks(std::string_view json) {
  const simdjson::padded_string padded(json);
  ondemand::parser parser;
  ondemand::document document;
  ondemand::array array;
  error_code error = parser.iterate(padded).get(document);
  if (!error) error = document.find_field("blocks").get_array().get(array);
  if (error) return invalid_argument("no blocks: {}", simdjson::error_message(error));
  TransactionReader transactions;
  std::optional<Block> chosen;
  for (auto item : array) {
    ondemand::object object;
    if (const error_code wrong = item.get_object().get(object))
      return invalid_argument("no blocks: {}", simdjson::error_message(wrong));
    Block block = TRY(read_block(object, transactions));
    if (!chosen || (block.main_chain && !chosen->main_chain)) chosen = std::move(block);
  }
  if (!chosen) return invalid_argument("no blocks: the list is empty");
  return *std::move(chosen);
}

}  // namespace tidecast
