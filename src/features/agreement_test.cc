#include "features/agreement.h"

#include "features/test_store.h"

namespace tidecast {
namespace {

TEST(StoreAgreement, GoesFromHourToHourThatHasRowsHoweverLongTheTimeBetween) {
  const TemporaryFolder folder;
  const auto store = open_store(folder);
  ASSERT_TRUE(store
                  ->commit(closing({fee_row("2006-01-01T00:30:00Z", 1), fee_row("2026-05-06T00:30:00Z", 2),
                                    fee_row("2026-05-06T10:30:00Z", 3)}))
                  .ok());
  for (int flushed = 0; flushed < 2; ++flushed) {
    StoreAgreement agreement(*store);
    std::string compared;
    for (int call = 0; call < 6; ++call) compared += fmt::format("{} ", agreement.check_more()->compared);
    EXPECT_EQ(compared, "1 1 1 0 1 1 ") << "the newest, then an older one a call, round and round";
    ASSERT_TRUE(store->flush(false).ok());
  }
}

}  // namespace
}  // namespace tidecast
