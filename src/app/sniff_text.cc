// A guess as a definition file in the style of examples/: see sniff.h.
#include <cmath>

#include "app/sniff.h"
#include "app/sniff_words.h"
#include "sources/csv.h"

namespace tidecast {
namespace {

// As it may stand in the file: plain where nothing in it means anything to YAML.
std::string scalar(std::string_view text) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-~";
  const bool plain = !text.empty() && text.find_first_not_of(kPlain) == text.npos && text[0] != '-' && text[0] != '~' &&
                     text.find_first_not_of("0123456789.-") != text.npos;
  if (plain) return std::string(text);
  std::string quoted;
  append_json_text(text, quoted);  // A text of JSON is one of YAML.
  return quoted;
}

class Lines {
 public:
  // The comment stands behind the line, or above it where that gets too long.
  void add(std::string text, const std::string& comment = "") {
    constexpr std::size_t kColumn = 35, kWidth = 120;
    if (comment.empty()) {
      text_ += text + "\n";
    } else if (const std::size_t at = std::max(kColumn, text.size() + 2); at + 2 + comment.size() <= kWidth) {
      text_ += text + std::string(at - text.size(), ' ') + "# " + comment + "\n";
    } else {
      note(text.substr(0, std::min(text.find_first_not_of(" -"), text.size())).size(), comment);
      text_ += text + "\n";
    }
  }

  // A comment of its own, over as many lines as it takes.
  void note(std::size_t indent, std::string comment_text) {
    for (char& c : comment_text)
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';  // Of keys; a file has no such characters.
    std::string_view comment = comment_text;
    const std::string begin = std::string(indent, ' ') + "# ";
    while (!comment.empty()) {
      const std::size_t most = 118 - begin.size();
      std::size_t end = comment.size() <= most ? comment.size() : comment.rfind(' ', most);
      if (end == comment.npos || end == 0) end = std::min(comment.find(' '), comment.size());
      text_ += fmt::format("{}{}\n", begin, comment.substr(0, end));
      comment.remove_prefix(std::min(end + 1, comment.size()));
    }
  }

  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

std::string how_of(const TimeGuess& time) {
  if (time.format.empty()) return "unit: " + time.unit;
  return fmt::format("unit: {}{}", scalar(time.format), time.zone ? ", zone: UTC" : "");
}

std::string doubts_of(const TimeGuess& time) {
  std::string doubts;
  if (time.day_or_month) doubts += " Day and month may be the other way round.";
  if (time.zone) doubts += " The zone is not in the records: UTC, or a name like America/New_York.";
  return doubts;
}

void write_source(const SniffedSource& source, const DefinitionGuess& guess, Lines& lines) {
  lines.add("sources:");
  lines.add("  - name: " + plain_name(source.name, /*dashes=*/true), "How far it was read is kept under this name.");
  if (source.kind == SniffedSource::Kind::kHttpPoll) {
    lines.add("    kind: http_poll", "Live: asked again and again, and what comes is kept.");
    lines.add("    url: " + scalar(source.place));
    lines.add("    every: 5s", "Guess. So often that replies overlap, and no more often than its owner likes.");
    if (source.records.empty()) return;
    lines.add("    records: " + scalar(source.records), "Guess: the largest list in the reply.");
    lines.add(fmt::format("    order: {}", guess.newest_first ? "newest_first" : "oldest_first"),
              "Guess: inside one reply, by the records' times.");
    return;
  }
  lines.add("    kind: file", "It must be finished: one that has grown is another file.");
  lines.add("    path: " + scalar(source.place));
  if (!source.format.empty()) lines.add("    format: " + source.format, "Guess: its name does not say so.");
  if (!source.delimiter.empty()) lines.add("    delimiter: " + scalar(source.delimiter), "Guess.");
  if (!source.header) lines.add("    header: false", "Guess: the first row is no names, so columns are c1, c2, ...");
  if (guess.sort) lines.add("    sort: arrival", "The file is not in the order in which its records arrived.");
}

void write_time(const DefinitionGuess& guess, Lines& lines) {
  const auto& [pointer, how] = guess.time;
  const std::string comment = "Guess: when it happened." + doubts_of(how);
  if (!guess.arrival)
    return lines.add(fmt::format("  time: {{ from: {}, {} }}", scalar(pointer), how_of(how)), comment);
  lines.add("  time:");
  lines.add("    from: " + scalar(pointer), comment);
  lines.add("    unit: " + (how.format.empty() ? how.unit : scalar(how.format)));
  if (how.zone) lines.add("    zone: UTC");
  const auto& [arrival, arrival_how] = *guess.arrival;
  lines.add(fmt::format("    arrival: {{ from: {}, {} }}", scalar(arrival), how_of(arrival_how)),
            arrival == pointer ? "Guess: each arrived when it happened."
                               : "Guess: when it was known." + doubts_of(arrival_how));
}

void write_event(const SniffedSource& source, const DefinitionGuess& guess, Lines& lines) {
  lines.add("event:");
  if (!guess.id.empty())
    lines.add("  id: " + scalar(guess.id), fmt::format("Guess: by its name, and all {} differ.", guess.records));
  else
    lines.note(2,
               source.kind == SniffedSource::Kind::kHttpPoll && !source.records.empty()
                   ? "No field looks like an identifier. Without `id:` a record that is in two replies counts twice."
                   : "No field looks like an identifier: nothing is de-duplicated. With one: `id: /name`, or a list.");
  write_time(guess, lines);
  if (!guess.fields.empty()) lines.add("  fields:", "Guesses. A record with another type there is a dead letter.");
  for (const DefinitionGuess::Field& field : guess.fields) {
    const bool nulls = field.null_rate > 0;
    lines.add(fmt::format("    {}: {{ from: {}, type: {}{} }}", field.name, scalar(field.pointer), name_of(field.type),
                          nulls ? ", optional: true" : ""),
              nulls ? fmt::format("Missing in {} % of them.", std::max(1L, std::lround(field.null_rate * 100))) : "");
  }
  if (guess.others.empty()) return;
  std::string others = fmt::format(
      "Not taken: {}",
      fmt::join(guess.others.begin(),
                guess.others.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(guess.others.size(), 20)),
                ", "));
  if (guess.others.size() > 20) others += fmt::format(", and {} more", guess.others.size() - 20);
  lines.note(2, others + ".");
}

}  // namespace

