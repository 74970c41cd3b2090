#include "stream/record_key.h"

#include <gtest/gtest.h>

#include "base/hash.h"

namespace tidecast {
namespace {

const std::string kHex = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

TEST(RecordKey, TakesSixtyFourDigitsAsTheirBytes) {
  const RecordKey key = record_key(kHex);
  for (std::size_t i = 0; i < 32; ++i) EXPECT_EQ(key[i], 0x11 * (i % 16)) << i;
}

TEST(RecordKey, TakesUpperCaseForAnotherId) {
  std::string upper = kHex;
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  EXPECT_NE(record_key(upper), record_key(kHex));
  std::string mixed = kHex;
  mixed[63] = 'F';
  EXPECT_NE(record_key(mixed), record_key(kHex));
  EXPECT_NE(record_key(mixed), record_key(upper));
}

TEST(RecordKey, KeepsShortIdsAsTheyAre) {
  const RecordKey key = record_key("abc");
  EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(key.data()), 3), "abc");
  EXPECT_EQ(key[3], 0);
  EXPECT_EQ(key[31], 3);
  EXPECT_NE(record_key("abc"), record_key(std::string_view("abc\0", 4)));
  EXPECT_NE(record_key(""), record_key(std::string_view("\0", 1)));
  EXPECT_EQ(record_key(std::string(31, 'x'))[31], 31);
}

TEST(RecordKey, HashesLongIds) {
  const std::string long_id(32, 'x');
  EXPECT_EQ(record_key(long_id), sha256("tidecast id\n" + long_id));
  EXPECT_NE(record_key(long_id), record_key(sha256_hex(long_id)));  // An id that is the hash of another is its own.
  std::string almost = kHex;
  almost[10] = 'g';
  EXPECT_EQ(record_key(almost), sha256("tidecast id\n" + almost));
}

TEST(RecordKey, KeepsThePartsOfACompositeApart) {
  const auto key = [](std::initializer_list<std::string_view> parts) {
    std::string bytes;
    for (const std::string_view part : parts) append_id_part(bytes, part);
    return composite_key(bytes);
  };
  EXPECT_EQ(key({"ab", "c"}), key({"ab", "c"}));
  EXPECT_NE(key({"ab", "c"}), key({"a", "bc"}));
  EXPECT_NE(key({"ab", "c"}), key({"ab", "c", ""}));
  EXPECT_NE(key({kHex, "c"}), key({kHex, "d"}));
}

}  // namespace
}  // namespace tidecast
