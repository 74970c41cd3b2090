#pragma once
// `where:` of a group: a condition on an event's fields, in a small part of SQL that means the same in Tidecast, DuckDB
// and Flink SQL.
//
//   fee > 0 AND (kind = 'trip' OR kind IN ('a', 'b')) AND NOT member AND size BETWEEN 1 AND 10 AND note IS NOT NULL
//
// = <> != < <= > >=, AND OR NOT, IS [NOT] NULL, [NOT] IN, [NOT] BETWEEN, parentheses; fields by name, numbers, 'texts',
// TRUE, FALSE.  Null makes unknown, as in SQL; only what is true counts.  Texts compare by their bytes.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "stream/event_batch.h"
#include "stream/pipeline.h"

namespace tidecast {

class Predicate {
 public:
  // Where the text is wrong, for who shows it under the text.
  struct Fault {
    std::size_t offset = 0, length = 0;
    std::string found;    // "'fees' is no field of event.fields"
    std::string allowed;  // "fee, size"
  };
  // Errors: kInvalidArgument - with the fault in words, and in `fault` if it is given.
  static Result<Predicate> parse(std::string_view text, const EventMapping& event, Fault* fault = nullptr);
  Predicate(Predicate&&) noexcept;
  Predicate& operator=(Predicate&&) noexcept;
  ~Predicate();

  bool matches(const EventBatch& events, std::size_t i) const;
  std::vector<std::size_t> fields() const;  // Of which it speaks; one perhaps more than once.
  // The same as SQL, with names quoted by `quote`: '"' for DuckDB, '`' for Flink.
  std::string sql(char quote) const;

 private:
  struct Node;
  explicit Predicate(std::unique_ptr<Node> root);
  std::unique_ptr<Node> root_;
};

}  // namespace tidecast
