#include "stream/deduplicator.h"

#include <algorithm>
#include <ranges>
#include <utility>

#include "base/workers.h"

namespace tidecast {
namespace {

constexpr std::uint64_t kAhead = 16;  // Slots that are fetched before they are needed.

constexpr std::uint64_t slot_of(std::uint32_t tag, std::uint32_t place) { return std::uint64_t{tag} << 32 | place; }
constexpr std::uint32_t tag_in(std::uint64_t slot) { return static_cast<std::uint32_t>(slot >> 32); }
constexpr std::uint32_t place_in(std::uint64_t slot) { return static_cast<std::uint32_t>(slot); }

}  // namespace

// The hash orders a table about as the slots stand, so this reads and writes from front to back.  Large ones fill whole
// huge pages.
void Deduplicator::Table::resize(std::size_t capacity) {
  constexpr std::size_t kPage = kHugePage / sizeof(std::uint64_t);
  if (capacity > kPage) capacity = (capacity + kPage - 1) / kPage * kPage;
  LargeVector<std::uint64_t> old(capacity);
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
    if (tag_in(table.slots[at]) == tag && keys_[place_in(table.slots[at])] == key) return at;
  return kNone;
}

void Deduplicator::append(const RecordKey& key, ProcessingTime seen) {
  CHECK(keys_.end() - keys_.first() <
        UINT32_MAX - PlaceQueue<RecordKey>::kChunk);  // Places count from a chunk's begin.
  if (run_times_.empty() || (keep_ && run_times_.back() != seen)) {
    run_places_.push_back(static_cast<std::uint32_t>(keys_.end()));
    run_times_.push_back(seen);
  }
  keys_.push_back(key);
}

// Each key's slot is noted with its table, so that the tables can be filled one at a time, each within a near cache.
void Deduplicator::restore(std::span<const KeySeen> keys) {
  for (const KeySeen& seen : keys) {
    const std::uint64_t hash = hash_of(seen.key);
    restored_[hash >> kTableShift].push_back(slot_of(tag_of(hash), static_cast<std::uint32_t>(keys_.end())));
    append(seen.key, seen.first_seen);
  }
}

void Deduplicator::end_restore() {
  constexpr std::uint64_t kWorthAThread = 100'000;
  Workers(size() < kWorthAThread ? 1 : 2).run(static_cast<int>(tables_.size()), [this](int t) {
    const auto table = static_cast<std::size_t>(t);
    fill(tables_[table], std::exchange(restored_[table], {}));
  });
}

void Deduplicator::fill(Table& table, const PlaceQueue<std::uint64_t>& slots) {
  table.resize(std::max<std::size_t>(8, slots.end() * 11 / 8));
  for (std::uint64_t i = 0; i < slots.end(); ++i) {
    if (i + kAhead < slots.end()) tidecast::prefetch(&table.slots[table.home(tag_in(slots[i + kAhead]))]);
    const std::uint32_t tag = tag_in(slots[i]), place = place_in(slots[i]);
    // A key that was forgotten and seen again counts from its second first sight.
    if (const std::size_t at = find(table, tag, keys_[place]); at != kNone)
      table.slots[at] = slots[i];
    else
      table.insert(tag, place);
  }
}

bool Deduplicator::knows(const RecordKey& key, ProcessingTime arrival) const {
  const std::uint64_t hash = hash_of(key);
  const Table& table = tables_[hash >> kTableShift];
  const std::size_t at = find(table, tag_of(hash), key);
  if (at == kNone || !is_live(table.slots[at])) return false;
  if (!expired(run_times_.front(), arrival)) return true;
  // Its run is the last that does not begin behind it.
  const std::uint64_t place = whole(place_in(table.slots[at]));
  const auto next = *std::ranges::partition_point(std::views::iota(run_places_.first() + 1, run_places_.end()),
                                                  [&](std::uint64_t run) { return whole(run_places_[run]) <= place; });
  return !expired(run_times_[next - 1], arrival);
}

bool Deduplicator::is_new(const RecordKey& key, ProcessingTime arrival) {
  if (keep_) forget_before(arrival);
  const std::uint64_t hash = hash_of(key);
  Table& table = tables_[hash >> kTableShift];
  const std::size_t at = find(table, tag_of(hash), key);
  if (at != kNone && is_live(table.slots[at])) return false;
  const auto place = static_cast<std::uint32_t>(keys_.end());
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
  while (!run_times_.empty() && expired(run_times_.front(), arrival)) {
    run_times_.pop_front();
    run_places_.pop_front();
    live_ = run_places_.empty() ? keys_.end() : whole(run_places_.front());
  }
  for (int i = 0; i < 8 && keys_.first() < live_; ++i, keys_.pop_front()) {
    const std::uint64_t place = keys_.first();
    if (place + 16 < live_) prefetch(keys_[place + 16]);
    const std::uint64_t hash = hash_of(keys_[place]);
    tables_[hash >> kTableShift].remove(tag_of(hash), static_cast<std::uint32_t>(place));
  }
}

}  // namespace tidecast
