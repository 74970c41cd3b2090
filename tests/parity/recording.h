#pragma once
// What GluonTS 0.17 computed, recorded by its own code: tensors and the case they belong to, from tests/parity/data.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "nn/safetensors.h"

namespace tidecast {

class Recording {
 public:
  explicit Recording(const std::string& name) {
    std::ifstream stream(TIDECAST_ROOT "/tests/parity/data/" + name + ".safetensors", std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(stream), {});
    file_ = nn::parse_safetensors(bytes_).value();
    about_ = parse_json(file_.metadata.at("case")).value();
  }
  std::vector<float> floats(const std::string& name) const { return file_.tensors.at(name).floats().value(); }
  std::int64_t extent(const std::string& name, std::size_t axis) const { return file_.tensors.at(name).shape.at(axis); }
  const json::value& about(const char* key) const { return about_.at(key); }

 private:
  std::string bytes_;
  nn::Safetensors file_;
  json::value about_;
};

// The largest difference over the largest magnitude of the tensor.
inline void expect_close(std::span<const float> ours, std::span<const float> theirs, double tolerance,
                         const std::string& what) {
  ASSERT_EQ(ours.size(), theirs.size()) << what;
  double most = 0, difference = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    most = std::max(most, std::abs(static_cast<double>(theirs[i])));
    difference = std::max(difference, std::abs(static_cast<double>(ours[i]) - static_cast<double>(theirs[i])));
  }
  EXPECT_LE(difference, tolerance * most) << what << ": " << difference / most << " of its largest";
}

}  // namespace tidecast
