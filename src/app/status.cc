#include "app/status.h"

#include <cstdio>

#include "app/answer.h"
#include "app/stages.h"
#include "app/words.h"
#include "base/version.h"

namespace tidecast {
namespace {

template <typename T>
json::value or_null(const std::optional<T>& value) {
  return value ? json::value(*value) : json::value(nullptr);
}
json::value time_or_null(const std::optional<ProcessingTime>& time) {
  return time ? json::value(to_rfc3339(*time)) : json::value(nullptr);
}
json::value time_or_null(const std::optional<EventTime>& time) {
  return time ? json::value(to_rfc3339(*time)) : json::value(nullptr);
}

json::array strings(const std::vector<std::string>& texts) {
  json::array list;
  for (const std::string& text : texts) list.push_back(json::string(text));
  return list;
}

json::array stages_json(const Situation& at) {
  json::array list;
  for (const Stage& stage : stages_of(at))
    list.push_back(json::object{{"id", stage.id},
                                {"name", stage.name},
                                {"state", stage.state},
                                {"value", stage.value},
                                {"note", stage.note},
                                {"note_at", time_or_null(stage.note_at)}});
  return list;
}

json::array needs_json(const Situation& at) {
  json::array list;
  for (const Need& need : needs_of(at))
    list.push_back(json::object{{"kind", need.kind},
                                {"title", need.title},
                                {"text", need.text},
                                {"since", time_or_null(need.since)},
                                {"version", or_null(need.version)},
                                {"stage", or_null(need.stage)},
                                {"can_approve", need.version.has_value()},
                                {"can_reject", need.version.has_value()},
                                {"commands", strings(need.commands)},
                                {"consequences", need.consequences}});
  return list;
}

json::array next_json(const Situation& at) {
  json::array list;
  for (const Next& next : next_of(at))
    list.push_back(json::object{{"at", time_or_null(next.at)}, {"what", next.what}, {"why", next.why}});
  return list;
}

std::string_view kind_of(const SourceDefinition& source) {
  switch (source.kind) {
    case SourceDefinition::Kind::kRecording: return "recording";
    case SourceDefinition::Kind::kFile: return "file";
    case SourceDefinition::Kind::kHttpPoll: return "http_poll";
    case SourceDefinition::Kind::kWebSocket: return "websocket";
    case SourceDefinition::Kind::kHttpPush: return "http_push";
  }
  return "";
}

const SourceDefinition& source_named(const Definition& definition, const std::string& name) {
  for (const SourceDefinition& source : definition.sources)
    if (source.name == name) return source;
  return definition.sources.front();
}

json::object source_json(const Situation& at, const Definition& definition) {
  json::object out{{"name", at.source},
                   {"kind", kind_of(source_named(definition, at.source))},
                   {"state", "recorded"},
                   {"text", ""},
                   {"since", nullptr},
                   {"last_reply_at", nullptr},
                   {"last_new_at", nullptr},
                   {"next_poll_at", nullptr},
                   {"interval_ms", nullptr},
                   {"replies", 0},
                   {"failures", 0},
                   {"gaps", at.gaps},
                   {"events_per_s", or_null(at.events_per_s)}};
  if (const auto& health = at.loop.source) {
    out["state"] = name_of(health->state);
    out["text"] = health->text;
    out["since"] = to_rfc3339(health->since);
    out["last_reply_at"] = time_or_null(health->last_reply_at);
    out["last_new_at"] = time_or_null(health->last_new_at);
    out["next_poll_at"] = time_or_null(health->next_poll_at);
    out["interval_ms"] = health->interval.count();
    out["replies"] = health->replies;
    out["failures"] = health->failures;
  }
  return out;
}

json::array sources_json(const Situation& at) {
  json::array list;
  for (const LoopState::OfSource& source : at.loop.sources)
    list.push_back(json::object{{"name", source.name},
                                {"state", source.health ? name_of(source.health->state) : "recorded"},
                                {"text", source.health ? source.health->text : ""},
                                {"newest", time_or_null(source.newest)},
                                {"idle", source.idle}});
  return list;
}

json::array groups_json(const Situation& at) {
  json::array list;
  for (const LoopState::OfGroup& group : at.loop.groups)
    list.push_back(
        json::object{{"group", group.name},
                     {"watermark", time_or_null(group.watermark)},
                     {"newest_row", time_or_null(group.newest_row)},
                     {"open_windows", group.open_windows},
                     {"open", group.oldest ? json::value(why_open(*group.oldest, at.loop)) : json::value()}});
  return list;
}

std::int64_t resident_bytes() {
  long pages = 0, resident = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%ld %ld", &pages, &resident) != 2) resident = 0;
    std::fclose(file);
  }
  return static_cast<std::int64_t>(resident) * 4096;
}

}  // namespace

