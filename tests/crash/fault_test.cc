// The stream and its store on a disk that fails at every place where it can: whatever was acknowledged is still there,
// and in the end everything is as if nothing had happened.

#include <gtest/gtest.h>

#include "base/log.h"
#include "child.h"
#include "faulty_disk.h"
#include "life.h"
#include "long_run.h"
#include "storage/temporary_folder.h"

namespace tidecast::crash {
namespace {

std::string everything(const std::filesystem::path& folder) { return content(folder) + offline_files(folder); }

// What one undisturbed life leaves, and how many calls of each kind it makes.
struct Undisturbed {
  std::string content;
  std::uint64_t calls = 0, bytes = 0;
  std::uint64_t of_kind[kCalls] = {};
};

const Undisturbed& undisturbed() {
  static const Undisturbed found = [] {
    const TemporaryFolder folder;
    const Ended ended = in_child([&] {
      watch(folder.path(), {});
      const Life life = live(folder.path());
      std::string counts = fmt::format("{} {}", calls(), bytes_used());
      for (int kind = 0; kind < kCalls; ++kind) counts += fmt::format(" {}", calls(static_cast<Call>(kind)));
      unwatch();
      return life.status.ok() ? counts + "\n" + everything(folder.path()) : life.status.message();
    });
    Undisturbed result;
    std::istringstream text(ended.text);
    text >> result.calls >> result.bytes;
    for (std::uint64_t& count : result.of_kind) text >> count;
    result.content = ended.text.substr(std::min(ended.text.size(), ended.text.find('\n') + 1));
    EXPECT_TRUE(ended.well && result.calls > 0) << ended.text;
    return result;
  }();
  return found;
}

enum class Afterwards { kGoesOn, kLosesPower, kLosesPowerAndTears };

// One life that meets the plan, then others until one is not disturbed.  "" if all is as it should be.
std::string survive(const Plan& plan, Afterwards afterwards, std::uint64_t seed) {
  const TemporaryFolder folder;
  Life first;
  const Ended ended = in_child([&] {
    set_log_level(LogLevel::kOff);
    Rng rng(seed);
    watch(folder.path(), plan);
    first = live(folder.path());
    const bool came = struck() || plan.room;
    if (afterwards == Afterwards::kGoesOn)
      unwatch();
    else
      lose_power(afterwards == Afterwards::kLosesPower ? nullptr : &rng);
    if (!came && !first.status.ok()) return "without a fault: " + first.status.message();
    if (!first.status.ok() && first.status.code() != Code::kUnavailable)
      return fmt::format("{} instead of unavailable: {}", name_of(first.status.code()), first.status.message());
    watch(folder.path(), {});  // A disk without faults, and without the time that a real one takes.
    const struct Unwatched {
      ~Unwatched() { unwatch(); }
    } at_the_end;  // What it put aside would outlive this process.
    const Life second = live(folder.path());
    if (!second.status.ok())
      return fmt::format("afterwards {}: {}", name_of(second.status.code()), second.status.message());
    if (second.began < first.acknowledged)
      return fmt::format("{} batches were acknowledged, {} are there", first.acknowledged, second.began);
    return everything(folder.path());
  });
  if (ended.well && ended.text == undisturbed().content) return "";
  return fmt::format("seed {}, {}: {}", seed, kept(folder.path()), ended.text.substr(0, 2000));
}

// Moves the plan's fault through all places from 1 to `last`, or, if the run is not a long one, through some, evenly.
void through(std::uint64_t last, std::uint64_t some, Plan plan, std::initializer_list<Afterwards> afterwards) {
  const std::uint64_t stride = long_run() ? 1 : std::max<std::uint64_t>(1, last / some);
  const std::string_view call = plan.call ? name_of(*plan.call) : "call";
  Progress progress(fmt::format("{} that fails, error {}", call, plan.error), last);
  int failed = 0;
  for (std::uint64_t n = 1; n <= last && failed < 5; n += stride) {
    progress.at(n);
    plan.nth = n;
    const auto how = afterwards.begin()[(n / stride) % afterwards.size()];
    const std::string wrong = survive(plan, how, n);
    failed += !wrong.empty();
    EXPECT_EQ(wrong, "") << fmt::format("{} {} of {}, error {}, then {}", call, n, last, plan.error,
                                        static_cast<int>(how));
  }
}

TEST(Fault, AnUndisturbedLifeHasSomethingOfEverything) {
  const std::string& all = undisturbed().content;
  for (const char* part :
       {"backfill old.ndjson at 2\n", "feed at 13\n", "push at 14\n", "gap feed ", "mark 0 push ", "mark 1 wallets ",
        "dead 163 ", "late 165 ", "\"verdict\":\"late\"", "\"n\":72,", " false true: ", " 1 false false: ", " 2 true ",
        "offline/minutes/month=2026-05/", "offline/minutes/date=2026-06-01/hour="})
    EXPECT_NE(all.find(part), all.npos) << part << "\n" << all;
  // No more: known ones, the raw records and the hours that are too old.
  for (const char* part : {" duplicate 0 ", "\"n\":71,", "offline/hours/month=2026-05/"})
    EXPECT_EQ(all.find(part), all.npos) << part << "\n" << all;
  const TemporaryFolder folder;
  const Ended half = in_child([&] {
    const Life life = live(folder.path(), kBatches / 2);
    return life.status.ok() ? offline_files(folder.path()) : life.status.message();
  });
  EXPECT_NE(half.text.find("offline/minutes/date=2026-05-30/day/"), half.text.npos) << half.text;
}

TEST(Fault, ALossOfPowerAfterAnyCallLosesNothingThatWasAcknowledged) {
  through(undisturbed().calls, 60, {.power_loss = true},
          {Afterwards::kLosesPower, Afterwards::kLosesPowerAndTears, Afterwards::kLosesPowerAndTears});
}

class EveryCall : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Fault, EveryCall, testing::Range(0, kCalls),
                         [](const auto& call) { return std::string(name_of(static_cast<Call>(call.param))); });

TEST_P(EveryCall, ThatFailsOnceLeavesEverythingAsItShouldBe) {
  const std::uint64_t last = undisturbed().of_kind[GetParam()];
  for (const int error : {EIO, ENOSPC})
    through(last, 10, {.call = static_cast<Call>(GetParam()), .error = error},
            {Afterwards::kGoesOn, Afterwards::kLosesPowerAndTears});
}

TEST(Fault, ADiskThatIsFullAtAnySizeEndsTheLifeAndNothingElse) {
  const std::uint64_t bytes = undisturbed().bytes;
  const std::uint64_t step = bytes / (long_run() ? 500 : 20);
  Progress progress("bytes of room", bytes);
  for (std::uint64_t room = 0; room < bytes; room += step) {
    progress.at(room);
    EXPECT_EQ(survive({.room = room}, room % (2 * step) == 0 ? Afterwards::kGoesOn : Afterwards::kLosesPower, room), "")
        << room << " bytes of " << bytes;
  }
}

}  // namespace
}  // namespace tidecast::crash
