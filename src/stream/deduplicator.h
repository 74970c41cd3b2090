#pragma once
// Knows which identifiers were seen.  A record is a duplicate iff its key is known and was first seen less than `keep`
// before the record's own arrival; a key seen again after that counts as new from then on.  A duplicate does not
// prolong anything.
//
// Keys stand in the order of their first sight, so what expires is always the oldest, and a table holds 32 bits of each
// key's hash and its place:
//
//   keys    | key | key | ...                    32 bytes a key
//   runs    | place | ..., | first seen | ...    12 bytes a moment
//   tables  | hash, place | 0 | hash, place |    8 bytes a slot, at most 4 of 5 taken; 32 tables, so that one grows at
//                                                a time.  The hash orders a table: growing and removing read no keys.
//
// About 45 bytes a key; bench/deduplicator.cc has figures.  Arrivals must not decrease.  One thread.

#include <array>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "base/prefetch.h"
#include "features/store.h"
#include "stream/place_queue.h"

namespace tidecast {

class Deduplicator {
 public:
  explicit Deduplicator(std::optional<Milliseconds> keep) : keep_(keep) {}  // nullopt: for ever.

  // Keys that were remembered before a restart, in the order of their first sight.  Before anything else is asked.
  void restore(std::span<const KeySeen> keys);
  // Once all are restored: the tables are made at one go, by two threads if there are many.
  void end_restore();

  // Fetches what the two below will read; worth while for several keys beforehand.
  void prefetch(const RecordKey& key) const { prefetch(hash_of(key)); }
  // Whether a record with this key would be a duplicate if it arrived now.
  bool knows(const RecordKey& key, ProcessingTime arrival) const;
  // True if the key is new; it is known from now on.
  bool is_new(const RecordKey& key, ProcessingTime arrival);

  std::size_t size() const { return keys_.end() - live_; }

 private:
  static constexpr int kTableBits = 5, kTableShift = 64 - kTableBits;

  // Open addressing, linear probing.  A slot is the hash's 32 bits above the lower 32 of the place; 0 is empty.
  struct Table {
    LargeVector<std::uint64_t> slots;
    std::size_t taken = 0;
    std::size_t home(std::uint32_t tag) const { return static_cast<std::uint64_t>(tag) * slots.size() >> 32; }
    std::size_t after(std::size_t slot) const { return slot + 1 == slots.size() ? 0 : slot + 1; }
    void resize(std::size_t capacity);  // Or some more.
    void insert(std::uint32_t tag, std::uint32_t place);
    void remove(std::uint32_t tag, std::uint32_t place);
  };

  void prefetch(std::uint64_t hash) const {
    const Table& table = tables_[hash >> kTableShift];
    if (!table.slots.empty()) tidecast::prefetch(&table.slots[table.home(tag_of(hash))]);
  }
  static std::uint64_t hash_of(const RecordKey& key) {
    std::array<std::uint64_t, 4> words;
    std::memcpy(words.data(), key.data(), sizeof words);
    return mix(mix(words[0], words[1]), mix(words[2], words[3]));  // Short ids differ in few bytes, anywhere.
  }
  static std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
    const auto product = static_cast<unsigned __int128>(a ^ 0x9e3779b97f4a7c15u) * (b ^ 0xbf58476d1ce4e5b9u);
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }
  static std::uint32_t tag_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash) | 1; }

  // The slot of `key` in its table, whether it has expired or not; kNone.
  static constexpr std::size_t kNone = SIZE_MAX;
  std::size_t find(const Table& table, std::uint32_t tag, const RecordKey& key) const;
  // All that slots and runs have of a place are its lower 32 bits.
  std::uint64_t whole(std::uint32_t place) const {
    return keys_.first() + static_cast<std::uint32_t>(place - static_cast<std::uint32_t>(keys_.first()));
  }
  bool is_live(std::uint64_t slot) const { return whole(static_cast<std::uint32_t>(slot)) >= live_; }
  void append(const RecordKey& key, ProcessingTime seen);
  void fill(Table& table, const PlaceQueue<std::uint64_t>& slots);
  bool expired(ProcessingTime seen, ProcessingTime arrival) const { return keep_ && arrival - seen >= *keep_; }
  void forget_before(ProcessingTime arrival);

  std::optional<Milliseconds> keep_;
  std::array<Table, 1 << kTableBits> tables_;
  std::array<PlaceQueue<std::uint64_t>, 1 << kTableBits> restored_;  // Slots by table, until end_restore().
  PlaceQueue<RecordKey> keys_;
  // A run is the keys first seen at one moment.  Of those that have not expired; one, if keys are kept for ever.
  PlaceQueue<std::uint32_t> run_places_;  // Of their first keys.
  PlaceQueue<ProcessingTime> run_times_;
  std::uint64_t live_ = 0;  // The place of the first key that has not expired; those before it leave the tables.
};

}  // namespace tidecast
