#include "stream/engine_state_before.h"

#include <algorithm>

#include "stream/piece.h"
#include "stream/window_group.h"

namespace tidecast {
namespace {

// Takes values from the front; after it has run out, ok() is false.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  template <typename T>
  T take() {
    T value{};
    const std::string_view bytes = take_bytes(sizeof value);
    if (ok_) std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  std::string_view take_bytes(std::size_t n) {
    if (n > rest_.size()) ok_ = false;
    if (!ok_) return {};
    const std::string_view taken = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return taken;
  }
  std::optional<EventTime> take_time() {
    if (take<std::uint8_t>() == 0) return std::nullopt;
    return EventTime::from_ms(take<std::int64_t>());
  }
  bool ok() const { return ok_; }
  bool at_end() const { return ok_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

struct Layout {
  std::string_view name, window;
  std::vector<std::string_view> columns;  // "sum(fee integer)".
};

Layout parse_layout(std::string_view text) {
  constexpr std::string_view kWindow = ": window ";
  Layout layout;
  const std::size_t colon = text.find(kWindow);
  if (colon == text.npos) return layout;
  layout.name = text.substr(0, colon);
  text.remove_prefix(colon + kWindow.size());
  for (bool first = true; !text.empty(); first = false) {
    const std::size_t end = std::min(text.find(", "), text.size());
    const std::string_view part = text.substr(0, end);
    if (first)
      layout.window = part;
    else
      layout.columns.push_back(part.substr(std::min(part.find(' '), part.size() - 1) + 1));
    text.remove_prefix(std::min(end + 2, text.size()));
  }
  return layout;
}

// An accumulator as today's state (aggregate_cells.h).
std::string state_of(std::string_view column, std::int64_t count, __int128 integer, double number) {
  const bool extreme = column.starts_with("min(") || column.starts_with("max(");
  std::string state;
  put_number(state, static_cast<std::uint64_t>(extreme ? count > 0 : count));
  if (column.starts_with("count(")) return state;
  if (column.ends_with(" integer)"))
    put_signed(state, integer);
  else
    put_double(state, number);
  return state;
}

// A group's windows as a snapshot of today's (window_base.h, aligned_windows.h).
std::string windows_of(const Layout& layout, Milliseconds width, std::optional<EventTime> watermark, Reader& reader) {
  std::vector<bool> again;  // A column that counts what one before it counts stands there once.
  for (auto column = layout.columns.begin(); column != layout.columns.end(); ++column)
    again.push_back(std::find(layout.columns.begin(), column, *column) != column);
  std::string bytes;
  put_number(bytes, 1);
  put_number(bytes, watermark ? 1 : 0);
  if (watermark) put_signed(bytes, watermark->ms());
  put_number(bytes, 0);
  put_number(bytes, static_cast<std::size_t>(std::ranges::count(again, false)));
  for (std::size_t c = 0; c < again.size(); ++c)
    if (!again[c]) put_text(bytes, layout.columns[c]);
  const auto windows = reader.take<std::uint32_t>();
  put_number(bytes, windows);
  for (std::uint32_t w = 0; w < windows && reader.ok(); ++w) {
    put_signed(bytes, reader.take<std::int64_t>() / width.count());
    put_number(bytes, 1);
    put_text(bytes, "");
    for (std::size_t c = 0; c < again.size(); ++c) {
      const auto count = reader.take<std::int64_t>();
      const auto integer = reader.take<__int128>();
      const auto number = reader.take<double>();
      if (!again[c]) put_text(bytes, state_of(layout.columns[c], count, integer, number));
    }
  }
  put_number(bytes, 0);
  return bytes;
}

}  // namespace

Status read_state_before(const PipelineOptions& options, std::string_view body, Watermarks& watermarks,
                         const Operators& operators) {
  Reader reader(body);
  const bool knows_newest = reader.take_bytes(4).back() == '\2';
  std::optional<EventTime> newest = knows_newest ? reader.take_time() : std::nullopt;
  for (auto groups = reader.take<std::uint32_t>(); groups > 0 && reader.ok(); --groups) {
    const std::string_view text = reader.take_bytes(reader.take<std::uint32_t>());
    const std::optional<EventTime> watermark = reader.take_time();
    if (!reader.ok()) break;
    const Layout layout = parse_layout(text);
    const auto group = std::ranges::find(options.groups, layout.name, &WindowGroup::name);
    const auto g = static_cast<std::size_t>(group - options.groups.begin());
    if (group == options.groups.end() || layout_of(options, g) != fmt::format("tumbling {}", layout.window))
      return failed_precondition(
          "the store has the group '{}', and the definition has none like it; take it back as it was, or start with a "
          "new data folder",
          text);
    const std::string windows = windows_of(layout, group->window, watermark, reader);
    if (!reader.ok()) break;
    watermarks.watermark(g) = watermark;
    TRY(operators[g]->restore(windows, true));
    // Of version 1: off by as much as a lateness was changed since; unknown before 1970.
    if (!knows_newest && watermark && *watermark > EventTime::epoch())
      newest = std::max(newest.value_or(EventTime::min()), *watermark + group->lateness);
  }
  if (!reader.at_end()) return damaged_engine_state("of the wrong length");
  watermarks.newest_of(0, 0) = newest;
  return ok();
}

}  // namespace tidecast
