#include "stream/pointer_tree.h"

#include "base/json_pointer.h"

namespace tidecast {
std::uint32_t PointerTree::child_or_new(std::uint32_t parent, const std::string& name) {
  if (const std::uint32_t known = child(nodes_[parent], name); known != kNone) return known;
  const auto id = static_cast<std::uint32_t>(nodes_.size());
  nodes_.emplace_back();
  nodes_[parent].children.push_back({name, array_index(name).value_or(UINT64_MAX), id});
  nodes_[parent].names |= std::uint64_t{1} << bit_of(name);
  return id;
}

Result<PointerTree> PointerTree::compile(const std::vector<std::string>& pointers) {
  PointerTree tree;
  for (const std::string& pointer : pointers) {
    const auto slot = static_cast<std::uint32_t>(tree.slots_++);
    std::uint32_t at = 0;
    if (pointer.empty()) return invalid_argument("'' is the whole record; allowed: /name, /outer/inner, /list/0");
    for (const std::string& token : TRY(split_pointer(pointer))) {
      at = tree.child_or_new(at, token);
      tree.nodes_[at].subtree.push_back(slot);
    }
    tree.nodes_[at].slots.push_back(slot);
  }
  return tree;
}

}  // namespace tidecast
