#pragma once
// A predicate taken apart; between its parser and its evaluation.

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "stream/predicate.h"

namespace tidecast::predicate {

enum class Comparison { kEqual, kNotEqual, kLess, kLessOrEqual, kGreater, kGreaterOrEqual };

// A field, or a literal.
struct Operand {
  FieldType type = FieldType::kInteger;
  std::optional<std::size_t> field{};
  std::string name{};  // Of the field.
  std::variant<std::int64_t, double, std::string, bool> literal{};
};

struct Node {
  enum class Kind {
    kAnd,      // All children;
    kOr,       // any of them;
    kNot,      // the only one.
    kCompare,  // The first operand with the second.
    kIn,       // The first operand is one of the others.
    kIsNull,   // Of the only operand.
    kIsTrue,   // The same, a boolean.
  };
  Kind kind;
  Comparison how = Comparison::kEqual;
  std::vector<Node> children{};
  std::vector<Operand> operands{};
};

// Errors: kInvalidArgument, and `fault`.
Result<Node> parse(std::string_view text, const EventMapping& event, Predicate::Fault& fault);

}  // namespace tidecast::predicate
