#pragma once
// From a few records to a first definition file, with every guess marked in it.  Pure; `tidecast init` (init.h) does
// the reading and writing.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/sniff_time.h"
#include "base/result.h"
#include "base/time.h"
#include "flow/event.h"

namespace tidecast {

// Where the records came from, as it will stand in the file.
struct SniffedSource {
  enum class Kind { kFile, kHttpPoll };
  Kind kind = Kind::kFile;
  std::string name = "events";  // What project and group are named after; any text.
  std::string place;            // The path or the URL.
  std::string format;           // "ndjson", "csv", "parquet"; "" where the path's ending says it.
  std::string delimiter;        // Of CSV; "" where the path's ending says it.
  bool header = true;           // Of CSV.
  std::string records;          // The pointer into a reply; "": the reply is one record.
};

// One place in the records where a scalar stands.
struct SniffedColumn {
  std::string pointer, name;        // "/properties/mag", and a name for it that is no other's: "properties_mag".
  std::vector<json::value> values;  // By record; null where it has none.
  std::size_t integers = 0, decimals = 0, texts = 0, booleans = 0;

  std::size_t there() const { return integers + decimals + texts + booleans; }
  bool numeric() const { return integers + decimals > 0 && texts + booleans == 0; }
};

// JSON objects to columns, in the order in which they are first seen; objects inside of objects too, arrays not.
// `objects` gets how many of the records are objects: the columns speak of those.
std::vector<SniffedColumn> sniff_columns(const std::vector<std::string>& records, std::size_t& objects);

struct DefinitionGuess {
  struct Field {
    std::string name, pointer;
    FieldType type = FieldType::kInteger;
    double null_rate = 0;
  };
  struct Aggregate {
    std::string name, call;  // "avg_fee": "avg(fee)".
  };
  struct Time {
    std::string pointer;
    TimeGuess how;
  };
  std::size_t records = 0, broken = 0;  // Looked at; those that are no JSON object.
  std::string id;                       // A pointer; "": none was found.
  Time time;
  std::optional<Time> arrival;
  bool sort = false;         // The file is not in the order of arrival.
  bool newest_first = true;  // As the records stand in a reply.
  std::vector<Field> fields;
  std::vector<std::string> others;  // Pointers and types of what is no field.
  Milliseconds window{60'000}, lateness{60'000};
  int horizon = 30;
  double per_window = 0;  // Records; 0: not known.
  std::vector<Aggregate> aggregates;
};

// Errors: kInvalidArgument - what is missing: no records, no JSON objects among them, no time in them.
Result<DefinitionGuess> guess_definition(const SniffedSource& source, const std::vector<std::string>& records);

std::string definition_text(const SniffedSource& source, const DefinitionGuess& guess);

// The pointer of the array that has the most objects in a JSON document, the outermost of equal ones; nullopt: none.
std::optional<std::string> find_records(const json::value& document);

}  // namespace tidecast
