#include "features/offline_files.h"

#include "features/test_store.h"

namespace tidecast {
namespace {

TEST(OfflineFiles, AFileThatFailsDoesNotStandInTheWayOfTheNext) {
  const TemporaryFolder folder;
  auto session = std::move(duck::Session::open()).value();
  const FeatureGroup group = fees_group();
  const EventTime end = event_time("2026-05-06T00:01:00Z");
  const std::vector<FeatureRow> good = {row_at(group, end, {std::int64_t{7}, 0.5})}, torn = {row_at(group, end, {})};
  EXPECT_FALSE(write_parquet(session, group, torn, folder.path() / "a").ok());
  EXPECT_FALSE(write_parquet(session, group, good, folder.path() / "no such folder" / "a").ok());
  const Status written = write_parquet(session, group, good, folder.path() / "a");
  ASSERT_TRUE(written.ok()) << written.message();
  const OfflineFile file{group.name, folder.path() / "a", {}, 1};
  EXPECT_EQ(rows_text(read_parquet(session, group, {&file, 1}, {}).value()), "00:01=7,0.5 ");
}

}  // namespace
}  // namespace tidecast
