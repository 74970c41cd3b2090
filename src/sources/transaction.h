#pragma once
// Transactions of the reconstructed recording: recorded bodies, re-rendered with another hash, time and fee.
//
// A body is cut once into fixed pieces and the holes between them; rendering is copying and writing small integers:
//   {"hash":"|hash|","ver":2, ... "fee":|fee|, ... "tx_index":|tx_index|, ... "time":|time|, ... "value":|value|, ...

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tidecast {

using TransactionHash = std::array<std::uint8_t, 32>;  // In the order in which its hex text is written.

// The hash of a body's transaction the n-th time it is used: its own in round 0, then SHA-256 of SHA-256 of the 32
// bytes of its own and the round as 8 bytes, little-endian.
TransactionHash hash_of_round(const TransactionHash& own, std::uint64_t round);

// blockchain.info's number of a transaction: the first 53 bits of its hash.  Holds for every shipped body.
std::uint64_t tx_index_of(const TransactionHash& hash);

// What a decoder must refuse, inside a reply that is valid JSON.  Made up: it stands for what a live feed does now
// and then.
enum class Damage : std::uint8_t { kNone, kFeeIsNull, kFeeIsText, kTimeIsNull };

class TransactionBody {
 public:
  // body: one transaction as blockchain.info's REST API gives it.
  // Errors: kInvalidArgument - no such transaction, or one whose parts contradict each other.
  static Result<TransactionBody> compile(std::string_view body);

  // Writes the transaction to `out`, which has room for longest() bytes, and returns where it ends.  Its fee is the
  // body's times `fee_level`, rounded; the difference goes to one input, so that fee = inputs - outputs still holds.
  char* render(char* out, std::uint64_t round, std::int64_t time_s, double fee_level, Damage damage) const;

  std::size_t longest() const { return longest_; }
  const TransactionHash& hash() const { return hash_; }

 private:
  enum class HoleKind : std::uint8_t { kHash, kTxIndex, kFee, kTime, kInputValue };
  struct Hole {
    std::uint32_t at;  // In text_, where the value is written.
    HoleKind kind;
  };
  class Compiler;

  std::string text_;         // The body without what stood in the holes.
  std::vector<Hole> holes_;  // Ascending.
  TransactionHash hash_{};
  std::int64_t fee_sat_ = 0;
  std::int64_t input_value_sat_ = 0;  // Of the input that takes the difference of the fee: the first that is worth the
                                      // whole fee, or else the most valuable one.
  std::size_t longest_ = 0;
};

}  // namespace tidecast
