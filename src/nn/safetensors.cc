#include "nn/safetensors.h"

#include <bit>
#include <cstring>

#include "base/json.h"

namespace tidecast::nn {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are copied as they lie in the file");

constexpr std::size_t kLengthBytes = 8;
constexpr std::uint64_t kHeaderMax = 16u << 20;  // A model's header is a few kilobytes.

std::size_t size_of(std::string_view dtype) {
  if (dtype == "F64" || dtype == "I64" || dtype == "U64") return 8;
  if (dtype == "F32" || dtype == "I32" || dtype == "U32") return 4;
  if (dtype == "F16" || dtype == "BF16" || dtype == "I16" || dtype == "U16") return 2;
  if (dtype == "I8" || dtype == "U8" || dtype == "BOOL") return 1;
  return 0;
}

// A whole number from 0 to `most`; anything else in a header is an error.
Result<std::uint64_t> whole(const json::value& value, std::uint64_t most) {
  if (value.is_int64() && value.get_int64() >= 0 && static_cast<std::uint64_t>(value.get_int64()) <= most)
    return static_cast<std::uint64_t>(value.get_int64());
  return invalid_argument("found {}; allowed: whole numbers from 0 to {}", to_text(value), most);
}

Result<TensorView> parse_tensor(const json::value& value, std::string_view data) {
  const json::object* fields = value.if_object();
  if (!fields) return invalid_argument("found {}; allowed: an object", to_text(value));
  const json::value* dtype = fields->if_contains("dtype");
  const json::value* shape = fields->if_contains("shape");
  const json::value* offsets = fields->if_contains("data_offsets");
  if (!dtype || !dtype->is_string() || !shape || !shape->is_array() || !offsets || !offsets->is_array() ||
      offsets->get_array().size() != 2)
    return invalid_argument("found {}; allowed: dtype, shape and two data_offsets", to_text(value));

  TensorView tensor{.dtype = std::string(dtype->get_string()), .shape = {}, .bytes = {}};
  const std::size_t element = size_of(tensor.dtype);
  if (element == 0) return invalid_argument("dtype '{}' is not known", tensor.dtype);
  std::uint64_t bytes = element;
  for (const json::value& extent : shape->get_array()) {
    const std::uint64_t n = TRY(whole(extent, data.size()).in("shape"));
    if (__builtin_mul_overflow(bytes, n, &bytes)) return invalid_argument("shape: too large");
    tensor.shape.push_back(static_cast<std::int64_t>(n));
  }
  const std::uint64_t begin = TRY(whole(offsets->get_array()[0], data.size()).in("data_offsets"));
  const std::uint64_t end = TRY(whole(offsets->get_array()[1], data.size()).in("data_offsets"));
  if (end < begin || end - begin != bytes)
    return invalid_argument("data_offsets [{}, {}) hold not the {} bytes of its shape", begin, end, bytes);
  tensor.bytes = data.substr(begin, bytes);
  return tensor;
}

}  // namespace

Result<std::vector<float>> TensorView::floats() const {
  if (dtype != "F32") return invalid_argument("dtype is {}; allowed: F32", dtype);
  std::vector<float> values(bytes.size() / sizeof(float));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

Result<std::vector<float>> Safetensors::floats(std::string_view name, std::span<const std::int64_t> shape) const {
  const auto found = tensors.find(name);
  if (found == tensors.end()) return invalid_argument("tensor '{}' is missing", name);
  const std::vector<std::int64_t>& has = found->second.shape;
  if (!std::equal(has.begin(), has.end(), shape.begin(), shape.end()))
    return invalid_argument("tensor '{}' has shape [{}]; allowed: [{}]", name, fmt::join(has, ", "),
                            fmt::join(shape, ", "));
  return found->second.floats().in(name);
}

Result<Safetensors> parse_safetensors(std::string_view file) {
  if (file.size() < kLengthBytes) return invalid_argument("{} bytes; a safetensors file has at least 8", file.size());
  std::uint64_t length = 0;
  std::memcpy(&length, file.data(), kLengthBytes);
  if (length > kHeaderMax || length > file.size() - kLengthBytes)
    return invalid_argument("byte 0: a header of {} bytes in a file of {}", length, file.size());
  const json::value header = TRY(parse_json(file.substr(kLengthBytes, length)).in("header"));
  if (!header.is_object()) return invalid_argument("header: not a JSON object");

  const std::string_view data = file.substr(kLengthBytes + length);
  Safetensors result;
  for (const auto& [key, value] : header.get_object()) {
    if (key == "__metadata__") {
      if (!value.is_object()) return invalid_argument("header: __metadata__ is not an object");
      for (const auto& [name, text] : value.get_object()) {
        if (!text.is_string())
          return invalid_argument("header: __metadata__: '{}' is not a text", std::string_view(name));
        result.metadata.emplace(name, text.get_string());
      }
      continue;
    }
    TensorView tensor = TRY(parse_tensor(value, data).in(fmt::format("tensor '{}'", std::string_view(key))));
    result.tensors.emplace(key, std::move(tensor));
  }
  return result;
}

std::string write_safetensors(const std::map<std::string, std::string>& metadata,
                              std::span<const NamedTensor> tensors) {
  json::object header;
  if (!metadata.empty()) {
    json::object entries;
    for (const auto& [name, text] : metadata) entries.emplace(name, text);
    header.emplace("__metadata__", std::move(entries));
  }
  std::string data;
  for (const NamedTensor& tensor : tensors) {
    const std::size_t begin = data.size();
    data.append(reinterpret_cast<const char*>(tensor.values.data()), tensor.values.size_bytes());
    header.emplace(tensor.name, json::object{{"dtype", "F32"},
                                             {"shape", json::array(tensor.shape.begin(), tensor.shape.end())},
                                             {"data_offsets", json::array{begin, data.size()}}});
  }
  std::string text = to_text(header);
  while (text.size() % kLengthBytes != 0) text += ' ';
  const std::uint64_t length = text.size();
  std::string file(reinterpret_cast<const char*>(&length), kLengthBytes);
  return file + text + data;
}

}  // namespace tidecast::nn
