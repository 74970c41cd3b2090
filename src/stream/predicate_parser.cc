#include <algorithm>
#include <charconv>
#include <cmath>

#include "stream/predicate_node.h"

namespace tidecast::predicate {
namespace {

constexpr int kDeepest = 64;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

struct Token {
  enum class Kind { kEnd, kWord, kNumber, kText, kSign };
  Kind kind = Kind::kEnd;
  std::size_t offset = 0;
  std::string_view raw{};
};

class Parser {
 public:
  Parser(std::string_view text, const EventMapping& event, Predicate::Fault& fault)
      : text_(text), event_(event), fault_(fault) {}

  Result<Node> parse() {
    TRY(next());
    Node root = TRY(condition());
    if (token_.kind != Token::Kind::kEnd) return expected("AND, OR, or the end");
    return root;
  }

 private:
  // ---- tokens -----------------------------------------------------------------------------------------------------

  Status wrong(std::size_t offset, std::size_t length, std::string found, std::string allowed) {
    fault_ = {offset, length, std::move(found), std::move(allowed)};
    return invalid_argument("{}; allowed: {}", fault_.found, fault_.allowed);
  }
  Status expected(std::string allowed) {
    return wrong(token_.offset, token_.raw.size(),
                 token_.kind == Token::Kind::kEnd ? "it ends too early" : fmt::format("found {}", token_.raw),
                 std::move(allowed));
  }

  Status next() {
    std::size_t i = token_.offset + token_.raw.size();
    while (i < text_.size() && (text_[i] == ' ' || text_[i] == '\t' || text_[i] == '\n' || text_[i] == '\r')) ++i;
    const std::size_t first = i;
    token_ = {Token::Kind::kEnd, first, {}};
    if (i == text_.size()) return ok();
    const char c = text_[i];
    if (is_letter(c)) {
      while (i < text_.size() && (is_letter(text_[i]) || is_digit(text_[i]))) ++i;
      token_.kind = Token::Kind::kWord;
    } else if (is_digit(c)) {
      while (i < text_.size() && (is_digit(text_[i]) || is_letter(text_[i]) || text_[i] == '.' ||
                                  ((text_[i] == '+' || text_[i] == '-') && (text_[i - 1] | 0x20) == 'e')))
        ++i;
      token_.kind = Token::Kind::kNumber;
    } else if (c == '\'') {
      do {  // Two quotes are one inside.
        i = text_.find('\'', i + 1);
        if (i == text_.npos) return wrong(first, text_.size() - first, "a text does not end", "'text'");
        ++i;
      } while (i < text_.size() && text_[i] == '\'');
      token_.kind = Token::Kind::kText;
    } else {
      const std::string_view two = text_.substr(i, 2);
      const bool one_of_two = two == "<>" || two == "!=" || two == "<=" || two == ">=";
      if (!one_of_two && std::string_view("=<>(),-").find(c) == std::string_view::npos) {
        ++i;  // All of a character of UTF-8.
        while (i < text_.size() && (static_cast<unsigned char>(text_[i]) & 0xc0) == 0x80) ++i;
        return wrong(first, i - first, fmt::format("found {}", text_.substr(first, i - first)),
                     "fields, numbers, 'texts', = <> < <= > >= ( ) , and words of SQL");
      }
      i += one_of_two ? 2 : 1;
      token_.kind = Token::Kind::kSign;
    }
    token_.raw = text_.substr(first, i - first);
    return ok();
  }

  bool is_word(std::string_view word) const {
    return token_.kind == Token::Kind::kWord &&
           std::ranges::equal(token_.raw, word, [](char a, char b) { return (a & ~0x20) == b; });
  }
  bool is_sign(std::string_view sign) const { return token_.kind == Token::Kind::kSign && token_.raw == sign; }
  Result<bool> take_word(std::string_view word) {
    if (!is_word(word)) return false;
    TRY(next());
    return true;
  }

  // ---- grammar ----------------------------------------------------------------------------------------------------

