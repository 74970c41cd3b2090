#pragma once
// Knows which identifiers were seen.  A record is a duplicate iff its key is known and was first seen less than `keep`
// before the record's own arrival; a key seen again after that counts as new from then on.  A duplicate does not
// prolong anything.
//
// Arrivals must not decrease.  Memory: about 50 bytes a key, and 40 more while keys expire.  One thread.

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstring>
#include <deque>
#include <optional>
#include <span>

#include "features/store.h"

namespace tidecast {

class Deduplicator {
 public:
  explicit Deduplicator(std::optional<Milliseconds> keep) : keep_(keep) {}  // nullopt: for ever.

  // Keys that were remembered before a restart, in the order of their first sight.
  void restore(std::span<const KeySeen> keys);

  // Whether a record with this key would be a duplicate if it arrived now.
  bool knows(const RecordKey& key, ProcessingTime arrival) const;
  // True if the key is new; it is known from now on.
  bool is_new(const RecordKey& key, ProcessingTime arrival);

  std::size_t size() const { return first_seen_.size(); }

 private:
  struct Hash {
    using is_avalanching = void;
    std::size_t operator()(const RecordKey& key) const {
      std::array<std::uint64_t, 4> words;
      std::memcpy(words.data(), key.data(), sizeof words);
      return mix(mix(words[0], words[1]), mix(words[2], words[3]));  // Short ids differ in few bytes, anywhere.
    }
    static std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
      const auto product = static_cast<unsigned __int128>(a ^ 0x9e3779b97f4a7c15u) * (b ^ 0xbf58476d1ce4e5b9u);
      return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
    }
  };

  void forget_before(ProcessingTime arrival);

  std::optional<Milliseconds> keep_;
  boost::unordered_flat_map<RecordKey, ProcessingTime, Hash> first_seen_;
  std::deque<KeySeen> by_age_;  // Oldest first; unused if keys are kept for ever.
};

}  // namespace tidecast
