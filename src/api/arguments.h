#pragma once
// What came with a request - path, query, headers, JSON body - checked against the schemas of the operation's table.
// Private to this room.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "net/http.h"

namespace tidecast {

struct Operation;

// Values by name, as their schemas demand them; defaults are filled in.  Asking for a name that the operation's table
// does not have as that type is a bug.
class Arguments {
 public:
  bool has(std::string_view name) const { return values_.contains(name); }
  std::int64_t integer(std::string_view name) const { return values_.at(name).as_int64(); }
  std::string text(std::string_view name) const;  // "" where it is left out.
  std::optional<std::string> text_if(std::string_view name) const {
    return has(name) ? std::optional(text(name)) : std::nullopt;
  }
  const json::value& value(std::string_view name) const { return values_.at(name); }
  std::vector<double> numbers(std::string_view name) const;  // Empty where it is left out.

  json::object& values() { return values_; }
  const json::object& values() const { return values_; }

 private:
  json::object values_;
};

// "a/b" of "a%2Fb"; with `plus`, a space of '+'.  nullopt: '%' without two hexadecimal digits.
enum class Plus { kIsPlus, kIsSpace };
std::optional<std::string> percent_decoded(std::string_view text, Plus plus);
// The other way round, everything but letters, digits and -._~ in hexadecimal.
std::string percent_encoded(std::string_view text);

// `path_values`: of the template's {names}, decoded.  Or what is wrong, as an answer: 400, 415.
struct Checked {
  Arguments arguments;
  std::optional<HttpResponse> refusal;
};
Checked check_request(const Operation& operation, const HttpRequest& request,
                      const std::map<std::string, std::string>& path_values);

}  // namespace tidecast
