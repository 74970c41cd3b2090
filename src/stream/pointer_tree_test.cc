#include "stream/pointer_tree.h"

#include <gtest/gtest.h>

namespace tidecast {
namespace {

TEST(PointerTree, SharesTheBeginningsOfPointers) {
  const PointerTree tree = PointerTree::compile({"/x/hash", "/x/time", "/y"}).value();
  EXPECT_EQ(tree.slots(), 3u);
  ASSERT_EQ(tree.root().children.size(), 2u);
  const PointerTree::Node& x = tree.node(PointerTree::child(tree.root(), "x"));
  EXPECT_EQ(x.subtree, (std::vector<std::uint32_t>{0, 1}));
  EXPECT_TRUE(x.slots.empty());
  EXPECT_EQ(tree.node(PointerTree::child(x, "time")).slots, (std::vector<std::uint32_t>{1}));
  EXPECT_EQ(PointerTree::child(x, "nonce"), PointerTree::kNone);
}

TEST(PointerTree, LetsSeveralSlotsShareOnePlace) {
  const PointerTree tree = PointerTree::compile({"/t", "/t"}).value();
  EXPECT_EQ(tree.node(PointerTree::child(tree.root(), "t")).slots, (std::vector<std::uint32_t>{0, 1}));
}

TEST(PointerTree, UnescapesSlashAndTilde) {
  const PointerTree tree = PointerTree::compile({"/a~1b~0c~01"}).value();
  EXPECT_NE(PointerTree::child(tree.root(), "a/b~c~1"), PointerTree::kNone);
}

TEST(PointerTree, TakesDigitsAsAPositionToo) {
  const PointerTree tree = PointerTree::compile({"/12", "/01"}).value();
  EXPECT_NE(PointerTree::child(tree.root(), std::uint64_t{12}), PointerTree::kNone);
  EXPECT_EQ(PointerTree::child(tree.root(), std::uint64_t{1}), PointerTree::kNone);  // A leading zero is no position.
  EXPECT_NE(PointerTree::child(tree.root(), "01"), PointerTree::kNone);
}

TEST(PointerTree, RefusesWhatIsNoPointerIntoARecord) {
  for (const char* wrong : {"", "fee", "#/fee", "/a~2", "/a~"}) {
    const auto tree = PointerTree::compile({wrong});
    ASSERT_FALSE(tree.ok()) << wrong;
    EXPECT_EQ(tree.code(), Code::kInvalidArgument);
    EXPECT_NE(tree.message().find(wrong), std::string::npos);
  }
}

}  // namespace
}  // namespace tidecast
