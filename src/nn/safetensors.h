#pragma once
// The safetensors format (https://github.com/huggingface/safetensors): 8 bytes little-endian length of a JSON header,
// the header {"name": {"dtype", "shape", "data_offsets": [begin, end]}, "__metadata__": {text: text}}, then raw
// little-endian numbers. Nothing in it can run.  Reading trusts no number it finds.

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tidecast::nn {

struct TensorView {
  std::string dtype;  // "F32", "I64", ...
  std::vector<std::int64_t> shape;
  std::string_view bytes;  // Points into the text given to parse(); exactly shape x size of dtype.

  // The numbers, copied.  Errors: kInvalidArgument - not F32.
  Result<std::vector<float>> floats() const;
};

struct Safetensors {
  std::map<std::string, std::string, std::less<>> metadata;
  std::map<std::string, TensorView, std::less<>> tensors;

  // The numbers of a tensor of this shape.  Errors: kInvalidArgument - absent, another shape, not F32.
  Result<std::vector<float>> floats(std::string_view name, std::span<const std::int64_t> shape) const;
};

// Errors: kInvalidArgument - cut short, a header that is no JSON or not of this form, offsets outside the file or not
// of the tensor's size.  The result points into `file`.
Result<Safetensors> parse_safetensors(std::string_view file);

struct NamedTensor {
  std::string name;
  std::vector<std::int64_t> shape;
  std::span<const float> values;
};
// The same arguments give the same bytes; tensors begin at multiples of 8 bytes as the format asks.
std::string write_safetensors(const std::map<std::string, std::string>& metadata, std::span<const NamedTensor> tensors);

}  // namespace tidecast::nn
