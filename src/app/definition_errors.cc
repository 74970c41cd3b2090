#include "app/definition_errors.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace tidecast {
namespace {

constexpr std::string_view kIndent = "    ";
constexpr std::size_t kLongestLine = 100;  // Characters of a source line that are shown at most,
constexpr std::size_t kBeforeMark = 50;    // so many of them before the mark.

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }

// The characters [from, from + count) of `text`.
std::string characters(std::string_view text, std::size_t from, std::size_t count) {
  std::string out;
  std::size_t at = 0;
  for (const char c : text) {
    if (begins_character(c)) ++at;
    if (at > from && at <= from + count) out += c == '\t' || c == '\r' ? ' ' : c;
  }
  return out;
}

std::size_t length_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), begins_character));
}

// Edit distance with swaps of neighbours (optimal string alignment), letters' case aside.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool equal = lower(a[i - 1]) == lower(b[j - 1]);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (equal ? 0 : 1)});
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]))
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace

std::string to_text(const DefinitionError& error, std::string_view file_name) {
  std::string out = fmt::format("{}:{}:{}: ", file_name, error.line, error.column);
  if (!error.path.empty()) out += error.path + ": ";
  out += error.found;

  // The line from its first character that is no space on; a very long one only round the mark.
  const std::size_t mark = static_cast<std::size_t>(std::max(error.column, 1)) - 1;
  std::size_t first = std::min(error.source.find_first_not_of(" \t\r"), error.source.size());
  first = std::min(first, mark);
  const std::size_t length = length_of(error.source);
  std::string_view head, tail;
  if (length - std::min(first, length) > kLongestLine && mark > first + kBeforeMark) {
    first = mark - kBeforeMark;
    head = "... ";
  }
  if (length > first + kLongestLine) tail = " ...";
  std::string line = characters(error.source, first, kLongestLine);
  while (!line.empty() && line.back() == ' ') line.pop_back();
  if (!line.empty()) out += fmt::format("\n{}{}{}{}", kIndent, head, line, tail);

  std::string advice = error.allowed.empty() ? "" : " allowed: " + error.allowed + ".";
  if (!error.nearest.empty())
    advice += fmt::format(" Did you mean '{}'?", error.nearest);
  else if (!advice.empty())
    advice.pop_back();
  if (line.empty()) {  // Nothing stands there that could be marked: an empty file, or its end.
    if (!advice.empty()) out += fmt::format("\n{}{}", kIndent, advice.substr(1));
    return out;
  }
  const std::size_t room = length_of(line) > mark - first ? length_of(line) - (mark - first) : 1;
  const std::size_t width = std::clamp<std::size_t>(static_cast<std::size_t>(std::max(error.width, 1)), 1, room);
  out += fmt::format("\n{}{:{}}^{:~<{}}{}", kIndent, "", head.size() + mark - first, "", width - 1, advice);
  return out;
}

std::string to_text(std::span<const DefinitionError> errors, std::string_view file_name) {
  std::string out;
  for (const DefinitionError& error : errors) out += (out.empty() ? "" : "\n") + to_text(error, file_name);
  return out;
}

std::string nearest_word(std::string_view word, std::span<const std::string_view> words, Synonyms synonyms) {
  for (const auto& [written, ours] : synonyms)
    if (word == written) return std::string(ours);
  constexpr std::size_t kLongestWord = 64;  // Nobody misspells a longer one into ours.
  if (word.empty() || word.size() > kLongestWord) return "";
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const std::string_view candidate : words) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance && distance < candidate.size()) best = candidate, best_distance = distance;
  }
  if (!best.empty() || word.size() < 3) return std::string(best);
  for (const std::string_view candidate : words)
    if (candidate.starts_with(word) || (candidate.size() >= 3 && word.starts_with(candidate)))
      return std::string(candidate);
  return "";
}

}  // namespace tidecast
