// Rows of CSV, as lines of a file give them: every row becomes one JSON object, or is refused.

#include "sources/csv.h"

#include "flow/event.h"
#include "fuzz.h"
#include "stream/json_scanner.h"

namespace tidecast::fuzz {
namespace {

void read_rows(std::string_view bytes) {
  CsvRow row(',');
  static const CsvObject object({"a", "b", ""});
  static JsonScanner scanner{PointerTree::compile(std::vector<std::string>{"/a"}).value()};
  for (std::size_t at = 0; at < bytes.size();) {
    row.clear();
    std::size_t end = at;
    auto state = CsvRow::State::kOpen;
    while (state == CsvRow::State::kOpen && end <= bytes.size()) {
      end = std::min(bytes.find('\n', end), bytes.size());
      state = row.parse(bytes.substr(at, end - at));
      ++end;
    }
    if (state == CsvRow::State::kWhole && row.size() == object.size()) {
      std::string json;
      object.append(bytes.substr(at, end - 1 - at), row, json);
      const std::size_t size = json.size();
      json.append(kRawPadding, '\0');
      // Only what is no UTF-8 may make it none.
      const bool is_json = scanner.scan(std::string_view(json).substr(0, size));
      CHECK(is_json || scanner.error().find("UTF-8") != std::string::npos);
    }
    at = end;
  }
}

const Target target{"csv", read_rows, {"1,2,3\nx,\"a \"\"quoted\"\" one\",\n", "\"two\nlines\",-0.5e7,true\n,,\n"}};

}  // namespace
}  // namespace tidecast::fuzz
