#pragma once
// Rows of CSV (RFC 4180) taken apart, and as JSON.  Pure.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tidecast {

// The fields of one row.  Strict: a quote stands at the beginning of a field and at its end, and twice for one inside.
class CsvRow {
 public:
  explicit CsvRow(char delimiter) : delimiter_(delimiter) {}

  enum class State {
    kWhole,
    kOpen,    // The line ends inside of quotes: parse() again, with the next line too.
    kBroken,  // A quote where none belongs.
  };
  // `row` begins with the row and ends with one of its lines, without that line's end.  What was looked at before is
  // not looked at again.
  State parse(std::string_view row);
  void clear();  // Before the next row.

  std::size_t size() const { return fields_.size(); }
  // What a field says, its quotes taken off; `row` as it was parsed.  Valid until the next call.
  std::string_view field(std::string_view row, std::size_t i);

 private:
  struct Field {
    std::size_t begin, end;  // Inside of the quotes.
    bool doubled;            // It has quotes, twice each.
  };
  char delimiter_;
  std::vector<Field> fields_;
  std::size_t at_ = 0;   // The next byte to be looked at,
  bool quoted_ = false;  // inside the quotes of the last of the fields.
  std::string buffer_;
};

// A row as one JSON object on one line.  A value that is a number by JSON's grammar, true or false stands as it is
// written; an empty one is null; all else is a text.  Quotes in the CSV mean nothing but themselves.  The same row
// always gives the same bytes.
class CsvObject {
 public:
  // An empty name is replaced by c1, c2, ... by its place; one that was there already gets _2, _3, ...
  explicit CsvObject(std::vector<std::string> columns);

  std::size_t size() const { return keys_.size(); }
  // `fields` are as many.
  void append(std::string_view row, CsvRow& fields, std::string& out) const;

 private:
  std::vector<std::string> keys_;  // {"first": and then ,"second":
};

// Exactly the grammar of RFC 8259, section 6.
bool is_json_number(std::string_view text);

// In quotes, escaped where JSON wants it.
void append_json_text(std::string_view text, std::string& out);

}  // namespace tidecast
