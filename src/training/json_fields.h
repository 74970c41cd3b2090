#pragma once
// A struct as a JSON object, its format stated once for both directions.  For each struct S there is
//
//   template <typename Fields, typename S>
//   Status fields_of(Fields& fields, S& value) { return fields("key", value.member); }
//
// called with a FieldWriter and a const value, or with a FieldReader and a value to fill.  Members may be numbers,
// bools, text, times, frequencies, vectors, optionals (null) and structs of that kind.  NaN is null; an infinity has no
// text and is refused.
//
// Reading is simdjson's on-demand parsing: values go straight into their members, without a tree of a hundred thousand
// nodes between, and every double comes back bit for bit, the sign of a zero too.

#include <simdjson.h>

#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "flow/frequency.h"

namespace tidecast {

template <typename T>
inline constexpr bool is_vector = false;
template <typename T>
inline constexpr bool is_vector<std::vector<T>> = true;
template <typename T>
inline constexpr bool is_optional = false;
template <typename T>
inline constexpr bool is_optional<std::optional<T>> = true;

class FieldWriter {
 public:
  // Errors: kInvalidArgument - an infinity, with its path.
  template <typename T>
  Status operator()(std::string_view key, const T& value) {
    object_[key] = TRY(written(value, path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key)));
    return ok();
  }

  json::object take() && { return std::move(object_); }

 private:
  template <typename T>
  static Result<json::value> written(const T& value, const std::string& path) {
    if constexpr (std::is_same_v<T, double>) {
      if (std::isinf(value)) return invalid_argument("{}: found an infinity, allowed is a number or NaN", path);
      return json::value(value);  // base/json.h prints NaN as null.
    } else if constexpr (std::is_arithmetic_v<T>) {
      return json::value(value);
    } else if constexpr (std::is_same_v<T, std::string>) {
      return json::value(json::string(value));
    } else if constexpr (std::is_same_v<T, EventTime>) {
      return json::value(value.ms());
    } else if constexpr (std::is_same_v<T, Milliseconds>) {
      return json::value(value.count());
    } else if constexpr (std::is_same_v<T, Frequency>) {
      return json::value(to_text(value));
    } else if constexpr (is_optional<T>) {
      if (!value) return json::value(nullptr);
      return written(*value, path);
    } else if constexpr (is_vector<T>) {
      json::array items;
      items.reserve(value.size());
      for (std::size_t i = 0; i < value.size(); ++i)
        items.push_back(TRY(written(value[i], fmt::format("{}[{}]", path, i))));
      return json::value(std::move(items));
    } else {
      FieldWriter inner;
      inner.path_ = path;
      TRY(fields_of(inner, value));
      return json::value(std::move(inner.object_));
    }
  }

  std::string path_;
  json::object object_;
};

class FieldReader {
 public:
  // `object` must outlive the reader, and so must the text behind it; `path` begins every error.
  FieldReader(simdjson::ondemand::object object, std::string path) : object_(object), path_(std::move(path)) {}

  const std::string& path() const { return path_; }

  // Errors: kDataLoss - the key is missing, or its value of another kind: path, what was found, what is allowed.
  template <typename T>
  Status operator()(std::string_view key, T& value) {
    const std::string path = fmt::format("{}: {}", path_, key);
    simdjson::ondemand::value found;
    const auto error = object_.find_field_unordered(key).get(found);
    if (error == simdjson::NO_SUCH_FIELD) return data_loss("{}: missing", path);
    if (error) return data_loss("{}: {}", path, simdjson::error_message(error));
    return read(found, value, path);
  }

 private:
  using Value = simdjson::ondemand::value;

  static Status unexpected(Value& value, const std::string& path, std::string_view allowed) {
    std::string_view found = value.raw_json_token();
    found = found.substr(0, found.find_last_not_of(" \t\r\n") + 1);
    constexpr std::size_t kLongest = 40;
    return data_loss("{}: found {}{}, allowed is {}", path, found.substr(0, kLongest),
                     found.size() > kLongest ? "..." : "", allowed);
  }

  template <typename T>
  static Status read_as(Value& value, T& out, const std::string& path, std::string_view allowed) {
    return value.get(out) ? unexpected(value, path, allowed) : ok();
  }

  template <typename T>
  static Status read(Value& value, T& out, const std::string& path) {
    if constexpr (std::is_same_v<T, double>) {
      if (is_null(value)) {
        out = std::numeric_limits<double>::quiet_NaN();
        return ok();
      }
      return read_as(value, out, path, "a number or null");
    } else if constexpr (std::is_same_v<T, bool>) {
      return read_as(value, out, path, "true or false");
    } else if constexpr (std::is_same_v<T, std::uint64_t>) {
      return read_as(value, out, path, "a whole number, 0 or more");
    } else if constexpr (std::is_same_v<T, std::int64_t>) {
      return read_as(value, out, path, "a whole number");
    } else if constexpr (std::is_same_v<T, int>) {
      std::int64_t wide = 0;
      if (value.get(wide) || wide < std::numeric_limits<int>::min() || wide > std::numeric_limits<int>::max())
        return unexpected(value, path, "a whole number of 32 bits");
      out = static_cast<int>(wide);
      return ok();
    } else if constexpr (std::is_same_v<T, std::string>) {
      std::string_view text;
      TRY(read_as(value, text, path, "text"));
      out = text;
      return ok();
    } else if constexpr (std::is_same_v<T, EventTime> || std::is_same_v<T, Milliseconds>) {
      std::int64_t ms = 0;
      TRY(read(value, ms, path));
      if constexpr (std::is_same_v<T, EventTime>)
        out = EventTime::from_ms(ms);
      else
        out = Milliseconds(ms);
      return ok();
    } else if constexpr (std::is_same_v<T, Frequency>) {
      std::string text;
      TRY(read(value, text, path));
      const auto frequency = parse_frequency(text);
      if (!frequency.ok()) return data_loss("{}: {}", path, frequency.message());
      out = frequency.value();
      return ok();
    } else if constexpr (is_optional<T>) {
      out.reset();
      return is_null(value) ? ok() : read(value, out.emplace(), path);
    } else if constexpr (is_vector<T>) {
      return read_items(value, out, path);
    } else {
      simdjson::ondemand::object object;
      TRY(read_as(value, object, path, "an object"));
      FieldReader inner(object, path);
      return fields_of(inner, out);
    }
  }

  template <typename T>
  static Status read_items(Value& value, std::vector<T>& out, const std::string& path) {
    simdjson::ondemand::array array;
    TRY(read_as(value, array, path, "an array"));
    out.clear();
    for (auto item : array) {
      const std::string item_path = fmt::format("{}[{}]", path, out.size());
      Value found;
      if (const auto error = item.get(found)) return data_loss("{}: {}", item_path, simdjson::error_message(error));
      TRY(read(found, out.emplace_back(), item_path));
    }
    return ok();
  }

  static bool is_null(Value& value) {
    bool null = false;
    return !value.is_null().get(null) && null;
  }

  simdjson::ondemand::object object_;
  std::string path_;
};

}  // namespace tidecast
