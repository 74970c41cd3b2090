// Whatever becomes of the files of a data folder, opening it ends, and soon: either it works, and gives what was stored
// up to some commit, or it says which file is damaged.

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "base/log.h"
#include "child.h"
#include "faulty_disk.h"
#include "life.h"
#include "long_run.h"
#include "storage/file.h"
#include "storage/temporary_folder.h"

namespace tidecast::crash {
namespace {

namespace fs = std::filesystem;

// Without waiting for a real disk.
template <typename Work>
auto on_a_fast_disk(const fs::path& folder, Work work) {
  watch(folder, {});
  auto result = work();
  unwatch();
  return result;
}

// A folder that lived so long and what is in it; `states`: what there was after every batch.
struct Healthy {
  explicit Healthy(int batches) {
    for (int until = 0; until <= batches; ++until) {
      const Ended ended = in_child([&] {
        return on_a_fast_disk(folder.path(), [&] {
          const Life life = live(folder.path(), until);
          return life.status.ok() ? content(folder.path()) : life.status.message();
        });
      });
      EXPECT_TRUE(ended.well) << ended.text;
      states.push_back(ended.text);
    }
  }
  TemporaryFolder folder;
  std::vector<std::string> states;
};

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) files.push_back(entry.path());
  std::ranges::sort(files);
  return files;
}

void write(const fs::path& path, std::string_view content) { std::ofstream(path, std::ios::binary) << content; }

std::string noise(Rng& rng, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(rng.below(256));
  return bytes;
}

// Does something bad to one file, and says what.
std::string damage(const fs::path& folder, Rng& rng) {
  const auto files = files_in(folder);
  const fs::path file = files[rng.below(files.size())];
  const std::string name = fs::relative(file, folder).string();
  std::string bytes = read_file(file).value();
  const auto place = [&] { return rng.below(bytes.size() + 1); };
  switch (rng.below(8)) {
    case 0: fs::remove(file); return name + " removed";
    case 1: {
      const auto size = place();
      fs::resize_file(file, size);
      return fmt::format("{} cut to {} of {} bytes", name, size, bytes.size());
    }
    case 2: write(file, ""); return name + " emptied";
    case 3: {
      const auto at = place();
      if (at < bytes.size()) bytes[at] = static_cast<char>(bytes[at] ^ (1 << rng.below(8)));
      write(file, bytes);
      return fmt::format("{}: a bit of byte {} of {} flipped", name, at, bytes.size());
    }
    case 4: {
      const auto at = place(), count = std::min<std::uint64_t>(bytes.size() - at, 1 + rng.below(5000));
      bytes.replace(at, count, noise(rng, count));
      write(file, bytes);
      return fmt::format("{}: {} bytes from {} on are noise", name, count, at);
    }
    case 5: {
      const auto at = place(), count = std::min<std::uint64_t>(bytes.size() - at, 1 + rng.below(5000));
      bytes.replace(at, count, std::string(count, '\0'));
      write(file, bytes);
      return fmt::format("{}: {} bytes from {} on are zeros", name, count, at);
    }
    case 6: {
      write(file, bytes + noise(rng, 1 + rng.below(5000)));
      return name + ": noise at the end";
    }
    default: {
      const char* const kNames[] = {"000999.log", "000999.sst",  "MANIFEST-000999",
                                    "x.tmp",      "CURRENT.tmp", "000001.dbtmp"};
      const fs::path other = file.parent_path() / kNames[rng.below(6)];
      write(other, noise(rng, rng.below(5000)));
      return fs::relative(other, folder).string() + ": a file of noise";
    }
  }
}

void survive_damage(const Healthy& healthy, std::uint64_t seed) {
  Rng rng(seed);
  const TemporaryFolder folder;
  fs::copy(healthy.folder.path(), folder.path(), fs::copy_options::recursive);
  std::string what;
  for (std::uint64_t times = 1 + rng.below(3) / 2; times > 0; --times) what += damage(folder.path(), rng) + "; ";
  const Ended ended = in_child([&] {
    set_log_level(LogLevel::kOff);
    return on_a_fast_disk(folder.path(), [&] { return content(folder.path()); });
  });
  const std::string& text = ended.text;
  const bool named = text.starts_with("data loss: ") && text.find(folder.path().string()) != text.npos;
  if (ended.well && (named || std::ranges::find(healthy.states, text) != healthy.states.end())) return;
  ADD_FAILURE() << "seed " << seed << ": " << what << kept(folder.path()) << ": " << text.substr(0, 1000);
}

TEST(Damage, OfAnyFileIsSurvivedOrNamed) {
  // One whose rows are in files, one whose newest are not.
  const Healthy flushed(kBatches), open(8);
  const std::uint64_t seeds = long_run() ? 5'000 : 120;
  Progress progress("damages", seeds);
  for (std::uint64_t seed = 1; seed <= seeds && !HasFailure(); ++seed) {
    progress.at(seed);
    survive_damage(seed % 2 == 0 ? flushed : open, seed);
  }
}

}  // namespace
}  // namespace tidecast::crash