json::object status_json(const Situation& at, const Definition& definition, const ProcessFacts& process) {
  const Answer answer = answer_of(at);
  json::object windows;
  for (const auto& [group, rows] : at.rows) windows[group] = rows;
  const ProcessingTime wall = SystemClock().now();
  const bool judged = at.evaluation && at.evaluation->loss;
  return {{"project", at.project},
          {"mode", process.mode},
          {"now", to_rfc3339(at.loop.now)},
          {"clock", at.simulated ? "simulated" : "system"},
          {"progress", at.live || process.mode == "offline" ? json::value(nullptr)
                                                            : json::value(at.loop.running ? at.loop.progress : 1.0)},
          {"answer",
           json::object{{"state", answer.state},
                        {"sentence", answer.sentence},
                        {"emphasis", answer.emphasis.empty() ? json::value(nullptr) : json::value(answer.emphasis)},
                        {"tone", answer.tone},
                        {"detail", answer.detail}}},
          {"stages", stages_json(at)},
          {"needs_you", needs_json(at)},
          {"next", next_json(at)},
          {"events", json::object{{"read", at.books.read},
                                  {"stored", at.books.stored},
                                  {"duplicate", at.books.duplicate},
                                  {"late", at.books.late},
                                  {"dead", at.books.dead}}},
          {"balance", at.books.balanced() ? "ok" : "broken"},
          {"windows", std::move(windows)},
          {"open_windows", at.loop.open_windows},
          {"watermark", time_or_null(at.loop.watermark)},
          {"gaps", at.gaps},
          {"staging", or_null(at.staging)},
          {"production", or_null(at.production)},
          {"previous", or_null(at.previous)},
          {"candidate", at.loop.candidate == 0 ? json::value(nullptr) : json::value(at.loop.candidate)},
          {"alarm", name_of(at.loop.alarm)},
          {"alarm_since", at.alarm ? json::value(to_rfc3339(at.alarm->at)) : json::value(nullptr)},
          {"loss", judged ? json::value(*at.evaluation->loss) : json::value(nullptr)},
          {"threshold", at.forecasts ? json::value(at.threshold) : json::value(nullptr)},
          {"naive", judged ? json::value(at.evaluation->naive) : json::value(nullptr)},
          {"evaluated_at", at.evaluation ? json::value(to_rfc3339(at.evaluation->at)) : json::value(nullptr)},
          {"retrain", name_of(at.loop.retrain)},
          {"runs", at.runs},
          {"active_run", at.loop.run ? json::value(at.loop.run->id) : json::value(nullptr)},
          {"source", source_json(at, definition)},
          {"sources", sources_json(at)},
          {"groups", groups_json(at)},
          {"system", json::object{{"memory_bytes", resident_bytes()},
                                  {"data_bytes", process.data_bytes},
                                  {"uptime_s", (wall - process.started_at).count() / 1000},
                                  {"version", kVersion},
                                  {"address", process.address}}}};
}

std::string status_text(const json::object& status) {
  std::string out;
  const auto line = [&out](std::string_view label, std::string_view text) {
    out += fmt::format(" {:<12} {}\n", label, text);
  };
  const auto text = [](const json::value& value) { return std::string_view(value.as_string()); };
  const json::object& answer = status.at("answer").as_object();
  out += fmt::format(" {}\n", text(answer.at("sentence")));
  if (!answer.at("detail").as_string().empty()) out += fmt::format(" {}\n", text(answer.at("detail")));
  out += "\n";
  line("Project", fmt::format("{}, at {}{}", text(status.at("project")), text(status.at("now")),
                              status.at("clock") == "simulated" ? " (simulated)" : ""));
  const json::object& events = status.at("events").as_object();
  const auto count = [&events](std::string_view name) { return to_text(events.at(name)); };
  line("Events", fmt::format("{} read = {} stored + {} duplicate + {} late + {} dead, {}", count("read"),
                             count("stored"), count("duplicate"), count("late"), count("dead"),
                             status.at("balance") == "ok" ? "balanced" : "NOT BALANCED"));
  const ProcessingTime now = ProcessingTime::from_ms(parse_rfc3339(text(status.at("now"))).value());
  for (const json::value& value : status.at("stages").as_array()) {
    const json::object& stage = value.as_object();
    std::string note(text(stage.at("note")));
    if (stage.at("note_at").is_string()) {
      const Milliseconds age = now - ProcessingTime::from_ms(parse_rfc3339(text(stage.at("note_at"))).value());
      note += age < 0ms ? fmt::format(" in {}", spoken(-age)) : fmt::format(" {} ago", spoken(age));
    }
    line(text(stage.at("name")), fmt::format("{:<22} {}", text(stage.at("value")), note));
  }
  for (const json::value& group : status.at("groups").as_array())
    if (!group.at("open").is_null())
      line("Open", fmt::format("{}: {}", text(group.at("group")), text(group.at("open"))));
  const json::array& needs = status.at("needs_you").as_array();
  if (needs.empty()) line("Needs you", "nothing");
  for (const json::value& need : needs) {
    line("Needs you", fmt::format("{}: {}", text(need.at("title")), text(need.at("text"))));
    for (const json::value& command : need.at("commands").as_array()) line("", text(command));
  }
  bool first = true;
  for (const json::value& next : status.at("next").as_array()) {
    const std::string when =
        next.at("at").is_null()
            ? std::string()
            : clock_text(ProcessingTime::from_ms(parse_rfc3339(text(next.at("at"))).value()), now) + "  ";
    line(first ? "Next" : "", fmt::format("{}{} {}", when, text(next.at("what")), text(next.at("why"))));
    first = false;
  }
  return out;
}

}  // namespace tidecast
