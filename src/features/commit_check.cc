#include "features/commit_check.h"

namespace tidecast {
namespace {

Status check_values(const FeatureGroup& group, const FeatureRow& row) {
  if (row.values.size() != group.columns.size())
    return invalid_argument("{} values, the group has {} columns", row.values.size(), group.columns.size());
  for (std::size_t i = 0; i < row.values.size(); ++i) {
    const FeatureColumn& column = group.columns[i];
    const bool fits = row.values[i].index() == 0 ||
                      std::holds_alternative<std::int64_t>(row.values[i]) == (column.type == FieldType::kInteger);
    if (!fits) return invalid_argument("column {}: the value is no {}", column.name, name_of(column.type));
  }
  return ok();
}

Status check_row(const FeatureGroup& group, const FeatureRow& row, std::optional<EventTime> previous) {
  if (row.window_start.ms() < kCalendarBeginMs || row.window_end.ms() >= kCalendarEndMs)
    return invalid_argument("the window from {} ms to {} ms is outside the calendar", row.window_start.ms(),
                            row.window_end.ms());
  if (row.window_end - row.window_start != group.window || floor_to(row.window_start, group.window) != row.window_start)
    return invalid_argument("window [{}, {}) is not on the grid of {}", to_rfc3339(row.window_start),
                            to_rfc3339(row.window_end), to_text(group.window));
  if (previous && row.window_end <= *previous)
    return invalid_argument("window end {} is not after the last row's {}", to_rfc3339(row.window_end),
                            to_rfc3339(*previous));
  return check_values(group, row);
}

Status check_gap(const SourceGap& gap) {
  if (gap.from.ms() < kCalendarBeginMs || gap.until.ms() >= kCalendarEndMs)
    return invalid_argument("the gap from {} ms to {} ms is outside the calendar", gap.from.ms(), gap.until.ms());
  if (gap.until < gap.from)
    return invalid_argument("the gap from {} ends before it begins, at {}", to_rfc3339(gap.from),
                            to_rfc3339(gap.until));
  return ok();
}

}  // namespace

Status check_commit(const Commit& commit, std::span<const FeatureGroup> groups,
                    std::vector<std::optional<EventTime>> newest, std::optional<std::uint64_t> last_number) {
  if (!commit.books.balanced()) {
    const Books& b = commit.books;
    return invalid_argument("the books do not balance: read {} = stored {} + duplicate {} + late {} + dead {}", b.read,
                            b.stored, b.duplicate, b.late, b.dead);
  }
  for (const auto& [index, row] : commit.closed) {
    if (index >= groups.size()) return invalid_argument("no feature group {}", index);
    TRY(check_row(groups[index], row, newest[index]).in("feature group " + groups[index].name));
    newest[index] = row.window_end;
  }
  for (const ArchivedRecord& record : commit.archived) {
    if (last_number && record.number <= *last_number)
      return invalid_argument("record number {} is not after {}", record.number, *last_number);
    if (record.verdict != "stored" && record.verdict != "late")
      return invalid_argument("record {}: verdict '{}', expected stored or late", record.number, record.verdict);
    last_number = record.number;
  }
  if (commit.gap) TRY(check_gap(*commit.gap));
  return ok();
}

}  // namespace tidecast
