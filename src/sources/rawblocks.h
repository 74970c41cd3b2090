#pragma once
// History of Bitcoin transactions for a backfill: the blocks that blockchain.info serves, as the records that its live
// feed would have given (docs/sources.md).  Not a live source: it ends, and its reads wait for the network.

#include "base/clock.h"
#include "sources/source.h"

namespace tidecast {

struct RawBlockOptions {
  std::string name = "blocks";
  std::string url = "https://blockchain.info";  // /latestblock, /block-height/<n>, /rawblock/<hash> under it.
  EventTime from, until;                        // Transactions first seen in [from, until).
  // How long a transaction may wait for its block and still come in its place: records are put in the order of their
  // times over so many hours of blocks, and blocks up to so long after `until` are read.  One that waited longer comes
  // late.  Two hours of blocks are some 100 MB.
  Milliseconds settle{7'200'000};
  Milliseconds pause{10'000};    // Between two requests, at least.
  Milliseconds timeout{60'000};  // Of one.
  int attempts = 10;             // In a row, before a read fails.
  std::filesystem::path ca_file{};
  std::vector<SourceHeader> headers{};
  std::function<bool()> stop{};  // Asked every 50 ms; true ends a read with kCancelled.  Empty: never.
  std::uint64_t seed = 0;        // As in HttpPollOptions.
};

// A record is a transaction as it stands in its block, which is the form of the REST feed, with `fee` and the `time` of
// its first being seen; without the block's coinbase.  It arrives at that time, or with the one before it.  `clock`
// measures the pauses.  Cursor: "rawblocks:..." as of the block being given out; after a seek() some blocks are read
// again to restore the order, and what was given out is not given out twice unless the chain was reorganized meanwhile.
// read(): kUnavailable - so many attempts failed, and the next read tries again;  kCancelled;  kNotFound - there is no
// block of `from` or later, or none of a height below the newest.
// Errors: kInvalidArgument - the url, the range, a header.
Result<std::unique_ptr<Source>> open_rawblocks(RawBlockOptions options, Clock& clock);

}  // namespace tidecast
