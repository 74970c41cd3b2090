#pragma once
// Byte strings numbered 0, 1, 2, ... in the order in which they first came: the series of a window, the values that an
// exact count distinct has seen.  A flat hash of numbers, linear probing, half full at most; strings of up to 20 bytes
// lie beside their length, longer ones in one buffer.  One thread.

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/huge_pages.h"
#include "base/prefetch.h"
#include "base/result.h"

namespace tidecast {

class KeyTable {
 public:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  static std::uint32_t hash(std::string_view key);

  // Its number; if it is a new one, that is size() of before.
  std::uint32_t add(std::string_view key) { return add(key, hash(key)); }
  std::uint32_t add(std::string_view key, std::uint32_t hash);
  std::uint32_t find(std::string_view key) const;  // kNone if it never came.

  std::string_view operator[](std::uint32_t number) const { return text_of(refs_[number]); }
  std::uint32_t size() const { return static_cast<std::uint32_t>(refs_.size()); }
  std::vector<std::uint32_t> sorted() const;  // All numbers, by the bytes of their strings.

  // A key of this hash will be asked for: first its slot, then, once that is at hand, what the slot names.
  void prefetch_slot(std::uint32_t hash) const { prefetch(&slots_[hash & (slots_.size() - 1)]); }
  std::uint32_t prefetch_key(std::uint32_t hash) const {  // The key's number, very likely; or kNone.
    const Slot& slot = slots_[hash & (slots_.size() - 1)];
    if (slot.number != kNone) prefetch(&refs_[slot.number]);
    return slot.number;
  }

 private:
  static constexpr std::size_t kInline = 20;
  struct Ref {
    std::uint32_t length = 0;
    char bytes[kInline] = {};  // All of it, or the first four and its place in `long_`.
  };
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t number = kNone;
  };

  static Ref ref_of(std::string_view key);
  bool same(const Ref& stored, const Ref& sought, std::string_view key) const;
  std::string_view text_of(const Ref& ref) const;
  void grow();

  LargeVector<Ref> refs_;
  std::string long_;
  LargeVector<Slot> slots_;  // A power of two of them.
};

// ---- the hot path
// -----------------------------------------------------------------------------------------------------

inline std::uint32_t KeyTable::hash(std::string_view key) {
  constexpr std::uint64_t kFactor = 0x9e3779b97f4a7c15u;
  const auto load = [](const char* from, std::size_t size) {
    std::uint64_t word = 0;
    if (size > 0) std::memcpy(&word, from, size);  // From may be null then.
    return word;
  };
  const auto fold = [](std::uint64_t word) {
    const auto product = static_cast<unsigned __int128>(word ^ 0xa0761d6478bd642fu) * kFactor;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  };
  std::uint64_t sum = fold(key.size());
  if (key.size() < 8) {
    sum = fold(sum ^ load(key.data(), key.size()));
  } else {
    for (std::size_t at = 0; at + 8 < key.size(); at += 8) sum = fold(sum ^ load(key.data() + at, 8));
    sum = fold(sum ^ load(key.data() + key.size() - 8, 8));
  }
  return static_cast<std::uint32_t>(sum ^ sum >> 32);
}

inline KeyTable::Ref KeyTable::ref_of(std::string_view key) {
  Ref ref;
  ref.length = static_cast<std::uint32_t>(key.size());
  if (!key.empty()) std::memcpy(ref.bytes, key.data(), key.size() <= kInline ? key.size() : 4);
  return ref;
}

inline std::string_view KeyTable::text_of(const Ref& ref) const {
  if (ref.length <= kInline) return {ref.bytes, ref.length};
  std::uint64_t place;
  std::memcpy(&place, ref.bytes + 4, sizeof place);
  return {long_.data() + place, ref.length};
}

inline bool KeyTable::same(const Ref& stored, const Ref& sought, std::string_view key) const {
  if (key.size() <= kInline) return std::memcmp(&stored, &sought, sizeof(Ref)) == 0;
  return std::memcmp(&stored, &sought, 8) == 0 && text_of(stored) == key;
}

inline std::uint32_t KeyTable::add(std::string_view key, std::uint32_t hash) {
  if (2 * (refs_.size() + 1) > slots_.size()) grow();
  Ref ref = ref_of(key);
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = hash & mask;
  for (; slots_[at].number != kNone; at = (at + 1) & mask)
    if (slots_[at].hash == hash && same(refs_[slots_[at].number], ref, key)) return slots_[at].number;
  CHECK(refs_.size() < kNone && key.size() < kNone);
  slots_[at] = {hash, size()};
  if (key.size() > kInline) {
    const std::uint64_t place = long_.size();
    std::memcpy(ref.bytes + 4, &place, sizeof place);
    long_ += key;
  }
  refs_.push_back(ref);
  return slots_[at].number;
}

}  // namespace tidecast
