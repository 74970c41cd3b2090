#include "sources/csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <set>

namespace tidecast {

void CsvRow::clear() {
  fields_.clear();
  at_ = 0;
  quoted_ = false;
}

CsvRow::State CsvRow::parse(std::string_view row) {
  for (;;) {
    if (!quoted_) {  // At the beginning of a field.
      if (at_ == row.size() || row[at_] != '"') {
        const std::size_t end = std::min(row.find(delimiter_, at_), row.size());
        if (std::memchr(row.data() + at_, '"', end - at_) != nullptr) return State::kBroken;
        fields_.push_back({at_, end, false});
        at_ = end;
      } else {
        fields_.push_back({++at_, 0, false});
        quoted_ = true;
      }
    }
    if (quoted_) {
      for (;;) {
        const std::size_t quote = row.find('"', at_);
        if (quote == row.npos) {
          at_ = row.size();
          return State::kOpen;
        }
        at_ = quote + 1;
        if (at_ == row.size() || row[at_] != '"') break;
        fields_.back().doubled = true;
        ++at_;
      }
      fields_.back().end = at_ - 1;
      quoted_ = false;
      if (at_ < row.size() && row[at_] != delimiter_) return State::kBroken;
    }
    if (at_ == row.size()) return State::kWhole;
    ++at_;  // Past the delimiter.
  }
}

std::string_view CsvRow::field(std::string_view row, std::size_t i) {
  const Field& field = fields_[i];
  const std::string_view text = row.substr(field.begin, field.end - field.begin);
  if (!field.doubled) return text;
  buffer_.clear();
  for (std::size_t at = 0; at < text.size(); ++at) {
    buffer_ += text[at];
    if (text[at] == '"') ++at;
  }
  return buffer_;
}

bool is_json_number(std::string_view text) {
  std::size_t at = 0;
  const auto digits = [&] {
    const std::size_t begin = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    return at - begin;
  };
  if (at < text.size() && text[at] == '-') ++at;
  const bool zero = at < text.size() && text[at] == '0';
  if (const std::size_t whole = digits(); whole == 0 || (zero && whole > 1)) return false;
  if (at < text.size() && text[at] == '.') {
    ++at;
    if (digits() == 0) return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (digits() == 0) return false;
  }
  return at == text.size();
}

void append_json_text(std::string_view text, std::string& out) {
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20)
          out += fmt::format("\\u{:04x}", c);
        else
          out += c;
    }
  }
  out += '"';
}

CsvObject::CsvObject(std::vector<std::string> columns) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const std::string base = columns[i].empty() ? fmt::format("c{}", i + 1) : std::move(columns[i]);
    std::string name = base;
    for (int n = 2; !names.insert(name).second; ++n) name = fmt::format("{}_{}", base, n);
    std::string& key = keys_.emplace_back(i == 0 ? "{" : ",");
    append_json_text(name, key);
    key += ':';
  }
}

void CsvObject::append(std::string_view row, CsvRow& fields, std::string& out) const {
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    out += keys_[i];
    const std::string_view value = fields.field(row, i);
    if (value.empty())
      out += "null";
    else if (value == "true" || value == "false" || is_json_number(value))
      out += value;
    else
      append_json_text(value, out);
  }
  out += '}';
}

}  // namespace tidecast
