#include "stream/predicate.h"

#include <algorithm>
#include <variant>

#include "stream/predicate_node.h"

namespace tidecast {

struct Predicate::Node : predicate::Node {};

namespace {

using predicate::Comparison;
using predicate::Node;
using predicate::Operand;

// ---- evaluation ---------------------------------------------------------------------------------------------------

enum class Truth { kFalse, kUnknown, kTrue };

Truth truth(bool is) { return is ? Truth::kTrue : Truth::kFalse; }

// What an operand is in one row; no value: null.
using Value = std::variant<std::monostate, std::int64_t, double, std::string_view, bool>;

Value value_of(const Operand& operand, const EventBatch& events, std::size_t i) {
  if (!operand.field) return std::visit([](const auto& literal) -> Value { return literal; }, operand.literal);
  const EventColumn& column = events.columns[*operand.field];
  if (column.present[i] == 0) return {};
  switch (column.type) {
    case FieldType::kInteger: return column.integers[i];
    case FieldType::kNumber: return column.numbers[i];
    case FieldType::kText: return column.texts[i];
    case FieldType::kBoolean: return column.booleans[i] != 0;
  }
  return {};
}

double number_of(const Value& value) {
  const auto* integer = std::get_if<std::int64_t>(&value);
  return integer != nullptr ? static_cast<double>(*integer) : std::get<double>(value);
}

// Of values whose types the parser has found comparable: the same, or an integer and a number.
Truth compare(const Value& a, Comparison how, const Value& b) {
  if (a.index() == 0 || b.index() == 0) return Truth::kUnknown;
  const bool same = a.index() == b.index();
  const bool equal = same ? a == b : number_of(a) == number_of(b);
  const bool less = same ? a < b : number_of(a) < number_of(b);
  switch (how) {
    case Comparison::kEqual: return truth(equal);
    case Comparison::kNotEqual: return truth(!equal);
    case Comparison::kLess: return truth(less);
    case Comparison::kLessOrEqual: return truth(less || equal);
    case Comparison::kGreater: return truth(!less && !equal);
    case Comparison::kGreaterOrEqual: return truth(!less);
  }
  return Truth::kUnknown;
}

Truth evaluate(const Node& node, const EventBatch& events, std::size_t i) {
  const auto operand = [&](std::size_t n) { return value_of(node.operands[n], events, i); };
  switch (node.kind) {
    case Node::Kind::kAnd: {
      Truth all = Truth::kTrue;
      for (const Node& child : node.children)
        if ((all = std::min(all, evaluate(child, events, i))) == Truth::kFalse) break;
      return all;
    }
    case Node::Kind::kOr: {
      Truth any = Truth::kFalse;
      for (const Node& child : node.children)
        if ((any = std::max(any, evaluate(child, events, i))) == Truth::kTrue) break;
      return any;
    }
    case Node::Kind::kNot: return static_cast<Truth>(2 - static_cast<int>(evaluate(node.children[0], events, i)));
    case Node::Kind::kCompare: return compare(operand(0), node.how, operand(1));
    case Node::Kind::kIn: {
      Truth any = Truth::kFalse;
      for (std::size_t n = 1; n < node.operands.size(); ++n)
        any = std::max(any, compare(operand(0), Comparison::kEqual, operand(n)));
      return any;
    }
    case Node::Kind::kIsNull: return truth(operand(0).index() == 0);
    case Node::Kind::kIsTrue: return compare(operand(0), Comparison::kEqual, Value(true));
  }
  return Truth::kUnknown;
}

void add_fields(const Node& node, std::vector<std::size_t>& fields) {
  for (const Node& child : node.children) add_fields(child, fields);
  for (const Operand& operand : node.operands)
    if (operand.field) fields.push_back(*operand.field);
}

// ---- SQL ----------------------------------------------------------------------------------------------------------

std::string in_quotes(std::string_view text, char quote) {
  std::string sql(1, quote);
  for (const char c : text) sql.append(c == quote ? 2 : 1, c);
  return sql + quote;
}

// `as_number`: it is compared with a number, which all engines do in double only if both are.
std::string sql_of(const Operand& operand, char quote, bool as_number) {
  std::string sql;
  if (operand.field)
    sql = in_quotes(operand.name, quote);
  else if (const auto* integer = std::get_if<std::int64_t>(&operand.literal))
    sql = std::to_string(*integer);
  else if (const auto* number = std::get_if<double>(&operand.literal))
    return fmt::format("CAST({} AS DOUBLE)", *number);
  else if (const auto* text = std::get_if<std::string>(&operand.literal))
    return in_quotes(*text, '\'');
  else
    return std::get<bool>(operand.literal) ? "TRUE" : "FALSE";
  return as_number && operand.type == FieldType::kInteger ? fmt::format("CAST({} AS DOUBLE)", sql) : sql;
}

std::string sql_of(const Node& node, char quote) {
  constexpr std::string_view kSigns[] = {"=", "<>", "<", "<=", ">", ">="};
  const bool as_number =
      std::ranges::any_of(node.operands, [](const Operand& o) { return o.type == FieldType::kNumber; });
  const auto operand = [&](std::size_t n) { return sql_of(node.operands[n], quote, as_number); };
  std::string list;
  switch (node.kind) {
    case Node::Kind::kAnd:
    case Node::Kind::kOr:
      for (const Node& child : node.children)
        list += (list.empty() ? "" : node.kind == Node::Kind::kAnd ? " AND " : " OR ") + sql_of(child, quote);
      return "(" + list + ")";
    case Node::Kind::kNot: return "(NOT " + sql_of(node.children[0], quote) + ")";
    case Node::Kind::kCompare:
      return fmt::format("{} {} {}", operand(0), kSigns[static_cast<std::size_t>(node.how)], operand(1));
    case Node::Kind::kIn:
      for (std::size_t n = 1; n < node.operands.size(); ++n) list += (list.empty() ? "" : ", ") + operand(n);
      return fmt::format("{} IN ({})", operand(0), list);
    case Node::Kind::kIsNull: return operand(0) + " IS NULL";
    case Node::Kind::kIsTrue: return operand(0);
  }
  return list;
}

}  // namespace

Predicate::Predicate(std::unique_ptr<Node> root) : root_(std::move(root)) {}
Predicate::Predicate(Predicate&&) noexcept = default;
Predicate& Predicate::operator=(Predicate&&) noexcept = default;
Predicate::~Predicate() = default;

Result<Predicate> Predicate::parse(std::string_view text, const EventMapping& event, Fault* fault) {
  Fault unasked;
  predicate::Node root = TRY(predicate::parse(text, event, fault != nullptr ? *fault : unasked));
  return Predicate(std::make_unique<Node>(Node{std::move(root)}));
}

bool Predicate::matches(const EventBatch& events, std::size_t i) const {
  return evaluate(*root_, events, i) == Truth::kTrue;
}

std::vector<std::size_t> Predicate::fields() const {
  std::vector<std::size_t> fields;
  add_fields(*root_, fields);
  return fields;
}

std::string Predicate::sql(char quote) const { return sql_of(*root_, quote); }

}  // namespace tidecast
