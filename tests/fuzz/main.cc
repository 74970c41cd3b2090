// A small fuzzer: bytes are changed at random, and those that reach code which nothing reached before (as the compiler
// reports by -fsanitize-coverage=trace-pc) are changed further.  No other tool than the compiler is needed.
//
//   fuzz NAME|all SECONDS [SEED]     the input at hand lies in fuzz-NAME.input, should it end the program
//
// Built without coverage it works too, blindly.  At the end the corpus in tests/fuzz/corpus/NAME is as few and as short
// inputs as reach all that was reached.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <set>

#include "base/hash.h"
#include "base/log.h"
#include "base/rng.h"
#include "fuzz.h"
#include "storage/file.h"

namespace {

constexpr std::size_t kPlaces = 1 << 16;
unsigned char reached[kPlaces];  // By the input at hand.  No std::array, whose functions would come by below too.
thread_local std::uintptr_t before = 0;

}  // namespace

// Every edge of the code under test comes by here.
extern "C" __attribute__((no_sanitize_coverage, no_sanitize("address", "undefined"))) void __sanitizer_cov_trace_pc() {
  const auto here = reinterpret_cast<std::uintptr_t>(__builtin_return_address(0)) * 0x9e3779b97f4a7c15u >> 40;
  reached[(here ^ before) % kPlaces] = 1;
  before = here >> 1;
}

namespace tidecast::fuzz {
namespace {

constexpr std::size_t kLongest = 4096;
constexpr unsigned kSecondsForOne = 10;  // Of the processor: a busy machine is no fault of the input.

// A file that always holds the input at hand, however the program ends.
class Witness {
 public:
  explicit Witness(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT, 0644);
    CHECK(fd >= 0 && ::ftruncate(fd, kLongest) == 0);
    fd_ = fd;
    bytes_ = static_cast<char*>(::mmap(nullptr, kLongest, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    CHECK(bytes_ != MAP_FAILED);
  }
  void hold(std::string_view input) {
    std::memcpy(bytes_, input.data(), input.size());
    std::memset(bytes_ + input.size(), 0, kLongest - input.size());
  }

 private:
  int fd_;
  char* bytes_;
};

class Fuzzer {
 public:
  Fuzzer(const Target& target, std::uint64_t seed)
      : target_(target), rng_(seed), witness_("fuzz-" + target.name + ".input") {}

  void run(std::chrono::seconds time) {
    for (const std::string& input : corpus(target_)) {
      try_out(input.substr(0, kLongest));
      if (kept_.back() != input) kept_.push_back(input.substr(0, kLongest));
    }
    const auto end = std::chrono::steady_clock::now() + time;
    std::uint64_t runs = 0;
    while (runs % 64 != 0 || std::chrono::steady_clock::now() < end) {
      try_out(changed(kept_[rng_.below(kept_.size())]));
      ++runs;
    }
    const std::size_t stay = keep();
    std::cout << fmt::format("{}: {} runs in {} s, {} places reached, {} inputs kept\n", target_.name, runs,
                             time.count(), all_.size(), stay)
              << std::flush;
  }

 private:
  static void limit(unsigned seconds) {
    const itimerval timer{{}, {static_cast<time_t>(seconds), 0}};
    ::setitimer(ITIMER_PROF, &timer, nullptr);
  }

  std::set<std::uint32_t> reach(const std::string& input) {
    witness_.hold(input);
    std::memset(reached, 0, sizeof reached);
    before = 0;
    limit(kSecondsForOne);
    target_.run(input);
    limit(0);
    std::set<std::uint32_t> places;
    for (std::uint32_t i = 0; i < kPlaces; i += 8) {
      std::uint64_t eight;
      std::memcpy(&eight, &reached[i], 8);
      if (eight == 0) continue;
      for (std::uint32_t j = i; j < i + 8; ++j)
        if (reached[j]) places.insert(j);
    }
    return places;
  }

  void try_out(const std::string& input) {
    const std::size_t known = all_.size();
    const auto places = reach(input);
    all_.insert(places.begin(), places.end());
    if (all_.size() > known || kept_.empty()) kept_.push_back(input);
  }

