// Cells of aggregate_cells.h as bytes and back.

#include <cmath>

#include "stream/aggregate_cells.h"

namespace tidecast {

using Op = AggregateLayout::Op;
using cell::kUnknown;
using cell::load;
using cell::store;

namespace {

constexpr std::uint64_t kMostCount = std::uint64_t{1} << 60;  // Beyond which no sum of two could be trusted.

bool of_integers(Op op) { return op == Op::kMinInteger || op == Op::kMaxInteger; }

double finite(PieceReader& piece) {
  const double value = piece.real();
  if (!std::isfinite(value)) piece.fail();
  return value;
}

}  // namespace

void AggregateCells::write(std::uint32_t c, bool all, std::string& bytes) {
  for (const State& state : layout_->states()) {
    const std::uint64_t* const words = at(c) + state.word;
    const std::size_t begin = bytes.size();
    bytes += '\0';  // The length; most are below 128.
    if (words[0] != kUnknown) write_state(state, words, all, bytes);
    const std::size_t length = bytes.size() - begin - 1;
    std::string prefix;
    put_number(prefix, length);
    bytes.replace(begin, 1, prefix);
  }
}

void AggregateCells::write_state(const State& state, const std::uint64_t* words, bool all, std::string& bytes) {
  if (state.op == Op::kQuantile)
    return words[0] == 0 ? QuantileSketch().write(bytes) : sketches_[words[0] - 1].write(bytes);
  if (state.op == Op::kDistinct) {
    static const KeyTable kNothing;
    Distinct* const distinct = words[0] == 0 ? nullptr : &distinct_[words[0] - 1];
    const KeyTable& values = distinct != nullptr ? distinct->values : kNothing;
    const std::uint32_t from = all || distinct == nullptr ? 0 : distinct->written;
    put_number(bytes, from);
    for (std::uint32_t v = from; v < values.size(); ++v) put_text(bytes, values[v]);
    if (distinct != nullptr) distinct->written = values.size();
    return;
  }
  put_number(bytes, words[0]);
  switch (state.op) {
    case Op::kSumInteger: put_signed(bytes, load<__int128>(words + 1)); break;
    case Op::kMinInteger:
    case Op::kMaxInteger: put_signed(bytes, load<std::int64_t>(words + 1)); break;
    case Op::kSumNumber:
    case Op::kMinNumber:
    case Op::kMaxNumber: put_double(bytes, load<double>(words + 1)); break;
    case Op::kStddev:
      put_double(bytes, load<double>(words + 1));
      put_double(bytes, load<double>(words + 2));
      break;
    case Op::kFirst:
    case Op::kLast:
      if (words[0] != 0) put_double(bytes, load<double>(words + 1));
      break;
    default: break;
  }
}

void AggregateCells::read(std::uint32_t c, const std::vector<std::size_t>& stored, PieceReader& piece) {
  std::vector<bool> found(layout_->states().size());
  for (const std::size_t s : stored) {
    const std::string_view bytes = piece.text();
    if (s == SIZE_MAX || !piece.ok()) continue;
    found[s] = true;
    read_state(layout_->states()[s], at(c) + layout_->states()[s].word, bytes, piece);
  }
  for (std::size_t s = 0; s < found.size(); ++s)
    if (!found[s]) at(c)[layout_->states()[s].word] = kUnknown;
}

void AggregateCells::read_state(const State& state, std::uint64_t* words, std::string_view bytes, PieceReader& piece) {
  if (bytes.empty()) {
    words[0] = kUnknown;
    return;
  }
  if (words[0] == kUnknown) words[0] = 0;
  PieceReader in(bytes);
  switch (state.op) {
    case Op::kQuantile: {
      QuantileSketch sketch = QuantileSketch::read(in);
      if (sketch.count() > 0 || words[0] != 0) sketch_of(words[0]) = std::move(sketch);
      break;
    }
    case Op::kDistinct: {
      const std::uint64_t from = in.number();
      if (from == 0 && words[0] != 0) distinct_[words[0] - 1] = {};
      if (from != (words[0] == 0 ? 0 : distinct_[words[0] - 1].values.size())) in.fail();
      while (in.ok() && !in.at_end()) {
        const std::string_view value = in.text();
        const std::size_t size = state.type == FieldType::kBoolean ? 1
                                 : state.type == FieldType::kText  ? value.size()
                                                                   : 8;
        if (value.size() != size) in.fail();
        if (in.ok()) distinct_of(words[0]).values.add(value);
      }
      if (words[0] != 0) distinct_[words[0] - 1].written = distinct_[words[0] - 1].values.size();
      break;
    }
    case Op::kFirst:
    case Op::kLast:
      words[0] = in.number(kMostCount);
      words[1] =
          words[0] == 0 ? 0 : std::bit_cast<std::uint64_t>(state.type == FieldType::kNumber ? finite(in) : in.real());
      break;
    case Op::kStddev:
      words[0] = in.number(kMostCount);
      store(words + 1, in.real());
      store(words + 2, in.real());
      break;
    case Op::kSumInteger: {
      words[0] = in.number(kMostCount);
      const __int128 sum = in.wide_signed(), most = static_cast<__int128>(words[0]) << 63;
      if (sum < -most || sum > most) in.fail();
      store(words + 1, sum);
      break;
    }
    case Op::kSumNumber:
      words[0] = in.number(kMostCount);
      store(words + 1, in.real());
      break;
    case Op::kRows:
    case Op::kValues: words[0] = in.number(kMostCount); break;
    default:
      words[0] = in.number(1);
      if (of_integers(state.op))
        store(words + 1, in.integer());
      else
        store(words + 1, finite(in));
  }
  if (!in.at_end()) piece.fail();
}

}  // namespace tidecast
