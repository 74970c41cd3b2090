#include "features/commit_check.h"

#include <algorithm>

#include "features/record_id.h"

namespace tidecast {
namespace {

// Stands in a JSON text as it is.
bool is_plain(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 32; });
}

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

Status check_grid(const FeatureGroup& group, const FeatureRow& row) {
  const auto window = [&] {
    return fmt::format("window [{}, {})", to_rfc3339(row.window_start), to_rfc3339(row.window_end));
  };
  const Milliseconds width = row.window_end - row.window_start;
  if (group.kind == WindowKind::kSession)
    return width >= group.window ? ok()
                                 : invalid_argument("{} is narrower than the gap {}", window(), to_text(group.window));
  if (width == group.window &&
      floor_to(row.window_start - group.offset, group.step()) == row.window_start - group.offset)
    return ok();
  const std::string offset = group.offset == 0ms ? "" : " with offset " + to_text(group.offset);
  if (group.kind == WindowKind::kHopping)
    return invalid_argument("{} is not {} wide on the grid of {}{}", window(), to_text(group.window),
                            to_text(group.step()), offset);
  return invalid_argument("{} is not on the grid of {}{}", window(), to_text(group.window), offset);
}

// `previous`: window_end of the group's last row that was no correction.  Of a group with keys, several series have a
// window that ends then.
Status check_order(const FeatureGroup& group, const FeatureRow& row, std::optional<EventTime> previous) {
  // Of any window that the watermark has passed, also of one that closed without a row.
  if (row.revision > 0) return ok();
  if (!previous || row.window_end > *previous || (!group.keys.empty() && row.window_end == *previous)) return ok();
  return invalid_argument("window end {} is {} the last row's {}", to_rfc3339(row.window_end),
                          group.keys.empty() ? "not after" : "before", to_rfc3339(*previous));
}

Status check_row(const FeatureGroup& group, const FeatureRow& row, std::optional<EventTime> previous) {
  if (row.window_start.ms() < kCalendarBeginMs || row.window_end.ms() >= kCalendarEndMs)
    return invalid_argument("the window from {} ms to {} ms is outside the calendar", row.window_start.ms(),
                            row.window_end.ms());
  TRY(check_grid(group, row));
  TRY(check_order(group, row, previous));
  if (row.deleted) return invalid_argument("a tombstone: rows are erased by erase()");
  if (!group.keys.empty() || !row.key.empty())
    if (const auto key = key_values(group.keys, row.key); !key.ok())
      return invalid_argument("window end {}: {}", to_rfc3339(row.window_end), key.message());
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
    if (row.revision == 0) newest[index] = row.window_end;
  }
  for (const ArchivedRecord& record : commit.archived) {
    if (last_number && record.number <= *last_number)
      return invalid_argument("record number {} is not after {}", record.number, *last_number);
    if (record.verdict != "stored" && record.verdict != "late")
      return invalid_argument("record {}: verdict '{}', expected stored or late", record.number, record.verdict);
    if (!is_plain(record.source) || !is_plain(record.event))
      return invalid_argument("record {}: source '{}', event '{}': a quote, a backslash or a control character",
                              record.number, record.source, record.event);
    last_number = record.number;
  }
  if (commit.gap) TRY(check_gap(*commit.gap));
  return ok();
}

}  // namespace tidecast
