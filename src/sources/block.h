#pragma once
// A block of Bitcoin as blockchain.info gives it, taken apart.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace tidecast {

struct Block {
  struct Transaction {
    EventTime time;   // First seen; the block's, where it has none.
    std::string raw;  // As it stands in the block.
  };
  std::string hash, previous, next;  // next: "" where none is known, or more than one.
  std::int64_t height = 0;
  bool main_chain = false;
  EventTime time;
  std::vector<Transaction> transactions;  // In the block's order, without the coinbase.

  // No transaction has a time of its own: nobody noted when they were first seen.
  bool lacks_times() const;
};

// Of /rawblock/<hash>.  Errors: kInvalidArgument - "no block: time: ...".
Result<Block> parse_block(std::string_view json);
// Of /block-height/<n>?format=json: the one of the main chain, or the first.
Result<Block> parse_blocks(std::string_view json);

}  // namespace tidecast
