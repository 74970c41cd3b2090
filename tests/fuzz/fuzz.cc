#include "fuzz.h"

#include <algorithm>
#include <filesystem>

#include "storage/file.h"

namespace tidecast::fuzz {
namespace {

std::vector<const Target*>& registered() {
  static std::vector<const Target*> all;
  return all;
}

}  // namespace

Target::Target(std::string its_name, std::function<void(std::string_view)> its_run, std::vector<std::string> its_seeds)
    : name(std::move(its_name)), run(std::move(its_run)), seeds(std::move(its_seeds)) {
  registered().push_back(this);
}

std::vector<const Target*> targets() {
  auto all = registered();
  std::ranges::sort(all, {}, [](const Target* target) { return target->name; });
  return all;
}

std::vector<std::string> corpus(const Target& target) {
  std::vector<std::filesystem::path> files;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(TIDECAST_ROOT "/tests/fuzz/corpus/" + target.name, none))
    files.push_back(entry.path());
  std::ranges::sort(files);
  std::vector<std::string> inputs = target.seeds;
  for (const auto& file : files) inputs.push_back(read_file(file).value());
  return inputs;
}

}  // namespace tidecast::fuzz
