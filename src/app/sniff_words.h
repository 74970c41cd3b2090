#pragma once
// What the names of columns let one guess.  Pure; for `tidecast init`.

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace tidecast {

// The words of a name, in lower case: "startedAt", "Started At" and "started_at" are all started, at.
std::vector<std::string> words_of(std::string_view name);

// Whether a word begins with one of `beginnings`, or is one of `whole`.
bool has_word(const std::vector<std::string>& words, std::initializer_list<std::string_view> beginnings,
              std::initializer_list<std::string_view> whole = {});

// Points for a column of this name as what the function is called after; the most points win.  Below 0: only if nothing
// else is there, and below -50: never.
int points_as_id(const std::vector<std::string>& words);  // 0: a name of no identifier.
int points_as_time(const std::vector<std::string>& words, bool number);
int points_as_arrival(const std::vector<std::string>& words);
int points_as_amount(const std::vector<std::string>& words);  // Worth an average.

// A name that the definition file takes, near to this one: letters, digits, _, and - where `dashes`.
std::string plain_name(std::string_view name, bool dashes = false);

}  // namespace tidecast
