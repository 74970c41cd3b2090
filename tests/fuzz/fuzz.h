#pragma once
// What a fuzzer throws bytes at.  A target must take any bytes; it crashes (CHECK, sanitizers) where something is
// wrong. A file of targets/ registers each of its own:
//
//   const fuzz::Target decoder{"decoder", [](std::string_view bytes) { ... }, {R"({"id":"a","t":1})"}};

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tidecast::fuzz {

struct Target {
  // `seeds`: well-formed inputs to begin with.
  Target(std::string name, std::function<void(std::string_view)> run, std::vector<std::string> seeds);

  std::string name;
  std::function<void(std::string_view)> run;
  std::vector<std::string> seeds;
};

// By name; they live as long as the program.
std::vector<const Target*> targets();

// The inputs that are kept for a target, in tests/fuzz/corpus/<name>, by file name, and its seeds.
std::vector<std::string> corpus(const Target& target);

}  // namespace tidecast::fuzz
