#include "app/sniff_words.h"

#include <algorithm>

#include "base/ascii.h"

namespace tidecast {
namespace {

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

using List = std::initializer_list<std::string_view>;

}  // namespace

std::vector<std::string> words_of(std::string_view name) {
  std::vector<std::string> words;
  bool open = false;  // The last word goes on.
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    if (!is_lower(c) && !is_upper(c) && !is_digit(c)) {
      open = false;
      continue;
    }
    const bool hump = is_upper(c) && i > 0 && !is_upper(name[i - 1]);
    if (!open || hump) words.emplace_back();
    words.back() += is_upper(c) ? static_cast<char>(c + 32) : c;
    open = true;
  }
  return words;
}

bool has_word(const std::vector<std::string>& words, List beginnings, List whole) {
  return std::any_of(words.begin(), words.end(), [&](const std::string& word) {
    return std::find(whole.begin(), whole.end(), word) != whole.end() ||
           std::any_of(beginnings.begin(), beginnings.end(), [&](auto begin) { return word.starts_with(begin); });
  });
}

int points_as_id(const std::vector<std::string>& words) {
  if (!has_word(words, {"uuid", "guid", "hash", "txid", "sha"}, {"id", "key"})) return 0;
  if (has_word(words, {}, {"key"})) return 30;
  return words.size() == 1 ? 100 : has_word(words, {}, {"event", "record", "message", "transaction"}) ? 80 : 60;
}

int points_as_time(const std::vector<std::string>& words, bool number) {
  if (has_word(words, {"expir", "due", "deadline", "until", "birth", "valid", "next"}, {"dob"})) return -100;
  int points = 0;
  const bool time = has_word(words, {"time", "date"}, {"ts", "t", "at", "when", "epoch"});
  const bool first = has_word(words, {"start", "begin", "creat", "publish", "occur", "event", "pickup"});
  if (words.size() == 1 && time)
    points = 50;
  else if (first)
    points = 40;
  else if (time)
    points = 20;
  // Many numbers look like a time; a text does not by chance.
  else
    points = number ? -100 : -10;
  return points_as_arrival(words) > 0 ? points - 30 : points;
}

int points_as_arrival(const std::vector<std::string>& words) {
  if (has_word(words, {"expir", "due", "deadline", "until", "birth", "valid", "next"})) return -100;
  if (has_word(words, {"arriv", "receiv", "ingest"})) return 60;
  return has_word(words, {"updat", "modif", "end", "stop", "finish", "complet", "process", "deliver", "dropoff", "seen",
                          "logged"})
             ? 30
             : 0;
}

int points_as_amount(const std::vector<std::string>& words) {
  if (has_word(words, {"uuid", "index", "zip", "year", "month", "lat", "lon", "version", "code", "port"},
               {"id", "lng", "day", "hour", "key", "number", "type"}))
    return -100;
  if (has_word(words, {"amount", "fee",   "price",  "size",   "duration", "value", "mag",    "byte",
                       "total",  "cost",  "latenc", "volume", "quantit",  "temp",  "speed",  "distance",
                       "token",  "added", "score",  "count",  "weight",   "load",  "elapsed"}))
    return 30;
  return 0;
}

std::string plain_name(std::string_view name, bool dashes) {
  std::string out;
  for (const char c : name) {
    if (is_lower(c) || is_upper(c) || is_digit(c) || c == '_' || (dashes && c == '-'))
      out += c;
    else if (!out.empty() && out.back() != '_')
      out += dashes ? '-' : '_';
  }
  while (!out.empty() && (out.back() == '_' || out.back() == '-')) out.pop_back();
  while (!out.empty() && out.front() == '-') out.erase(0, 1);
  if (out.empty()) return "x";
  if (is_digit(out[0])) out.insert(out.begin(), '_');
  if (out.size() > 40) out.resize(40);
  // Words that YAML takes for something else.
  for (const std::string_view word : {"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
    if (lower(out) == word) return out + "_";
  return out;
}

}  // namespace tidecast
