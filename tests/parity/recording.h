#pragma once
// What GluonTS 0.17 computed, recorded by its own code: tensors and the case they belong to, from tests/parity/data.
// Each file there is a case, so a new recording needs no line anywhere.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "deepar/window.h"
#include "nn/safetensors.h"

namespace tidecast {

inline const std::filesystem::path kRecordings = TIDECAST_ROOT "/tests/parity/data";

inline std::vector<std::string> recordings() {
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(kRecordings))
    if (file.path().extension() == ".safetensors") names.push_back(file.path().stem().string());
  std::ranges::sort(names);
  return names;
}

class Recording {
 public:
  explicit Recording(const std::string& name) {
    std::ifstream stream(kRecordings / (name + ".safetensors"), std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(stream), {});
    file_ = nn::parse_safetensors(bytes_).value();
    about_ = parse_json(file_.metadata.at("case")).value();
    read_series();
    read_spec();
  }
  std::vector<float> floats(const std::string& name) const { return file_.tensors.at(name).floats().value(); }
  const json::value& about(const char* key) const { return about_.at(key); }
  int whole(const char* key) const { return static_cast<int>(about_.at(key).as_int64()); }
  const deepar::ModelSpec& spec() const { return spec_; }
  // Of each the last window was recorded.
  const std::vector<TimeSeries>& series() const { return series_; }

 private:
  void read_series() {
    std::string start(about_.at("start").as_string());  // "2024-02-27 05:00" or "2019-12-30"
    if (start.size() > 10) start += ":00Z";
    for (const json::value& row : about_.at("series").as_array()) {
      TimeSeries& one = series_.emplace_back();
      one.start = EventTime::from_ms(parse_rfc3339(start).value());
      one.step = parse_frequency(about_.at("freq").as_string()).value();
      for (const json::value& value : row.at("target").as_array())
        one.values.push_back(value.is_null() ? std::nan("") : value.to_number<double>());
      for (const json::value& code : row.at("cat").as_array())
        one.categories.push_back(static_cast<int>(code.as_int64()));
      for (const json::value& real : row.at("static_real").as_array())
        one.static_reals.push_back(real.to_number<double>());
    }
  }
  void read_spec() {
    spec_ = deepar::gluonts_spec(series_[0].step, whole("prediction_length"), whole("context_length"));
    spec_.embeddings.clear();
    for (const json::value& of : about_.at("cardinality").as_array()) {
      const int cardinality = static_cast<int>(of.as_int64());
      spec_.embeddings.push_back({cardinality, deepar::gluonts_embedding_dimension(cardinality)});
    }
    if (!about_.at("scaling").as_bool()) spec_.scaling = deepar::Scaling::kNone;
    spec_.head = nn::head_of(about_.at("head").as_string()).value();
    if (spec_.head == nn::Head::kBeta || spec_.head == nn::Head::kGamma) spec_.filler = 0.5;
    spec_.static_reals = std::max(1, static_cast<int>(series_[0].static_reals.size()));
    spec_.cells = whole("num_cells");
    spec_.layers = whole("num_layers");
  }

  std::string bytes_;
  nn::Safetensors file_;
  json::value about_;
  deepar::ModelSpec spec_;
  std::vector<TimeSeries> series_;
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
