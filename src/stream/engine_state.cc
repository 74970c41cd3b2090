#include "stream/engine_state.h"

#include <algorithm>

#include "base/hash.h"
#include "stream/engine_state_before.h"
#include "stream/piece.h"
#include "stream/window_group.h"

namespace tidecast {
namespace {

constexpr std::string_view kMagic{"TCS\3", 4};
constexpr std::size_t kChecksum = 8;

std::string checksum(std::string_view bytes) {
  const auto digest = sha256(bytes);
  return {reinterpret_cast<const char*>(digest.data()), kChecksum};
}

template <typename Time>
void put_time(std::string& bytes, const std::optional<Time>& time) {
  put_number(bytes, time ? 1 : 0);
  if (time) put_signed(bytes, time->ms());
}
template <typename Time>
std::optional<Time> take_time(PieceReader& piece) {
  if (piece.number(1) == 0) return std::nullopt;
  return Time::from_ms(piece.time().ms());
}

// The index of the one of that name; size() if there is none.
template <typename Named>
std::size_t index_of(const std::vector<Named>& all, std::string_view name) {
  return static_cast<std::size_t>(std::ranges::find(all, name, &Named::name) - all.begin());
}

Status check_group(const PipelineOptions& options, std::size_t g, std::string_view name, std::string_view layout) {
  const std::string now = layout_of(options, g);
  if (layout == now) return ok();
  return failed_precondition(
      "the group '{}' was {} and is {} now; take it back as it was, give the new one another name beside it, or start "
      "with a new data folder",
      name, layout, now);
}

Status read_groups(const PipelineOptions& options, PieceReader& piece, bool snapshot, Watermarks& watermarks,
                   const Operators& operators) {
  std::vector<bool> found(operators.size());
  for (std::uint64_t groups = piece.number(); groups > 0 && piece.ok(); --groups) {
    const std::string_view name = piece.text(), layout = piece.text();
    const auto watermark = take_time<EventTime>(piece);
    const std::string_view windows = piece.text();
    if (!piece.ok()) return damaged_engine_state("cut off");
    const std::size_t g = index_of(options.groups, name);
    if (g == options.groups.size()) continue;
    TRY(check_group(options, g, name, layout));
    if (found[g]) return damaged_engine_state("a group twice");
    found[g] = true;
    watermarks.watermark(g) = watermark;
    TRY(operators[g]->restore(windows, snapshot));
  }
  return ok();
}

Status read_piece(const PipelineOptions& options, std::string_view bytes, bool first, Watermarks& watermarks,
                  const Operators& operators, std::vector<std::string>& gone) {
  PieceReader piece(bytes);
  const bool snapshot = piece.number(1) == 0;
  if (snapshot != first) return damaged_engine_state(first ? "it does not begin" : "it begins twice");
  for (std::uint64_t sources = piece.number(); sources > 0 && piece.ok(); --sources) {
    const std::string_view name = piece.text();
    const std::size_t s = index_of(options.sources, name);
    const Watermarks::Source source{take_time<ProcessingTime>(piece), piece.number(1) == 1};
    if (s < options.sources.size())
      watermarks.sources()[s] = source;
    else if (std::ranges::find(gone, name) == gone.end())
      gone.emplace_back(name);
  }
  for (std::uint64_t events = piece.number(); events > 0 && piece.ok(); --events) {
    const std::size_t e = index_of(options.events, piece.text());
    for (std::uint64_t sources = piece.number(); sources > 0 && piece.ok(); --sources) {
      const std::size_t s = index_of(options.sources, piece.text());
      const auto newest = take_time<EventTime>(piece);
      if (e < options.events.size() && s < options.sources.size()) watermarks.newest_of(e, s) = newest;
    }
  }
  TRY(read_groups(options, piece, snapshot, watermarks, operators));
  return piece.at_end() ? ok() : damaged_engine_state("of the wrong length");
}

}  // namespace

Status damaged_engine_state(std::string_view what) { return data_loss("engine state is damaged: {}", what); }

void encode_engine_state(const PipelineOptions& options, const Watermarks& watermarks, const Operators& operators,
                         bool snapshot, std::string& bytes) {
  bytes = kMagic;
  put_number(bytes, snapshot ? 0 : 1);
  put_number(bytes, options.sources.size());
  for (std::size_t s = 0; s < options.sources.size(); ++s) {
    put_text(bytes, options.sources[s].name);
    put_time(bytes, watermarks.sources()[s].heard);
    put_number(bytes, watermarks.sources()[s].idle ? 1 : 0);
  }
  put_number(bytes, options.events.size());
  for (std::size_t e = 0; e < options.events.size(); ++e) {
    put_text(bytes, options.events[e].name);
    put_number(bytes, options.sources.size());
    for (std::size_t s = 0; s < options.sources.size(); ++s) {
      put_text(bytes, options.sources[s].name);
      put_time(bytes, watermarks.newest_of(e, s));
    }
  }
  put_number(bytes, operators.size());
  std::string windows;
  for (std::size_t g = 0; g < operators.size(); ++g) {
    put_text(bytes, options.groups[g].name);
    put_text(bytes, layout_of(options, g));
    put_time(bytes, watermarks.watermark(g));
    windows.clear();
    snapshot ? operators[g]->append_snapshot(windows) : operators[g]->append_changes(windows);
    put_text(bytes, windows);
  }
  bytes += checksum(bytes);
}

Status decode_engine_state(const PipelineOptions& options, std::span<const std::string> pieces, Watermarks& watermarks,
                           const Operators& operators, std::vector<std::string>& gone) {
  for (std::size_t p = 0; p < pieces.size(); ++p) {
    const std::string_view bytes = pieces[p];
    if (bytes.size() < kMagic.size() + kChecksum) return damaged_engine_state("too short");
    const std::string_view body = bytes.substr(0, bytes.size() - kChecksum);
    if (checksum(body) != bytes.substr(body.size())) return damaged_engine_state("its checksum is wrong");
    if (body.starts_with(kMagic))
      TRY(read_piece(options, body.substr(kMagic.size()), p == 0, watermarks, operators, gone));
    else if (pieces.size() == 1 && (body.starts_with("TCS\1") || body.starts_with("TCS\2")))
      TRY(read_state_before(options, body, watermarks, operators));
    else
      return damaged_engine_state("not of version 1, 2 or 3");
  }
  return ok();
}

}  // namespace tidecast