  std::string changed(std::string input) {
    static constexpr std::string_view kTokens[] = {"null",    "-1",   "9223372036854775808",
                                                   "1e400",   "\"",   "\\u0000",
                                                   "\\ud800", "\xff", "{",
                                                   "}",       "[",    "]",
                                                   ",",       ":",    "\n",
                                                   "  ",      "- ",   "true",
                                                   "'",       "''",   "AND",
                                                   "OR",      "NOT",  "*",
                                                   "/",       "~1"};
    for (std::uint64_t times = 1 + rng_.below(6); times > 0; --times) {
      const std::size_t at = rng_.below(input.size() + 1);
      const std::size_t count = std::min<std::size_t>(input.size() - at, 1 + rng_.below(rng_.below(4) == 0 ? 64 : 4));
      switch (rng_.below(8)) {
        case 0:
          if (at < input.size()) input[at] = static_cast<char>(input[at] ^ (1 << rng_.below(8)));
          break;
        case 1:
          if (at < input.size()) input[at] = static_cast<char>(rng_.below(256));
          break;
        case 2: input.erase(at, count); break;
        case 3: input.insert(at, 1 + rng_.below(8), static_cast<char>(rng_.below(256))); break;
        case 4: input.insert(at, kTokens[rng_.below(std::size(kTokens))]); break;
        case 5: input.insert(rng_.below(input.size() + 1), input.substr(at, count)); break;
        case 6: {  // A number becomes another: the ends of its range, or one more or less.
          static constexpr std::uint64_t kNumbers[] = {0,          1,          0x7f,       0xff, 0xffff,
                                                       0x7fffffff, 0xffffffff, 1ull << 63, ~0ull};
          const std::uint64_t number = kNumbers[rng_.below(std::size(kNumbers))];
          std::memcpy(input.data() + at, &number, std::min<std::size_t>({8, input.size() - at, 1ull << rng_.below(4)}));
          break;
        }
        default: {  // A piece of another.
          const std::string& other = kept_[rng_.below(kept_.size())];
          const std::size_t from = rng_.below(other.size() + 1);
          input.replace(at, count, other.substr(from, 1 + rng_.below(64)));
        }
      }
    }
    input.resize(std::min(input.size(), kLongest));
    return input;
  }

  // The shortest first, those that reach something that the ones before did not.
  std::size_t keep() {
    if (all_.empty()) return 0;  // Built without coverage: nothing is known about any of them.
    const std::filesystem::path folder = TIDECAST_ROOT "/tests/fuzz/corpus/" + target_.name;
    std::filesystem::remove_all(folder);
    CHECK(make_folders(folder).ok());
    std::ranges::stable_sort(kept_, {}, &std::string::size);
    std::set<std::uint32_t> so_far;
    std::size_t count = 0;
    for (const std::string& input : kept_) {
      const std::size_t known = so_far.size();
      so_far.merge(reach(input));
      if (so_far.size() == known) continue;
      const std::filesystem::path file = folder / sha256_hex(input).substr(0, 16);
      CHECK(FileWriter::create(file).value().write(input).ok());
      ++count;
    }
    return count;
  }

  const Target& target_;
  Rng rng_;
  Witness witness_;
  std::vector<std::string> kept_;
  std::set<std::uint32_t> all_;
};

}  // namespace
}  // namespace tidecast::fuzz

int main(int argc, char** argv) {
  using namespace tidecast::fuzz;
  tidecast::set_log_level(tidecast::LogLevel::kOff);
  const std::string name = argc > 1 ? argv[1] : "all";
  const std::chrono::seconds time(argc > 2 ? std::stoi(argv[2]) : 60);
  bool any = false;
  for (const Target* target : targets()) {
    if (name != "all" && name != target->name) continue;
    any = true;
    Fuzzer(*target, argc > 3 ? std::stoull(argv[3]) : 1).run(time);
  }
  if (any) return 0;
  std::cerr << "no such target: " << name << "; there are:";
  for (const Target* target : targets()) std::cerr << ' ' << target->name;
  std::cerr << '\n';
  return 2;
}
