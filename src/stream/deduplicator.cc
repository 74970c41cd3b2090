#include "stream/deduplicator.h"

#include <sys/mman.h>

#include <algorithm>

#include "base/workers.h"

namespace tidecast {
namespace {

constexpr std::uint64_t slot_of(std::uint32_t tag, std::uint32_t place) { return std::uint64_t{tag} << 32 | place; }
constexpr std::uint32_t tag_in(std::uint64_t slot) { return static_cast<std::uint32_t>(slot >> 32); }
constexpr std::uint32_t place_in(std::uint64_t slot) { return static_cast<std::uint32_t>(slot); }

}  // namespace

// The hash orders a table about as the slots stand, so this reads and writes from front to back.
void Deduplicator::Table::resize(std::size_t capacity) {
  std::vector<std::uint64_t> old(capacity);
  old.swap(slots);
  for (const std::uint64_t slot : old) {
    if (slot == 0) continue;
    std::size_t at = home(tag_in(slot));
    while (slots[at] != 0) at = after(at);
    slots[at] = slot;
  }
}

void Deduplicator::Table::insert(std::uint32_t tag, std::uint32_t place) {
  if (taken * 5 >= slots.size() * 4) resize(std::max<std::size_t>(8, slots.size() + slots.size() / 2));
  std::size_t at = home(tag);
  while (slots[at] != 0) at = after(at);
  slots[at] = slot_of(tag, place);
  ++taken;
}

// Slots behind it move up, so that no search ends too early.
void Deduplicator::Table::remove(std::uint32_t tag, std::uint32_t place) {
  if (slots.empty()) return;
  std::size_t hole = home(tag);
  while (slots[hole] != slot_of(tag, place)) {
    if (slots[hole] == 0) return;  // The key was seen again and stands at another place.
    hole = after(hole);
  }
  for (std::size_t at = after(hole); slots[at] != 0; at = after(at)) {
    const std::size_t wanted = home(tag_in(slots[at]));
    const bool between = hole <= at ? hole < wanted && wanted <= at : hole < wanted || wanted <= at;
    if (between) continue;  // It stands behind the hole already.
    slots[hole] = slots[at];
    hole = at;
  }
  slots[hole] = 0;
  --taken;
}

std::size_t Deduplicator::find(const Table& table, std::uint32_t tag, const RecordKey& key) const {
  if (table.slots.empty()) return kNone;
  for (std::size_t at = table.home(tag); table.slots[at] != 0; at = table.after(at))
    if (tag_in(table.slots[at]) == tag && key_at(place_in(table.slots[at])) == key) return at;
  return kNone;
}

void Deduplicator::append(const RecordKey& key, ProcessingTime seen) {
  if (next_ - base_ == chunks_.size() * kChunk) {
    chunks_.push_back(std::make_unique_for_overwrite<Chunk>());
    ::madvise(chunks_.back().get(), sizeof(Chunk), MADV_HUGEPAGE);  // A hint: it is well without.
  }
  CHECK(next_ - base_ < UINT32_MAX);
  if (runs_.empty() || (keep_ && runs_.back().seen != seen)) runs_.push_back({next_, seen});
  const std::uint64_t i = next_++ - base_;
  (*chunks_[i / kChunk])[i % kChunk] = key;
}

void Deduplicator::restore(std::span<const KeySeen> keys) {
  for (const KeySeen& seen : keys) append(seen.key, seen.first_seen);
}

// First by table, then table by table: each fits the cache as it fills.  Many keys are for two threads, half of the
// tables each.
void Deduplicator::end_restore() {
  constexpr std::uint64_t kWorthAThread = 100'000;
  const std::size_t parts = next_ < kWorthAThread ? 1 : 2, each = tables_.size() / parts;
  Workers(static_cast<int>(parts)).run(static_cast<int>(parts), [&](int part) {
    const std::size_t first = static_cast<std::size_t>(part) * each;
    std::vector<std::vector<std::uint64_t>> of(each);
    for (auto& slots : of) slots.reserve(size() / tables_.size() * 17 / 16);
    for (std::uint64_t place = 0; place < next_; ++place) {
      const std::uint64_t hash = hash_of(key_at(place));
      const std::size_t table = (hash >> kTableShift) - first;
      if (table < each) of[table].push_back(slot_of(tag_of(hash), static_cast<std::uint32_t>(place)));
    }
    for (std::size_t t = 0; t < each; ++t) {
      if (of[t].empty()) continue;
      Table& table = tables_[first + t];
      table.resize(std::max<std::size_t>(8, of[t].size() * 11 / 8));
      for (const std::uint64_t slot : of[t]) set(table, tag_in(slot), place_in(slot));
      of[t] = {};
    }
  });
}

// A key that was forgotten and seen again counts from its second first sight.
void Deduplicator::set(Table& table, std::uint32_t tag, std::uint32_t place) {
  if (const std::size_t at = find(table, tag, key_at(place)); at != kNone)
    table.slots[at] = slot_of(tag, place);
  else
    table.insert(tag, place);
}

bool Deduplicator::knows(const RecordKey& key, ProcessingTime arrival) const {
  const std::uint64_t hash = hash_of(key);
  const Table& table = tables_[hash >> kTableShift];
  const std::size_t at = find(table, tag_of(hash), key);
  if (at == kNone || !is_live(table.slots[at])) return false;
  if (!expired(runs_.front().seen, arrival)) return true;
  const std::uint64_t place = base_ + from_base(place_in(table.slots[at]));
  const auto next = std::ranges::upper_bound(runs_, place, {}, &Run::first);
  return !expired((next - 1)->seen, arrival);
}

bool Deduplicator::is_new(const RecordKey& key, ProcessingTime arrival) {
  if (keep_) forget_before(arrival);
  const std::uint64_t hash = hash_of(key);
  Table& table = tables_[hash >> kTableShift];
  const std::size_t at = find(table, tag_of(hash), key);
  if (at != kNone && is_live(table.slots[at])) return false;
  const auto place = static_cast<std::uint32_t>(next_);
  append(key, arrival);
  if (at != kNone)
    table.slots[at] = slot_of(tag_of(hash), place);
  else
    table.insert(tag_of(hash), place);
  return true;
}

// What has expired counts as unknown at once; it leaves the tables a few at a time, so that no long sleep is paid for
// in one commit.
void Deduplicator::forget_before(ProcessingTime arrival) {
  while (!runs_.empty() && expired(runs_.front().seen, arrival)) {
    runs_.pop_front();
    live_ = runs_.empty() ? next_ : runs_.front().first;
  }
  for (int i = 0; i < 8 && kept_ < live_; ++i) {
    if (kept_ + 16 < live_) prefetch(key_at(kept_ + 16));
    const std::uint64_t hash = hash_of(key_at(kept_));
    tables_[hash >> kTableShift].remove(tag_of(hash), static_cast<std::uint32_t>(kept_));
    if (++kept_ - base_ < kChunk) continue;
    chunks_.pop_front();
    base_ += kChunk;
  }
}

}  // namespace tidecast
