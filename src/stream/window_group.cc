#include "stream/window_group.h"

#include <algorithm>

#include "stream/predicate.h"

namespace tidecast {

std::string_view name_of(AggregateKind kind) {
  switch (kind) {
    case AggregateKind::kCount: return "count";
    case AggregateKind::kSum: return "sum";
    case AggregateKind::kMin: return "min";
    case AggregateKind::kMax: return "max";
    case AggregateKind::kAvg: return "avg";
    case AggregateKind::kCountDistinct: return "count_distinct";
    case AggregateKind::kStddev: return "stddev";
    case AggregateKind::kFirst: return "first";
    case AggregateKind::kLast: return "last";
    case AggregateKind::kQuantile: return "quantile";
  }
  return "unknown";
}

namespace {

// "sum(fee)"; the store keeps it, so another spelling would be another meaning.
std::string meaning_of(const AggregateColumn& column, const EventMapping& event) {
  const std::string field = column.field ? event.fields[*column.field].name : "";
  if (column.kind == AggregateKind::kQuantile) return fmt::format("quantile({}, {})", field, column.quantile);
  return fmt::format("{}({})", name_of(column.kind), field);
}

GroupMeaning meaning_of(const WindowGroup& group, const EventMapping& event) {
  GroupMeaning meaning{.event = event.name, .where = group.where};
  const auto add = [&](std::size_t field) {
    meaning.fields.emplace(event.fields[field].name, meaning_of(event.fields[field]));
  };
  for (const std::size_t key : group.key) add(key);
  for (const AggregateColumn& column : group.columns)
    if (column.field) add(*column.field);
  if (group.where.empty()) return meaning;
  // What cannot be read is refused by check_options().
  if (const auto where = Predicate::parse(group.where, event); where.ok())
    for (const std::size_t field : where->fields()) add(field);
  return meaning;
}

FeatureColumn feature_column_of(const AggregateColumn& column, const EventMapping& event) {
  using K = AggregateKind;
  if (column.kind == K::kCount || column.kind == K::kCountDistinct)
    return {column.name, FieldType::kInteger, "", EmptyWindow::kZero, meaning_of(column, event)};
  const EventField& field = event.fields[*column.field];
  const bool number = column.kind == K::kAvg || column.kind == K::kStddev || column.kind == K::kQuantile;
  return {column.name, number ? FieldType::kNumber : field.type, field.unit,
          column.kind == K::kSum ? EmptyWindow::kZero : EmptyWindow::kNull, meaning_of(column, event)};
}

Status check_column(const AggregateColumn& column, const EventMapping& event) {
  if (column.field && *column.field >= event.fields.size())
    return invalid_argument("field {} of {} fields", *column.field, event.fields.size());
  if (column.kind == AggregateKind::kCount) return ok();
  if (!column.field) return invalid_argument("{} of no field; only count may have none", name_of(column.kind));
  if (column.kind == AggregateKind::kQuantile && !(column.quantile >= 0 && column.quantile <= 1))
    return invalid_argument("quantile {}; allowed: 0 to 1", column.quantile);
  const EventField& field = event.fields[*column.field];
  if (column.kind != AggregateKind::kCountDistinct && field.type != FieldType::kInteger &&
      field.type != FieldType::kNumber)
    return invalid_argument("{} of '{}', which is {}; allowed: integer, number", name_of(column.kind), field.name,
                            name_of(field.type));
  return ok();
}

Status check_windows(const WindowGroup& group) {
  if (group.window <= 0ms || group.window > kWidestWindow)
    return invalid_argument("window is {} ms; allowed: above 0, up to {}", group.window.count(),
                            to_text(kWidestWindow));
  const bool hopping = group.kind == WindowKind::kHopping, session = group.kind == WindowKind::kSession;
  if (hopping && (group.every <= 0ms || group.window % group.every != 0ms))
    return invalid_argument("every is {} ms; allowed: what divides the window, {}", group.every.count(),
                            to_text(group.window));
  const Milliseconds step = hopping ? group.every : session ? 1ms : group.window;
  if (group.offset < 0ms || group.offset >= step)
    return invalid_argument("offset is {} ms; allowed: {}", group.offset.count(),
                            session ? "0, for sessions are on no grid" : "0 up to " + to_text(step));
  if (group.lateness < 0ms) return invalid_argument("lateness is {} ms; allowed: 0 or above", group.lateness.count());
  if (group.allowed_lateness < 0ms || (session && group.allowed_lateness > 0ms))
    return invalid_argument("allowed lateness is {} ms; allowed: {}", group.allowed_lateness.count(),
                            session ? "0, for sessions are not corrected" : "0 or above");
  if (group.close_when_idle && *group.close_when_idle <= 0ms)
    return invalid_argument("close_when_idle is {} ms; allowed: above 0", group.close_when_idle->count());
  return ok();
}

Status check_group(const WindowGroup& group, const PipelineOptions& options) {
  if (group.event >= options.events.size())
    return invalid_argument("event {} of {} events", group.event, options.events.size());
  const EventMapping& event = options.events[group.event];
  TRY(check_windows(group));
  for (std::size_t k = 0; k < group.key.size(); ++k) {
    if (group.key[k] >= event.fields.size())
      return invalid_argument("key: field {} of {} fields", group.key[k], event.fields.size());
    const EventField& field = event.fields[group.key[k]];
    if (field.type == FieldType::kNumber)
      return invalid_argument("key '{}' is number; allowed: integer, text, boolean", field.name);
    if (std::ranges::count(group.key, group.key[k]) > 1) return invalid_argument("key '{}' twice", field.name);
  }
  for (const AggregateColumn& column : group.columns) TRY(check_column(column, event).in(column.name));
  if (group.where.empty()) return ok();
  return Predicate::parse(group.where, event).status().in("where");
}

// What stands in the archive's lines as it is.
bool is_plain(std::string_view name) {
  return std::ranges::none_of(name, [](char c) { return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 32; });
}

Status check_sources(const std::vector<PipelineSource>& sources) {
  if (sources.empty()) return invalid_argument("no source; allowed: at least one");
  for (const PipelineSource& source : sources) {
    if (source.name.empty() || !is_plain(source.name))
      return invalid_argument("source '{}'; allowed: names without quotes, backslashes and control characters",
                              source.name);
    if (std::ranges::count(sources, source.name, &PipelineSource::name) > 1)
      return invalid_argument("two sources called '{}'", source.name);
    if (source.idle_after && *source.idle_after <= 0ms)
      return invalid_argument("{}: idle_after is {} ms; allowed: above 0", source.name, source.idle_after->count());
  }
  return ok();
}

Status check_events(const PipelineOptions& options) {
  if (options.events.empty()) return invalid_argument("no event; allowed: at least one");
  const EventMapping* with_id = nullptr;
  for (const EventMapping& event : options.events) {
    if (!is_plain(event.name) || event.name == "-")
      return invalid_argument("event '{}'; allowed: names without quotes, backslashes and control characters",
                              event.name);
    if (std::ranges::count(options.events, event.name, &EventMapping::name) > 1)
      return invalid_argument("two events called '{}'", event.name);
    for (const std::size_t source : event.sources)
      if (source >= options.sources.size())
        return invalid_argument("event '{}': source {} of {} sources", event.name, source, options.sources.size());
    if (event.id.empty()) continue;
    if (with_id != nullptr && with_id->deduplicate_for != event.deduplicate_for)
      return invalid_argument("events '{}' and '{}' have another deduplicate_for; allowed: the same", with_id->name,
                              event.name);
    with_id = &event;
  }
  return ok();
}

}  // namespace

std::string meaning_of(const EventField& field) {
  std::string text = fmt::format("{} {}", name_of(field.type), field.pointer);
  if (!field.else_plus.empty())
    text += fmt::format(" or {} - {}", fmt::join(field.else_plus, " + "), fmt::join(field.else_minus, " - "));
  return text;
}

FeatureGroup feature_group_of(const WindowGroup& group, const EventMapping& event) {
  FeatureGroup features;
  features.name = group.name;
  features.window = group.window;
  features.kind = group.kind;
  features.every = group.every;
  features.offset = group.offset;
  features.renamed_from = group.renamed_from;
  for (const std::size_t key : group.key) features.keys.push_back({event.fields[key].name, event.fields[key].type});
  for (const AggregateColumn& column : group.columns) features.columns.push_back(feature_column_of(column, event));
  features.meaning = meaning_of(group, event);
  return features;
}

Status check_options(const PipelineOptions& options) {
  TRY(check_sources(options.sources));
  TRY(check_events(options));
  for (const WindowGroup& group : options.groups) {
    if (std::ranges::count(options.groups, group.name, &WindowGroup::name) > 1)
      return invalid_argument("two groups called '{}'", group.name);
    TRY(check_group(group, options).in(group.name));
  }
  return ok();
}

std::string layout_of(const PipelineOptions& options, std::size_t index) {
  const WindowGroup& group = options.groups[index];
  const EventMapping& event = options.events[group.event];
  std::string layout = fmt::format("{} {}", name_of(group.kind), to_text(group.window));
  if (group.kind == WindowKind::kHopping) layout += " every " + to_text(group.every);
  if (group.offset != 0ms) layout += " offset " + to_text(group.offset);
  for (std::size_t k = 0; k < group.key.size(); ++k)
    layout += fmt::format("{}{} {}", k == 0 ? " by " : ", ", event.fields[group.key[k]].name,
                          name_of(event.fields[group.key[k]].type));
  if (!event.name.empty()) layout += " of " + event.name;
  return layout;
}

Status check_store(const PipelineOptions& options, const FeatureStore& store) {
  const std::vector<FeatureGroup>& kept = store.groups();
  if (kept.size() != options.groups.size())
    return failed_precondition("the store has {} groups, the pipeline {}", kept.size(), options.groups.size());
  for (std::size_t g = 0; g < kept.size(); ++g) {
    const WindowGroup& group = options.groups[g];
    if (kept[g].name != group.name || kept[g].window != group.window || kept[g].columns.size() != group.columns.size())
      return failed_precondition(
          "group {} is {} ({}, {} columns) in the store, "
          "but {} ({}, {} columns) in the pipeline",
          g, kept[g].name, to_text(kept[g].window), kept[g].columns.size(), group.name, to_text(group.window),
          group.columns.size());
  }
  return ok();
}

}  // namespace tidecast
