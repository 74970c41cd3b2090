// describe(): a definition in words, for `tidecast check`.
#include <algorithm>

#include "app/definition.h"

namespace tidecast {
namespace {

constexpr std::size_t kWidth = 100;
constexpr std::size_t kLabel = 12;  // Columns of the labels on the left.

// Labelled paragraphs, wrapped between words; a word longer than a line is cut.
class Screen {
 public:
  void add(std::string_view label, std::string_view text, std::size_t indent = 0) {
    const std::size_t left = 1 + kLabel + indent;
    std::string line = fmt::format(" {:<{}}{:{}}", label, kLabel, "", indent);
    const auto finish = [&] {
      while (line.ends_with(' ')) line.pop_back();
      text_ += line + "\n";
      line.assign(left + 2, ' ');  // What goes on is set in a little.
    };
    for (bool first = true; !text.empty();) {
      std::string_view word = text.substr(0, text.find(' '));
      text.remove_prefix(std::min(word.size() + 1, text.size()));
      if (word.empty()) line += ' ';  // One of several spaces, which align.
      while (!word.empty()) {
        if (line.size() + word.size() + (first ? 0 : 1) > kWidth && !first) {
          finish();
          first = true;
        }
        const std::string_view part = word.substr(0, kWidth - line.size());
        line += (first ? "" : " ");
        line += part;
        word.remove_prefix(part.size());
        first = false;
      }
    }
    finish();
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

std::string_view name_of_unit(TimeUnit unit) {
  switch (unit) {
    case TimeUnit::kSeconds: return "s";
    case TimeUnit::kMilliseconds: return "ms";
    case TimeUnit::kMicroseconds: return "us";
    case TimeUnit::kNanoseconds: return "ns";
    case TimeUnit::kRfc3339: return "rfc3339";
    case TimeUnit::kFormat: return "in a format of its own";
  }
  return "?";
}

std::string formula(const AggregateColumn& column, const EventMapping& event) {
  const std::string field = column.field ? event.fields[*column.field].name : "";
  if (column.kind == AggregateKind::kQuantile) return fmt::format("quantile({}, {:g})", field, column.quantile);
  return fmt::format("{}({})", name_of(column.kind), field);
}

std::string windows_of(const WindowGroup& group) {
  if (group.kind == WindowKind::kSession) return fmt::format("sessions that {} of silence end", to_text(group.window));
  std::string text = fmt::format("windows of {}", to_text(group.window));
  if (group.kind == WindowKind::kHopping) text += fmt::format(" every {}", to_text(group.every));
  if (group.offset > 0ms) text += fmt::format(", {} off the full", to_text(group.offset));
  return text;
}

std::string time_unit(const TimeFormat& time) {
  if (time.unit != TimeUnit::kFormat) return std::string(name_of_unit(time.unit));
  const bool offset = time.format.find("%z") != std::string::npos || time.format.find("%Ez") != std::string::npos;
  return offset ? time.format : fmt::format("{}, {}", time.format, time.zone);
}

void add_file(const SourceDefinition& source, std::string_view label, Screen& out) {
  const FileOptions& f = source.file;
  static constexpr std::string_view kFormats[] = {"", " of NDJSON", " of CSV", " of Parquet"};
  out.add(label,
          fmt::format("{}: the file {}{}, one record a line{}", source.name, f.path.string(),
                      kFormats[static_cast<std::size_t>(f.format)], f.sort_by_arrival ? ", sorted by arrival" : ""));
}

std::string replies_of(const HttpPollOptions& poll) {
  std::string text = "a reply is one record";
  if (!poll.records.empty())
    text = fmt::format("records {}, the {} first", poll.records,
                       poll.order == ReplyOrder::kNewestFirst ? "newest" : "oldest");
  if (poll.overlap) text += "; one that repeats nothing of the reply before is a gap";
  return fmt::format("{}; given up after {}", text, to_text(poll.timeout));
}

void add_poll(const SourceDefinition& source, std::string_view label, Screen& out) {
  const HttpPollOptions& p = source.poll;
  out.add(label, fmt::format("{}: polls {} every {}", source.name, p.url, to_text(p.every)));
  out.add("", replies_of(p));
  if (!p.ca_file.empty()) out.add("", fmt::format("trusts the certificates in {}", p.ca_file.string()));
}

void add_websocket(const SourceDefinition& source, std::string_view label, Screen& out) {
  const WebSocketOptions& w = source.websocket;
  out.add(label, fmt::format("{}: listens to {}; without a message for {} it connects anew", source.name, w.url,
                             to_text(w.read_timeout)));
  for (const std::string& message : w.subscribe) out.add("", "subscribes with " + message);
  if (!w.record.empty()) out.add("", fmt::format("records {} of a message", w.record));
  if (w.fill)
    out.add("", fmt::format("what it may have missed: {}, after each connecting and every {}; {}", w.fill->url,
                            to_text(w.fill_every), replies_of(*w.fill)));
}

void add_recording(const SourceDefinition& source, std::string_view label, Screen& out) {
  const RecordingOptions& r = source.recording;
  const std::string range = r.minutes > 0 ? fmt::format("minutes {} to {}", r.first_minute, r.first_minute + r.minutes)
                                          : fmt::format("from minute {} to the end", r.first_minute);
  out.add(label, fmt::format("{}: recording, {} of its schedule, a reply every {}, records {}, seed {}{}", source.name,
                             range, to_text(r.every), r.records, r.seed,
                             r.constant_fee_level ? fmt::format(", fee level always {}", *r.constant_fee_level) : ""));
  out.add("", "bodies " + r.bodies.string());
  out.add("", "schedule " + r.schedule.string());
}

void add_source(const SourceDefinition& source, bool first, Screen& out) {
  const std::string_view label = first ? "Source" : "";
  switch (source.kind) {
    case SourceDefinition::Kind::kFile: add_file(source, label, out); break;
    case SourceDefinition::Kind::kHttpPoll: add_poll(source, label, out); break;
    case SourceDefinition::Kind::kWebSocket: add_websocket(source, label, out); break;
    case SourceDefinition::Kind::kHttpPush:
      out.add(label, fmt::format("{0}: takes what is sent to POST /sources/{0}/events", source.name));
      break;
    case SourceDefinition::Kind::kRecording: add_recording(source, label, out); break;
  }
  if (source.idle_after) out.add("", fmt::format("not waited for when silent for {}", to_text(*source.idle_after)));
  if (source.history) out.add("", fmt::format("its history: {}, by tidecast backfill", source.history->url));
}

void add_event(const EventMapping& event, const Definition& d, bool first, Screen& out) {
  std::string text = event.name.empty() ? "" : event.name + ": ";
  for (const EventMatch& match : event.when)
    text += fmt::format("{}{} is {}", match.pointer == event.when[0].pointer ? "where " : " and ", match.pointer,
                        fmt::join(match.values, " or "));
  for (const std::size_t s : event.sources)
    text += fmt::format("{}{}", s == event.sources[0] ? (event.when.empty() ? "from " : ", from ") : ", ",
                        d.sources[s].name);
  if (!event.when.empty() || !event.sources.empty()) text += "; ";
  text += event.id.empty() ? "without an id: nothing is de-duplicated"
                           : fmt::format("id {}, remembered {}", fmt::join(event.id, " + "),
                                         event.deduplicate_for ? "for " + to_text(*event.deduplicate_for) : "for ever");
  text += fmt::format("; time {} ({})", event.time_pointer, time_unit(event.time));
  if (event.max_ahead) text += fmt::format(", at most {} ahead of its arrival", to_text(*event.max_ahead));
  if (event.max_behind) text += fmt::format(", at most {} behind it", to_text(*event.max_behind));
  out.add(first ? "Event" : "", text);
  std::size_t name = 0, pointer = 0;
  for (const EventField& field : event.fields) {
    name = std::max(name, field.name.size());
    pointer = std::max(pointer, field.pointer.size());
  }
  name = std::min<std::size_t>(name, 32), pointer = std::min<std::size_t>(pointer, 32);
  for (const EventField& field : event.fields)
    out.add("",
            fmt::format("{:<{}} {:<{}} {}{}{}", field.name, name, field.pointer, pointer, name_of(field.type),
                        field.unit.empty() ? "" : " in " + field.unit, field.optional ? ", optional" : ""),
            2);
}

void add_groups(const Definition& d, Screen& out) {
  for (std::size_t g = 0; g < d.groups.size(); ++g) {
    const WindowGroup& group = d.groups[g];
    const EventMapping& event = d.events[group.event];
    const auto kept = [](const std::optional<Milliseconds>& age) { return age ? "for " + to_text(*age) : "for ever"; };
    std::string text = fmt::format("{}: {}", group.name, windows_of(group));
    if (!event.name.empty()) text += " of " + event.name;
    for (const std::size_t k : group.key)
      text += fmt::format("{}{}", k == group.key[0] ? ", one series per " : " and ", event.fields[k].name);
    if (!group.where.empty()) text += fmt::format(", where {}", group.where);
    text += fmt::format(", closed {} after their end", to_text(group.lateness));
    if (group.allowed_lateness > 0ms) text += fmt::format(", corrected for {} more", to_text(group.allowed_lateness));
    if (group.close_when_idle) text += fmt::format(", or when nothing came for {}", to_text(*group.close_when_idle));
    text += "; kept online " + kept(d.keep[g].online);
    if (d.keep[g].offline) text += ", offline " + kept(d.keep[g].offline);
    out.add(g == 0 ? "Features" : "", text);
    std::size_t name = 0;
    for (const AggregateColumn& column : group.columns) name = std::max(name, column.name.size());
    for (const AggregateColumn& column : group.columns)
      out.add("", fmt::format("{:<{}} {}", column.name, name, formula(column, event)), 2);
  }
}

void add_deepar(const DeepArOptions& o, Screen& out) {
  const DeepArOptions usual;
  out.add("", fmt::format("{} layers of {} cells, dropout {}, rate {}, batches of {}, context {}", o.layers, o.cells,
                          o.dropout, o.learning_rate, o.batch,
                          o.context == usual.context ? "by the recipe" : fmt::format("{}", o.context)));
  if (o.recipe != usual.recipe) out.add("", fmt::format("recipe {}", deepar::text_of(o.recipe)));
  if (o.epochs > 0)
    out.add("", fmt::format("{} epochs{}", o.epochs,
                            o.patience > 0 ? fmt::format(", ended by {} without a better loss", o.patience) : ""));
  if (!o.likelihoods.empty() || o.members > 0) {
    std::string heads;
    for (const nn::Head head : o.likelihoods) heads += fmt::format("{}{}", heads.empty() ? "" : ", ", name_of(head));
    out.add("", fmt::format("likelihood {}{}", heads.empty() ? "by the recipe" : heads,
                            o.members > 0 ? fmt::format(", {} networks", o.members) : ""));
  }
  if (o.calibrate) out.add("", "calibrated on held-out windows");
}

void add_forecast(const Definition& d, const ForecastDefinition& f, Screen& out) {
  const auto group =
      std::find_if(d.groups.begin(), d.groups.end(), [&](const WindowGroup& g) { return g.name == f.group; });
  const Milliseconds step = group == d.groups.end()               ? Milliseconds{}
                            : group->kind == WindowKind::kHopping ? group->every
                                                                  : group->window;
  out.add("Forecast", fmt::format("{}.{}, {} steps of {} = {} ahead, by {}, seed {}", f.group, f.column, f.horizon,
                                  to_text(step), to_text(step * f.horizon), title_of(f.algorithm), f.seed));
  if (f.algorithm.is_deepar()) add_deepar(f.options, out);
  if (const auto& program = f.algorithm.program) {
    std::string own;
    for (const Hyperparameter& each : program->hyperparameters) own += fmt::format(", {} {}", each.name, each.value);
    out.add("", fmt::format("a program in {}{}; its training is stopped after {}", program->folder, own,
                            to_text(program->train_at_most)));
  }
  out.add("", fmt::format("trained on {}; first run {}",
                          f.training_window ? "the newest " + to_text(*f.training_window) : "all of its history",
                          f.first_training_after ? "after " + to_text(*f.first_training_after) + " of events"
                                                 : "as soon as there is enough"));

  const ValidationDefinition& v = d.validation;
  out.add("Gate", fmt::format("loss <= {:g} at first, update rate {:g}", v.threshold, v.update_rate));
  std::string better;
  bool production = false;
  for (const Rival rival : v.must_beat)
    if (rival == Rival::kProduction)
      production = true;
    else
      better += fmt::format("{}{}", better.empty() ? "better than " : " and ", title_of(baseline_of(rival)));
  if (production) better += fmt::format("{}not worse than production", better.empty() ? "" : ", ");
  out.add("", better.empty() ? "no rival to beat" : better);
  out.add("", fmt::format("loss: mean over quantiles {:g}, 0.5, {:g}, pooled over {} back-tests; {} paths",
                          0.5 - v.confidence / 200, 0.5 + v.confidence / 200, v.windows, v.paths));

  const DeploymentDefinition& s = d.deployment;
  out.add("Stages", fmt::format("staging {}; production {}", s.staging_auto ? "by itself" : "when a person approves",
                                !s.production_auto ? "when a person approves"
                                : s.soak > 0ms     ? "by itself, after " + to_text(s.soak)
                                                   : "by itself"));

  const MonitoringDefinition& m = d.monitoring;
  out.add("Monitoring", fmt::format("every {}; alarm at {} breaches of {}, cleared by {} good in a row",
                                    to_text(m.every), m.alarm.breaches, m.alarm.of, m.alarm.clear_after));
  out.add("", m.retrain.on_alarm ? fmt::format("an alarm retrains, not within {} of the last run, {} attempts",
                                               to_text(m.retrain.cool_down), m.retrain.attempts)
                                 : "an alarm does not retrain");
}

}  // namespace

std::string describe(const Definition& d) {
  Screen out;
  out.add("Project", fmt::format("{}  ({})", d.project, d.file.string()));
  for (const SourceDefinition& source : d.sources) add_source(source, &source == d.sources.data(), out);
  for (const EventMapping& event : d.events) add_event(event, d, &event == d.events.data(), out);
  add_groups(d, out);
  if (d.forecast)
    add_forecast(d, *d.forecast, out);
  else
    out.add("Forecast", "none: a feature store");
  const bool v6 = d.server.address.find(':') != std::string::npos;
  out.add("Server", fmt::format("http://{}{}{}:{}", v6 ? "[" : "", d.server.address, v6 ? "]" : "", d.server.port));
  out.add("Data", d.data.string());
  return out.take();
}

}  // namespace tidecast
