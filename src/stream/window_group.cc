#include "stream/window_group.h"

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

FeatureColumn feature_column_of(const AggregateColumn& column, const EventMapping& event) {
  const EventField* field = column.field ? &event.fields[*column.field] : nullptr;
  if (column.kind == AggregateKind::kCount) return {column.name, FieldType::kInteger, "", EmptyWindow::kZero};
  const FieldType type = column.kind == AggregateKind::kAvg ? FieldType::kNumber : field->type;
  return {column.name, type, field->unit, column.kind == AggregateKind::kSum ? EmptyWindow::kZero : EmptyWindow::kNull};
}

Status check_column(const AggregateColumn& column, const EventMapping& event) {
  if (column.field && *column.field >= event.fields.size())
    return invalid_argument("field {} of {} fields", *column.field, event.fields.size());
  if (column.kind == AggregateKind::kCount) return ok();
  if (!column.field) return invalid_argument("{} of no field; only count may have none", name_of(column.kind));
  const EventField& field = event.fields[*column.field];
  if (field.type != FieldType::kInteger && field.type != FieldType::kNumber)
    return invalid_argument("{} of '{}', which is {}; allowed: integer, number", name_of(column.kind), field.name,
                            name_of(field.type));
  return ok();
}

}  // namespace

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
  return features;
}

Status check_options(const PipelineOptions& options) {
  for (const WindowGroup& group : options.groups) {
    if (group.window <= 0ms || group.window > kWidestWindow)
      return invalid_argument("{}: window is {} ms; allowed: above 0, up to {}", group.name, group.window.count(),
                              to_text(kWidestWindow));
    if (group.lateness < 0ms)
      return invalid_argument("{}: lateness is {} ms; allowed: 0 or above", group.name, group.lateness.count());
    for (const AggregateColumn& column : group.columns)
      TRY(check_column(column, options.events[group.event]).in(fmt::format("{}: {}", group.name, column.name)));
  }
  return ok();
}

std::string layout_of(const WindowGroup& group, const EventMapping& event) {
  std::string layout = fmt::format("{}: window {}", group.name, to_text(group.window));
  for (const AggregateColumn& column : group.columns) {
    layout += fmt::format(", {} {}(", column.name, name_of(column.kind));
    if (column.field)
      layout += fmt::format("{} {}", event.fields[*column.field].name, name_of(event.fields[*column.field].type));
    layout += ')';
  }
  return layout;
}

}  // namespace tidecast
