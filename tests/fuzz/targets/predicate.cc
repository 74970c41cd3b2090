#include "stream/predicate.h"

#include "fuzz.h"

namespace tidecast::fuzz {
namespace {

void parse(std::string_view bytes) {
  EventMapping event;
  event.fields = {{"fee", "/fee", FieldType::kInteger, true, ""},
                  {"x", "/x", FieldType::kNumber, true, ""},
                  {"name", "/name", FieldType::kText, true, ""},
                  {"ok", "/ok", FieldType::kBoolean, true, ""}};
  const auto predicate = Predicate::parse(bytes, event);
  CHECK(predicate.ok() || predicate.code() == Code::kInvalidArgument);
  if (predicate.ok()) CHECK(!predicate->sql('"').empty());
}

const Target target{"predicate",
                    parse,
                    {"fee > 10 AND (x <= 0.5 OR NOT ok)", "name = 'it''s' or name in ('a', 'b')", "fee is not null",
                     "x between -1e3 and 7", "ok"}};

}  // namespace
}  // namespace tidecast::fuzz
