#pragma once
// What is wrong in a definition file, said so that it can be mended without looking anything up: where, which key, what
// was found, what is allowed, and the nearest right word.  One error looks like
//
//   tidecast.yaml:31:16: features[0].columns.avg_fee: 'mean' is no aggregate of mine
//       avg_fee: mean(fee)
//                ^~~~ allowed: count, sum, min, max, avg. Did you mean 'avg'?

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tidecast {

struct DefinitionError {
  int line = 1, column = 1;  // Of the first marked character, from 1; columns count characters, not bytes.
  int width = 1;             // Marked characters.
  std::string path;          // Key path: "features[0].columns.avg_fee"; "" is the whole file.
  std::string found;         // "'mean' is no aggregate of mine"
  std::string allowed;       // "count, sum, min, max, avg"; "" where there is nothing to choose.
  std::string nearest;       // What was probably meant; "" where nothing is near.
  std::string source;        // The line of the file, as it stands there.
};

// The text above, without a newline at its end.
std::string to_text(const DefinitionError& error, std::string_view file_name);
// All of them, one below the other, without a newline at the end.
std::string to_text(std::span<const DefinitionError> errors, std::string_view file_name);

// Words that people write for one of ours although no letter fits: {"mean", "avg"}.
using Synonyms = std::initializer_list<std::pair<std::string_view, std::string_view>>;

// The word of `words` that was probably meant by `word`: a synonym, the one it abbreviates or extends, or the nearest
// by edit distance (insert, delete, replace, swap two neighbours) if that is near enough.  "" if there is none.
std::string nearest_word(std::string_view word, std::span<const std::string_view> words, Synonyms synonyms = {});

}  // namespace tidecast
