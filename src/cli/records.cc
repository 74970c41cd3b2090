// Dead letters, late records, and rows that are taken out.
#include <algorithm>

#include "cli/context.h"
#include "storage/file.h"

namespace tidecast {
namespace {

constexpr std::size_t kShownBytes = 60;

std::string text_of(const json::value& object, std::string_view key) { return std::string(object.at(key).as_string()); }

std::string excerpt(const std::string& text) {
  if (text.size() <= kShownBytes) return text;
  std::size_t end = kShownBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;  // Whole characters only.
  return text.substr(0, end) + "...";
}

std::string time_of(const json::value& object, std::string_view key) {
  return short_time(parse_rfc3339(text_of(object, key)).value());
}

// One answer holds so many bytes; SQL has the columns without the records.
void print_left_out(const json::object& answer, const json::array& shown, std::string_view table) {
  if (const auto left_out = answer.at("left_out").to_number<std::uint64_t>(); left_out > 0)
    fmt::print(
        "{} older left out: more than 16 MB of records. See: tidecast sql \"SELECT number, arrival, reason FROM {} "
        "WHERE number < {} ORDER BY number DESC\"\n",
        left_out, table, to_text(shown.back().at("number")));
}

// What was sent is known there as `entities`; here it is a file.
Status naming(const std::filesystem::path& file, const Status& status) {
  constexpr std::string_view kSent = "entities: ";
  std::string message(status.message());
  const std::size_t at = message.find(kSent);
  if (at == message.npos || (at > 0 && message[at - 1] != ' ')) return status;
  return {status.code(), message.replace(at, kSent.size(), file.string() + ": ")};
}

}  // namespace

Status dead_list_command(const Context& context, int last) {
  Connection connection = TRY(connect(context, "tidecast dead list"));
  const json::object answer = TRY(connection.commands().dead_letters(last));
  if (context.json) {
    fmt::print("{}\n", to_text(answer));
    return ok();
  }
  const json::array& letters = answer.at("letters").as_array();
  if (letters.empty()) {
    fmt::print("No dead letters.\n");
    return ok();
  }
  Table table({"number", "arrived", "source", "taken as", "reason"});
  for (const json::value& letter : letters)
    table.add({to_text(letter.at("number")), time_of(letter, "arrival"), text_of(letter, "source"),
               letter.at("replayed_as").is_null() ? "-" : to_text(letter.at("replayed_as")),
               text_of(letter, "reason")});
  const bool taken =
      std::ranges::none_of(letters, [](const json::value& letter) { return letter.at("replayed_as").is_null(); });
  const bool all = answer.at("left_out") == 0 && letters.size() < static_cast<std::size_t>(last);
  fmt::print("{}{} in all. One whole: tidecast dead show NUMBER. {}\n", table.text(), to_text(answer.at("dead")),
             !taken ? "After a change of the definition: tidecast dead replay"
             : all  ? "All were taken after all."
                    : "These were taken after all.");
  print_left_out(answer, letters, "dead_letters");
  return ok();
}

Status dead_show_command(const Context& context, std::int64_t number) {
  Connection connection = TRY(connect(context, "tidecast dead show"));
  const json::object letter = TRY(connection.commands().dead_letter(number));
  if (context.json) {
    fmt::print("{}\n", to_text(letter));
    return ok();
  }
  const auto line = [&](std::string_view label, const std::string& text) { fmt::print(" {:<10} {}\n", label, text); };
  line("Number", std::to_string(number));
  line("Arrived", text_of(letter, "arrival"));
  line("Source", text_of(letter, "source") + ", " + text_of(letter, "position"));
  line("Reason", text_of(letter, "reason"));
  if (!letter.at("replayed_as").is_null()) line("Taken as", "record " + to_text(letter.at("replayed_as")));
  fmt::print("\n{}\n", text_of(letter, "raw"));
  return ok();
}

Status dead_replay_command(const Context& context, const std::vector<std::int64_t>& numbers) {
  Connection connection = TRY(connect(context, "tidecast dead replay"));
  const json::object answer = TRY(connection.commands().replay_dead(numbers, actor()));
  if (context.json) {
    fmt::print("{}\n", to_text(answer));
    return ok();
  }
  const json::value& taken = answer.at("taken");
  fmt::print("{} taken: {} stored, {} duplicate, {} late. {} still dead{}\n", to_text(taken.at("read")),
             to_text(taken.at("stored")), to_text(taken.at("duplicate")), to_text(taken.at("late")),
             to_text(answer.at("still_dead")), answer.at("still_dead") == 0 ? "." : "; why: tidecast dead list");
  return ok();
}

Status late_command(const Context& context, int last) {
  Connection connection = TRY(connect(context, "tidecast late"));
  const json::object answer = TRY(connection.commands().late(last));
  if (context.json) {
    fmt::print("{}\n", to_text(answer));
    return ok();
  }
  const json::array& records = answer.at("records").as_array();
  if (records.empty()) {
    fmt::print("No late records.\n");
    return ok();
  }
  Table table({"number", "arrived", "happened", "source", "reason"});
  for (const json::value& record : records)
    table.add({to_text(record.at("number")), time_of(record, "arrival"), time_of(record, "time"),
               text_of(record, "source"), excerpt(text_of(record, "reason"))});
  fmt::print("{}{} counted in no window, in all.\n", table.text(), to_text(answer.at("late")));
  print_left_out(answer, records, "late");
  return ok();
}

Status erase_command(const Context& context, const EraseArguments& arguments) {
  if (!arguments.all && !arguments.key && arguments.from.empty() && arguments.until.empty())
    return invalid_argument("which rows? --key, --from, --until; or --all of {}", arguments.group);
  Connection connection = TRY(connect(context, "tidecast features erase"));
  const json::object answer = TRY(connection.commands().erase({.group = arguments.group,
                                                               .key = arguments.key,
                                                               .from = arguments.from,
                                                               .until = arguments.until,
                                                               .why = arguments.why,
                                                               .actor = actor()}));
  if (context.json)
    fmt::print("{}\n", to_text(answer));
  else
    fmt::print("{} rows of {} are erased. {}_history still has them, with their tombstones.\n",
               to_text(answer.at("rows")), arguments.group, arguments.group);
  return ok();
}

// Over the data folder itself any frame goes; through a server a CSV, which is sent.
Status join_command(const Context& context, const JoinArguments& arguments) {
  const bool parquet = arguments.output.extension() == ".parquet";
  if (!parquet && !arguments.output.empty() && arguments.output.extension() != ".csv")
    return invalid_argument("-o {}: found '{}', allowed: .csv, .parquet", arguments.output.string(),
                            arguments.output.extension().string());
  std::error_code ignored;
  if (std::filesystem::equivalent(arguments.entities, arguments.output, ignored))
    return invalid_argument("-o {}: it would overwrite what is read", arguments.output.string());
  Connection connection = TRY(connect(context, "tidecast features join"));
  Result<SqlFile> joined = connection.commands().join({.entities = TRY(read_file(arguments.entities)),
                                                       .parquet = arguments.entities.extension() == ".parquet",
                                                       .time_column = arguments.time_column,
                                                       .groups = arguments.groups,
                                                       .known_now = arguments.known_now,
                                                       .max_age = arguments.max_age,
                                                       .format = parquet ? "parquet" : "csv"});
  if (!joined.ok()) return naming(arguments.entities, joined.status());
  const SqlFile& file = *joined;
  if (arguments.output.empty()) {
    fmt::print("{}", file.bytes);
    return ok();
  }
  TRY(write_output(arguments.output, file.bytes));
  if (!context.quiet) fmt::print("Written to {}.\n", arguments.output.string());
  return ok();
}

}  // namespace tidecast
