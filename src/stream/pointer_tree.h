#pragma once
// JSON Pointers (RFC 6901) compiled once into a tree, so that one pass over a record in document order finds all of
// them. Slot i is the place of pointer i.  Immutable after compile(); any number of threads may read it.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tidecast {

class PointerTree {
 public:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  struct Child {
    std::string name;     // The key, unescaped.
    std::uint64_t index;  // The same as a position in an array; UINT64_MAX if the name is none.
    std::uint32_t node;
  };
  struct Node {
    std::vector<Child> children;
    std::vector<std::uint32_t> slots;    // Pointers that end here.
    std::vector<std::uint32_t> subtree;  // Pointers that end here or below.
    std::uint64_t names = 0;             // bit_of() every child's name: most keys that are no child stop here.
  };

  // Errors: kInvalidArgument - a pointer does not begin with '/', or has a '~' that is neither ~0 nor ~1.
  static Result<PointerTree> compile(const std::vector<std::string>& pointers);

  const Node& root() const { return nodes_[0]; }
  const Node& node(std::uint32_t id) const { return nodes_[id]; }
  std::size_t slots() const { return slots_; }

  // The child of `node` under `key` (of an object) or at `index` (of an array); kNone if no pointer goes there.
  static std::uint32_t child(const Node& node, std::string_view key) {
    if ((node.names >> bit_of(key) & 1) == 0) return kNone;
    for (const Child& c : node.children)
      if (c.name == key) return c.node;
    return kNone;
  }
  static std::uint32_t child(const Node& node, std::uint64_t index) {
    for (const Child& c : node.children)
      if (c.index == index) return c.node;
    return kNone;
  }

 private:
  static unsigned bit_of(std::string_view name) {
    return name.empty() ? 0 : (static_cast<unsigned>(name.size()) + 7u * static_cast<unsigned char>(name[0])) & 63;
  }
  std::uint32_t child_or_new(std::uint32_t parent, const std::string& name);

  std::vector<Node> nodes_ = std::vector<Node>(1);
  std::size_t slots_ = 0;
};

}  // namespace tidecast
