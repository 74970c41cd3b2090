#include "stream/key_table.h"

#include <algorithm>

namespace tidecast {

std::uint32_t KeyTable::find(std::string_view key) const {
  if (slots_.empty()) return kNone;
  const Ref ref = ref_of(key);
  const std::uint32_t sought = hash(key);
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = sought & mask; slots_[at].number != kNone; at = (at + 1) & mask)
    if (slots_[at].hash == sought && same(refs_[slots_[at].number], ref, key)) return slots_[at].number;
  return kNone;
}

void KeyTable::grow() {
  LargeVector<Slot> before(std::max<std::size_t>(8, 2 * slots_.size()));
  std::swap(before, slots_);
  const std::size_t mask = slots_.size() - 1;
  for (const Slot& slot : before) {
    if (slot.number == kNone) continue;
    std::size_t at = slot.hash & mask;
    while (slots_[at].number != kNone) at = (at + 1) & mask;
    slots_[at] = slot;
  }
}

// Most comparisons are of the eight bytes behind what all keys begin with, as one number.
std::vector<std::uint32_t> KeyTable::sorted() const {
  struct Entry {
    std::uint64_t head;
    std::uint32_t number;
  };
  std::vector<std::uint32_t> order(size());
  if (order.empty()) return order;
  const std::string_view first = (*this)[0];
  std::size_t common = first.size();
  for (std::uint32_t i = 0; i < size(); ++i) {
    const std::string_view key = (*this)[i];
    common = std::min(common, key.size());
    common =
        static_cast<std::size_t>(std::mismatch(key.begin(), key.begin() + common, first.begin()).first - key.begin());
  }
  std::vector<Entry> entries(size());
  for (std::uint32_t i = 0; i < size(); ++i) {
    const std::string_view rest = (*this)[i].substr(common);
    std::uint64_t head = 0;
    std::memcpy(&head, rest.data(), std::min<std::size_t>(8, rest.size()));
    entries[i] = {__builtin_bswap64(head), i};
  }
  std::ranges::sort(entries, [this](const Entry& a, const Entry& b) {
    return a.head != b.head ? a.head < b.head : (*this)[a.number] < (*this)[b.number];
  });
  for (std::uint32_t i = 0; i < size(); ++i) order[i] = entries[i].number;
  return order;
}

}  // namespace tidecast
