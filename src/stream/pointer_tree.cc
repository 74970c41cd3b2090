#include "stream/pointer_tree.h"

#include <charconv>

namespace tidecast {
namespace {

// The reference tokens of "/a/b~1c": "a", "b/c".
Result<std::vector<std::string>> tokens_of(std::string_view pointer) {
  if (pointer.empty() || pointer[0] != '/')
    return invalid_argument("'{}' is no JSON Pointer into a record; allowed: /name, /outer/inner, /list/0", pointer);
  std::vector<std::string> tokens;
  for (std::size_t i = 0; i < pointer.size(); ++i) {
    if (pointer[i] == '/') {
      tokens.emplace_back();
    } else if (pointer[i] == '~') {
      const char code = i + 1 < pointer.size() ? pointer[++i] : '\0';
      if (code != '0' && code != '1')
        return invalid_argument("'{}': after ~ a JSON Pointer allows only 0 and 1", pointer);
      tokens.back() += code == '0' ? '~' : '/';
    } else {
      tokens.back() += pointer[i];
    }
  }
  return tokens;
}

// RFC 6901 section 4: digits without a leading zero.
std::uint64_t array_index(std::string_view name) {
  std::uint64_t index = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
  const bool whole = error == std::errc() && end == name.data() + name.size() && (name[0] != '0' || name.size() == 1);
  return whole ? index : UINT64_MAX;
}

}  // namespace

std::uint32_t PointerTree::child_or_new(std::uint32_t parent, const std::string& name) {
  if (const std::uint32_t known = child(nodes_[parent], name); known != kNone) return known;
  const auto id = static_cast<std::uint32_t>(nodes_.size());
  nodes_.emplace_back();
  nodes_[parent].children.push_back({name, array_index(name), id});
  nodes_[parent].names |= std::uint64_t{1} << bit_of(name);
  return id;
}

Result<PointerTree> PointerTree::compile(const std::vector<std::string>& pointers) {
  PointerTree tree;
  for (const std::string& pointer : pointers) {
    const auto slot = static_cast<std::uint32_t>(tree.slots_++);
    std::uint32_t at = 0;
    for (const std::string& token : TRY(tokens_of(pointer))) {
      at = tree.child_or_new(at, token);
      tree.nodes_[at].subtree.push_back(slot);
    }
    tree.nodes_[at].slots.push_back(slot);
  }
  return tree;
}

}  // namespace tidecast