  // One or more of `part` with `word` between them.
  template <typename Part>
  Result<Node> joined(Node::Kind kind, std::string_view word, Part part) {
    Node first = TRY(part());
    if (!is_word(word)) return first;
    Node all{kind};
    all.children.push_back(std::move(first));
    while (TRY(take_word(word))) all.children.push_back(TRY(part()));
    return all;
  }

  Result<Node> condition() {
    if (++depth_ > kDeepest) return expected(fmt::format("at most {} levels", kDeepest));
    Node node = TRY(joined(Node::Kind::kOr, "OR",
                           [this] { return joined(Node::Kind::kAnd, "AND", [this] { return negatable(); }); }));
    --depth_;
    return node;
  }

  static Node negated(Node node) {
    Node negation{Node::Kind::kNot};
    negation.children.push_back(std::move(node));
    return negation;
  }

  Result<Node> negatable() {
    bool negative = false;
    while (TRY(take_word("NOT"))) negative = !negative;  // Unknown stays unknown however often.
    Node node = TRY(is_sign("(") ? parenthesized() : comparison());
    return negative ? negated(std::move(node)) : std::move(node);
  }

  Result<Node> parenthesized() {
    TRY(next());
    Node node = TRY(condition());
    if (!is_sign(")")) return expected("AND, OR, )");
    TRY(next());
    return node;
  }

  Result<Node> comparison() {
    const Token at = token_;
    Operand left = TRY(operand());
    constexpr std::pair<std::string_view, Comparison> kSigns[] = {
        {"=", Comparison::kEqual},          {"<>", Comparison::kNotEqual},    {"!=", Comparison::kNotEqual},
        {"<", Comparison::kLess},           {"<=", Comparison::kLessOrEqual}, {">", Comparison::kGreater},
        {">=", Comparison::kGreaterOrEqual}};
    for (const auto& [sign, how] : kSigns) {
      if (!is_sign(sign)) continue;
      TRY(next());
      return compared(std::move(left), how);
    }
    if (TRY(take_word("IS"))) {
      const bool negative = TRY(take_word("NOT"));
      if (!TRY(take_word("NULL"))) return expected(negative ? "NULL" : "NULL, NOT NULL");
      Node node{Node::Kind::kIsNull, {}, {}, {std::move(left)}};
      return negative ? negated(std::move(node)) : std::move(node);
    }
    const bool negative = TRY(take_word("NOT"));
    if (TRY(take_word("IN"))) {
      Node node = TRY(list(std::move(left)));
      return negative ? negated(std::move(node)) : std::move(node);
    }
    if (TRY(take_word("BETWEEN"))) {
      Node node{Node::Kind::kAnd};
      node.children.push_back(TRY(compared(left, Comparison::kGreaterOrEqual)));
      if (!TRY(take_word("AND"))) return expected("AND");
      node.children.push_back(TRY(compared(std::move(left), Comparison::kLessOrEqual)));
      return negative ? negated(std::move(node)) : std::move(node);
    }
    if (negative) return expected("IN, BETWEEN");
    if (left.type == FieldType::kBoolean) return Node{Node::Kind::kIsTrue, {}, {}, {std::move(left)}};
    if (token_.kind == Token::Kind::kEnd || is_word("AND") || is_word("OR") || is_sign(")"))
      return wrong(at.offset, at.raw.size(),
                   fmt::format("{} alone is no condition, but {}", at.raw, name_of(left.type)),
                   "a comparison, or a boolean");
    return expected("= <> < <= > >=, IS, IN, BETWEEN, NOT IN, NOT BETWEEN");
  }

  Result<Node> compared(Operand left, Comparison how) {
    Operand right = TRY(comparable(left));
    if (left.type == FieldType::kBoolean && how != Comparison::kEqual && how != Comparison::kNotEqual)
      return wrong(token_.offset, 0, "booleans have no order", "= <>");
    return Node{Node::Kind::kCompare, how, {}, {std::move(left), std::move(right)}};
  }