std::string definition_text(const SniffedSource& source, const DefinitionGuess& guess) {
  Lines lines;
  const std::string window = to_text(guess.window);
  const std::string group = fmt::format("{}_{}", plain_name(source.name), window);
  lines.note(0, fmt::format("Guessed from the first {} record{} of {}; what is a guess says so.", guess.records,
                            guess.records == 1 ? "" : "s",
                            source.kind == SniffedSource::Kind::kFile ? "the file" : "a reply"));
  if (guess.broken > 0) lines.note(0, fmt::format("{} of them were no JSON objects: dead letters.", guess.broken));
  lines.note(0, "All keys: docs/definition-file.md.   Check it: tidecast check -c FILE");
  lines.add("project: " + plain_name(source.name, /*dashes=*/true));
  lines.add("");
  write_source(source, guess, lines);
  lines.add("");
  write_event(source, guess, lines);
  lines.add("");
  lines.add("features:");
  lines.add("  - group: " + group, "A table in SQL: one row a window.");
  lines.add("    window: " + window, guess.per_window > 0 ? fmt::format("Guess: about {} record{} each.",
                                                                        std::max(1L, std::lround(guess.per_window)),
                                                                        std::lround(guess.per_window) > 1 ? "s" : "")
                                                          : "Guess: how dense the records come is not to be seen.");
  lines.add("    lateness: " + to_text(guess.lateness),
            "So long, in event time, a window waits for what is out of order.");
  lines.add("    columns:");
  for (const DefinitionGuess::Aggregate& aggregate : guess.aggregates)
    lines.add(fmt::format("      {}: {}", aggregate.name, aggregate.call));
  lines.add("");
  lines.add("forecast:");
  lines.add(fmt::format("  target: {}.events", group), "Guess: the number of records a window.");
  lines.add(fmt::format("  horizon: {}", guess.horizon), fmt::format("Windows of {}.", window));
  return lines.take();
}

}  // namespace tidecast
