#include "query/guard.h"

#include <algorithm>
#include <array>

#include "base/ascii.h"

namespace tidecast {
namespace {

constexpr std::size_t kLongestText = 100'000;
constexpr std::string_view kAllowed = "allowed is exactly one SELECT, or EXPLAIN of one";

constexpr std::array<std::string_view, 8> kFirstWords = {"SELECT", "WITH",     "FROM", "VALUES",
                                                         "TABLE",  "DESCRIBE", "SHOW", "SUMMARIZE"};

constexpr std::size_t kDeepestTree = 1000;

// Those that make rows from their arguments, and those that describe the tables of the session.
constexpr std::array<std::string_view, 10> kTableFunctions = {
    "range",     "generate_series", "unnest",       "repeat",         "json_each",
    "json_tree", "duckdb_tables",   "duckdb_views", "duckdb_columns", "duckdb_functions"};
// Two take the inside of an aggregate as bytes from the text and trust it, one writes a log.
constexpr std::array<std::string_view, 3> kForbiddenFunctions = {"finalize", "combine", "write_log"};

bool is_space(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }

// What follows a comment at the front of the text: `--` to a line's end, which may be a bare carriage return, or
// `/*`, which nests.  A comment that does not end leaves nothing.
std::string_view behind_comment(std::string_view text) {
  if (text.starts_with("--")) {
    const std::size_t end = text.find_first_of("\n\r");
    return end == text.npos ? std::string_view() : text.substr(end);
  }
  int depth = 0;
  do {
    const bool opens = text.starts_with("/*"), closes = text.starts_with("*/");
    depth += opens ? 1 : closes ? -1 : 0;
    text.remove_prefix(opens || closes ? 2 : 1);
  } while (depth > 0 && !text.empty());
  return text;
}

// What follows white space and comments.
std::string_view skip_space(std::string_view text) {
  for (;;) {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    if (!text.starts_with("--") && !text.starts_with("/*")) return text;
    text = behind_comment(text);
  }
}

// The leading letters in upper case.
std::string first_word(std::string_view text) {
  std::string word;
  for (const char c : text) {
    if (!std::isalpha(static_cast<unsigned char>(c)) && c != '_') break;
    word += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return word;
}

// Takes EXPLAIN or EXPLAIN ANALYZE off the front of the text, and gives it as it will be run: "" if there is none.
std::string_view take_explain(std::string_view& text) {
  text = skip_space(text);
  if (first_word(text) != "EXPLAIN") return "";
  text = skip_space(text.substr(7));
  if (first_word(text) != "ANALYZE") return "EXPLAIN ";
  text = skip_space(text.substr(7));
  return "EXPLAIN ANALYZE ";
}

// By its first word: not what decides, but the clearest refusal.
Status check_first_word(std::string_view text) {
  while (text.starts_with('(')) text = skip_space(text.substr(1));
  if (text.empty()) return invalid_argument("there is no statement; {}", kAllowed);
  const std::string word = first_word(text);
  if (std::find(kFirstWords.begin(), kFirstWords.end(), word) != kFirstWords.end()) return ok();
  return invalid_argument("found '{}'; {}", word.empty() ? std::string(text.substr(0, 1)) : word, kAllowed);
}

std::string_view text_in(const json::object& node, std::string_view key) {
  const json::value* value = node.if_contains(key);
  return value != nullptr && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

template <typename List>
bool is_in(const List& list, std::string_view name) {
  return std::ranges::find(list, lower(name)) != std::ranges::end(list);
}

// A name that the text has in quotes may come with them.
std::string plain_name(std::string_view name) {
  if (name.size() > 1 && name.starts_with('"') && name.ends_with('"')) name = name.substr(1, name.size() - 2);
  return lower(name);
}

// Looks at every node, and takes down the tables' names.
Status check_tree(const json::value& tree, std::set<std::string>& tables) {
  if (const auto* list = tree.if_array()) {
    for (const auto& each : *list) TRY(check_tree(each, tables));
    return ok();
  }
  const auto* node = tree.if_object();
  if (node == nullptr) return ok();
  if (const std::string_view name = text_in(*node, "table_name"); !name.empty()) tables.insert(plain_name(name));
  if (text_in(*node, "type") == "TABLE_FUNCTION") {
    const json::value* function = node->if_contains("function");
    const std::string_view name =
        function != nullptr && function->is_object() ? text_in(function->get_object(), "function_name") : "";
    if (!is_in(kTableFunctions, name))
      return invalid_argument("the table function '{}' is not allowed; allowed are: {}", name,
                              fmt::join(kTableFunctions, ", "));
  }
  if (is_in(kForbiddenFunctions, text_in(*node, "function_name")))
    return invalid_argument("the function '{}' is not allowed", text_in(*node, "function_name"));
  for (const auto& each : *node) TRY(check_tree(each.value(), tables));
  return ok();
}

}  // namespace

Result<CheckedQuery> check_query(duck::Session& session, std::string_view sql) {
  if (sql.size() > kLongestText)
    return invalid_argument("the text has {} bytes, allowed are {}", sql.size(), kLongestText);
  if (sql.find('\0') != sql.npos) return invalid_argument("the text has a zero byte in it");
  // EXPLAIN ANALYZE runs what it explains, so that is what must be a SELECT.
  std::string_view query = sql;
  const std::string_view explain = take_explain(query);
  TRY(check_first_word(query));
  const std::size_t statements = TRY(session.count_statements(std::string(query)));
  if (statements != 1) return invalid_argument("found {} statements; {}", statements, kAllowed);

  const auto table = TRY(session.query(fmt::format("SELECT json_serialize_sql({})", duck::quoted_text(query))));
  json::parse_options options;
  options.max_depth = kDeepestTree;
  boost::system::error_code error;
  const json::value tree = json::parse(table.rows.at(0).at(0).as_string(), error, {}, options);
  if (error || !tree.is_object()) return invalid_argument("the query is nested too deeply");
  const auto& answer = tree.get_object();
  if (answer.at("error").as_bool()) return invalid_argument("{}; {}", text_in(answer, "error_message"), kAllowed);
  if (answer.at("statements").as_array().size() != 1)
    return invalid_argument("this is not one statement; {}", kAllowed);
  CheckedQuery checked{.text = std::string(explain).append(query)};
  TRY(check_tree(answer, checked.tables));
  return checked;
}

}  // namespace tidecast