  Result<Node> list(Operand left) {
    Node node{Node::Kind::kIn, {}, {}, {std::move(left)}};
    if (!is_sign("(")) return expected("(");
    do {
      TRY(next());
      const Token at = token_;
      node.operands.push_back(TRY(comparable(node.operands[0])));
      if (node.operands.back().field)
        return wrong(at.offset, at.raw.size(), fmt::format("found the field {}", at.raw),
                     "numbers, 'texts', TRUE, FALSE");
    } while (is_sign(","));
    if (!is_sign(")")) return expected(", )");
    TRY(next());
    return node;
  }

  // An operand that can be compared with `left`.
  Result<Operand> comparable(const Operand& left) {
    const Token at = token_;
    Operand right = TRY(operand());
    const auto is_number = [](FieldType type) { return type == FieldType::kInteger || type == FieldType::kNumber; };
    if (left.type == right.type || (is_number(left.type) && is_number(right.type))) return right;
    return wrong(at.offset, at.raw.size(),
                 fmt::format("{} is {}, compared with {}", at.raw, name_of(right.type), name_of(left.type)),
                 is_number(left.type) ? "integer, number" : std::string(name_of(left.type)));
  }

  Result<Operand> operand() {
    const Token at = token_;
    if (is_sign("-")) {
      TRY(next());
      if (token_.kind != Token::Kind::kNumber) return expected("a number");
      return number("-" + std::string(token_.raw), at.offset);
    }
    if (at.kind == Token::Kind::kNumber) return number(std::string(at.raw), at.offset);
    if (at.kind != Token::Kind::kText && at.kind != Token::Kind::kWord) return expected(operands());
    TRY(next());
    if (at.kind == Token::Kind::kText) {
      Operand text{FieldType::kText};
      std::string characters;
      for (std::size_t i = 1; i + 1 < at.raw.size(); ++i) {
        characters += at.raw[i];
        if (at.raw[i] == '\'') ++i;
      }
      text.literal = std::move(characters);
      return text;
    }
    const auto field = std::ranges::find(event_.fields, at.raw, &EventField::name);
    if (field != event_.fields.end())
      return Operand{field->type, static_cast<std::size_t>(field - event_.fields.begin()), field->name};
    std::string word(at.raw);
    for (char& c : word) c = static_cast<char>(c & ~0x20);
    if (word == "TRUE" || word == "FALSE") return Operand{FieldType::kBoolean, {}, {}, word == "TRUE"};
    return wrong(at.offset, at.raw.size(), fmt::format("'{}' is no field of event.fields", at.raw), fields());
  }

  Result<Operand> number(const std::string& raw, std::size_t offset) {
    const std::size_t length = token_.offset + token_.raw.size() - offset;
    TRY(next());
    Operand literal{FieldType::kInteger};
    std::int64_t integer = 0;
    const char* end = raw.data() + raw.size();
    if (raw.find_first_of(".eE") == raw.npos) {
      const auto [stop, error] = std::from_chars(raw.data(), end, integer);
      if (error != std::errc() || stop != end)
        return wrong(offset, length, raw + " is no integer of 64 bits", "numbers");
      literal.literal = integer;
      return literal;
    }
    double value = 0;
    const auto [stop, error] = std::from_chars(raw.data(), end, value);
    if (error != std::errc() || stop != end || !std::isfinite(value))
      return wrong(offset, length, raw + " is no number", "as 1, 1.5, 1e6");
    literal.type = FieldType::kNumber;
    literal.literal = value;
    return literal;
  }

  std::string fields() const {
    std::string names;
    for (const EventField& field : event_.fields) names += (names.empty() ? "" : ", ") + field.name;
    return names.empty() ? "TRUE, FALSE" : names;
  }
  std::string operands() const { return fields() + ", a number, a 'text', TRUE, FALSE"; }

  std::string_view text_;
  const EventMapping& event_;
  Predicate::Fault& fault_;
  Token token_;
  int depth_ = 0;
};

}  // namespace

Result<Node> parse(std::string_view text, const EventMapping& event, Predicate::Fault& fault) {
  return Parser(text, event, fault).parse();
}

}  // namespace tidecast::predicate
