#include "stream/engine_state.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/hash.h"

namespace tidecast {
namespace {

constexpr std::string_view kMagic{"TCS\2", 4}, kMagicBefore{"TCS\1", 4};
constexpr std::size_t kChecksum = 8;
constexpr std::size_t kColumn = 8 + 16 + 8;  // Bytes of an accumulator.

static_assert(std::endian::native == std::endian::little, "the format is written in the machine's order");

std::string checksum(std::string_view bytes) {
  const auto digest = sha256(bytes);
  return {reinterpret_cast<const char*>(digest.data()), kChecksum};
}

template <typename T>
void put(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// Takes values from the front; after it has run out, nothing it gives means anything and ok() is false.
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
  bool ok() const { return ok_; }
  std::size_t left() const { return rest_.size(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

// Far outside of all that the decoder lets in, yet no sum with a window's width overflows.
bool plausible(EventTime time) { return time.ms() > -(std::int64_t{1} << 60) && time.ms() < std::int64_t{1} << 60; }

Status damaged(std::string_view what) { return data_loss("engine state is damaged: {}", what); }

Status no_such_group(std::span<const GroupShape> shapes, std::string_view layout) {
  std::string known;
  for (const GroupShape& shape : shapes) known += fmt::format("{}'{}'", known.empty() ? "" : ", ", shape.layout);
  return failed_precondition(
      "the store has the group '{}', and the definition has {}; take the group back as it was, or start with a new "
      "data folder",
      layout, known);
}

void put(std::string& bytes, const std::optional<EventTime>& time) {
  put(bytes, static_cast<std::uint8_t>(time ? 1 : 0));
  if (time) put(bytes, time->ms());
}

Result<std::optional<EventTime>> take_time(Reader& reader, std::string_view what) {
  const auto there = reader.take<std::uint8_t>();
  if (there > 1) return damaged(fmt::format("no flag before the {}", what));
  if (there == 0) return std::optional<EventTime>();
  const EventTime time = EventTime::from_ms(reader.take<std::int64_t>());
  if (!plausible(time)) return damaged(fmt::format("a {} out of time", what));
  return std::optional(time);
}

Result<TumblingWindow::State> decode_group(const GroupShape& shape, Reader& reader) {
  TumblingWindow::State state;
  state.watermark = TRY(take_time(reader, "watermark"));
  const auto windows = reader.take<std::uint32_t>();
  if (!reader.ok() || windows > reader.left() / (8 + shape.columns * kColumn))
    return damaged("more windows than bytes");
  for (std::uint32_t w = 0; w < windows; ++w) {
    OpenWindow window{EventTime::from_ms(reader.take<std::int64_t>()), {}};
    if (!plausible(window.start)) return damaged("a window out of time");
    if (window.start.ms() % shape.window.count() != 0) return damaged("a window off the grid");
    if (!state.open.empty() && window.start <= state.open.back().start) return damaged("windows out of order");
    for (std::size_t c = 0; c < shape.columns; ++c) {
      Accumulator total;
      total.count = reader.take<std::int64_t>();
      total.integer = reader.take<__int128>();
      total.number = reader.take<double>();
      if (total.count < 0) return damaged("a negative count");
      window.totals.push_back(total);
    }
    state.open.push_back(std::move(window));
  }
  return state;
}

}  // namespace

void encode_engine_state(std::span<const GroupShape> shapes, std::optional<EventTime> newest,
                         std::span<const TumblingWindow::State* const> states, std::string& bytes) {
  CHECK(shapes.size() == states.size());
  bytes = kMagic;
  put(bytes, newest);
  put(bytes, static_cast<std::uint32_t>(shapes.size()));
  for (std::size_t g = 0; g < shapes.size(); ++g) {
    put(bytes, static_cast<std::uint32_t>(shapes[g].layout.size()));
    bytes += shapes[g].layout;
    const TumblingWindow::State& state = *states[g];
    put(bytes, state.watermark);
    put(bytes, static_cast<std::uint32_t>(state.open.size()));
    for (const OpenWindow& window : state.open) {
      put(bytes, window.start.ms());
      for (const Accumulator& total : window.totals) {
        put(bytes, total.count);
        put(bytes, total.integer);
        put(bytes, total.number);
      }
    }
  }
  bytes += checksum(bytes);
}

Result<EngineState> decode_engine_state(std::span<const GroupShape> shapes, std::string_view bytes) {
  if (bytes.size() < kMagic.size() + kChecksum) return damaged("too short");
  const std::string_view body = bytes.substr(0, bytes.size() - kChecksum);
  if (checksum(body) != bytes.substr(body.size())) return damaged("its checksum is wrong");
  Reader reader(body);
  const std::string_view magic = reader.take_bytes(kMagic.size());
  if (magic != kMagic && magic != kMagicBefore) return damaged("not of version 1 or 2");
  EngineState state{{}, std::vector<TumblingWindow::State>(shapes.size())};
  if (magic == kMagic) state.newest = TRY(take_time(reader, "newest event time"));
  std::vector<bool> found(shapes.size());
  for (auto groups = reader.take<std::uint32_t>(); groups > 0; --groups) {
    const std::string_view layout = reader.take_bytes(reader.take<std::uint32_t>());
    if (!reader.ok()) return damaged("cut off");
    const auto shape = std::ranges::find(shapes, layout, &GroupShape::layout);
    if (shape == shapes.end()) return no_such_group(shapes, layout);
    const auto g = static_cast<std::size_t>(shape - shapes.begin());
    if (found[g]) return damaged("a group twice");
    found[g] = true;
    state.groups[g] = TRY(decode_group(*shape, reader));
  }
  if (!reader.ok() || reader.left() != 0) return damaged("of the wrong length");
  return state;
}

}  // namespace tidecast
