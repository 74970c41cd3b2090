#include "stream/aggregate_cells.h"

#include <algorithm>
#include <cmath>

#include "stream/window_group.h"

namespace tidecast {

using Op = AggregateLayout::Op;
using cell::kUnknown;
using cell::load;
using cell::store;

namespace {

Op op_of(AggregateKind kind, bool of_field, FieldType type) {
  const bool integer = type == FieldType::kInteger;
  switch (kind) {
    case AggregateKind::kCount: return of_field ? Op::kValues : Op::kRows;
    case AggregateKind::kSum:
    case AggregateKind::kAvg: return integer ? Op::kSumInteger : Op::kSumNumber;
    case AggregateKind::kMin: return integer ? Op::kMinInteger : Op::kMinNumber;
    case AggregateKind::kMax: return integer ? Op::kMaxInteger : Op::kMaxNumber;
    case AggregateKind::kCountDistinct: return Op::kDistinct;
    case AggregateKind::kStddev: return Op::kStddev;
    case AggregateKind::kFirst: return Op::kFirst;
    case AggregateKind::kLast: return Op::kLast;
    case AggregateKind::kQuantile: return Op::kQuantile;
  }
  return Op::kRows;
}

std::uint32_t words_of(Op op) {
  switch (op) {
    case Op::kRows:
    case Op::kValues:
    case Op::kDistinct:
    case Op::kQuantile: return 1;
    case Op::kSumInteger:
    case Op::kStddev: return 3;
    default: return 2;
  }
}

double number_at(const EventColumn& field, std::size_t i) {
  return field.type == FieldType::kInteger ? static_cast<double>(field.integers[i]) : field.numbers[i];
}

// The 8 bytes of an integer or number.
std::uint64_t bits_at(const EventColumn& field, std::size_t i) {
  return field.type == FieldType::kInteger ? static_cast<std::uint64_t>(field.integers[i])
                                           : std::bit_cast<std::uint64_t>(field.numbers[i]);
}

std::string_view bytes_at(const EventColumn& field, std::size_t i, std::uint64_t& room) {
  switch (field.type) {
    case FieldType::kText: return field.texts[i];
    case FieldType::kBoolean: room = field.booleans[i] != 0; return {reinterpret_cast<const char*>(&room), 1};
    case FieldType::kNumber: room = std::bit_cast<std::uint64_t>(field.numbers[i] + 0.0); break;  // -0 + 0 is 0.
    case FieldType::kInteger: room = bits_at(field, i); break;
  }
  return {reinterpret_cast<const char*>(&room), sizeof room};
}

FeatureValue value_of_bits(FieldType type, std::uint64_t bits) {
  if (type == FieldType::kInteger) return static_cast<std::int64_t>(bits);
  return std::bit_cast<double>(bits);
}

// n values of mean and sum of squared distances from it, and as many others.
struct Spread {
  std::uint64_t n;
  double mean, squares;
};
Spread together(const Spread& a, const Spread& b) {
  if (a.n == 0 || b.n == 0) return a.n == 0 ? b : a;
  const double n = static_cast<double>(a.n + b.n), apart = b.mean - a.mean;
  return {a.n + b.n, a.mean + apart * static_cast<double>(b.n) / n,
          a.squares + b.squares + apart * apart * static_cast<double>(a.n) * static_cast<double>(b.n) / n};
}
Spread spread_at(const std::uint64_t* words) { return {words[0], load<double>(words + 1), load<double>(words + 2)}; }

}  // namespace

AggregateLayout::AggregateLayout(const std::vector<AggregateColumn>& columns, const EventMapping& event) {
  for (const AggregateColumn& column : columns) {
    const FieldType type = column.field ? event.fields[*column.field].type : FieldType::kInteger;
    // An average needs what a sum does.
    std::string text =
        fmt::format("{}(", name_of(column.kind == AggregateKind::kAvg ? AggregateKind::kSum : column.kind));
    if (column.field) text += fmt::format("{} {}", event.fields[*column.field].name, name_of(type));
    text += ')';
    auto state = std::ranges::find(states_, text, &State::text);
    if (state == states_.end()) {
      const Op op = op_of(column.kind, column.field.has_value(), type);
      CHECK(op == Op::kValues || op == Op::kDistinct || type == FieldType::kInteger || type == FieldType::kNumber);
      CHECK(column.field || op == Op::kRows);
      state = states_.insert(states_.end(), {op, words_, column.field.value_or(0), type, std::move(text)});
      words_ += words_of(op);
    }
    outputs_.push_back({column.name, static_cast<std::size_t>(state - states_.begin()), column.kind, column.quantile});
  }
}

AggregateCells::Distinct& AggregateCells::distinct_of(std::uint64_t& handle) {
  if (handle == 0) {
    distinct_.emplace_back();
    handle = distinct_.size();
  }
  return distinct_[handle - 1];
}

QuantileSketch& AggregateCells::sketch_of(std::uint64_t& handle) {
  if (handle == 0) {
    sketches_.emplace_back();
    handle = sketches_.size();
  }
  return sketches_[handle - 1];
}

void AggregateCells::clear(std::uint32_t c) {
  std::uint64_t* const words = at(c);
  words[0] = 0;
  for (const State& state : layout_->states()) {
    std::uint64_t& handle = words[state.word];
    const bool held = handle != 0 && handle != kUnknown;
    if (held && state.op == Op::kDistinct) {
      distinct_[handle - 1] = {};
    } else if (held && state.op == Op::kQuantile) {
      sketches_[handle - 1] = {};
    } else {
      std::fill_n(&handle, words_of(state.op), 0);
    }
  }
}

void AggregateCells::count_rarely(const State& state, std::uint64_t* words, const EventColumn& field, std::size_t i,
                                  std::uint64_t number) {
  switch (state.op) {
    case Op::kMinNumber:
      if (words[0] == 0 || field.numbers[i] < load<double>(words + 1)) store(words + 1, field.numbers[i]);
      words[0] = 1;
      break;
    case Op::kMaxNumber:
      if (words[0] == 0 || field.numbers[i] > load<double>(words + 1)) store(words + 1, field.numbers[i]);
      words[0] = 1;
      break;
    case Op::kStddev: {
      const double x = number_at(field, i), before = load<double>(words + 1);
      const double mean = before + (x - before) / static_cast<double>(++words[0]);
      store(words + 1, mean);
      store(words + 2, load<double>(words + 2) + (x - before) * (x - mean));
      break;
    }
    case Op::kFirst:
    case Op::kLast:  // Rows come by their numbers; only merging meets an older one.
      if (words[0] != 0 && state.op == Op::kFirst) break;
      words[0] = number + 1;
      words[1] = bits_at(field, i);
      break;
    case Op::kDistinct: {
      std::uint64_t room;
      distinct_of(words[0]).values.add(bytes_at(field, i, room));
      break;
    }
    case Op::kQuantile: sketch_of(words[0]).add(number_at(field, i)); break;
    default: break;
  }
}

void AggregateCells::merge(std::uint32_t c, const AggregateCells& other, std::uint32_t from) {
  for (const State& state : layout_->states()) {
    std::uint64_t* const into = at(c) + state.word;
    const std::uint64_t* const added = other.at(from) + state.word;
    if (into[0] == kUnknown || added[0] == 0) continue;
    if (added[0] == kUnknown)
      into[0] = kUnknown;
    else
      merge_state(state, into, other, added);
  }
}

// Both sides are known and `from` is not empty.
void AggregateCells::merge_state(const State& state, std::uint64_t* into, const AggregateCells& other,
                                 const std::uint64_t* from) {
  const auto take_if = [&](bool better) {
    if (into[0] == 0 || better) std::copy_n(from, 2, into);
  };
  switch (state.op) {
    case Op::kRows:
    case Op::kValues: into[0] += from[0]; break;
    case Op::kSumInteger:
      into[0] += from[0];
      store(into + 1, load<__int128>(into + 1) + load<__int128>(from + 1));
      break;
    case Op::kSumNumber:
      into[0] += from[0];
      store(into + 1, load<double>(into + 1) + load<double>(from + 1));
      break;
    case Op::kMinInteger: take_if(load<std::int64_t>(from + 1) < load<std::int64_t>(into + 1)); break;
    case Op::kMaxInteger: take_if(load<std::int64_t>(from + 1) > load<std::int64_t>(into + 1)); break;
    case Op::kMinNumber: take_if(load<double>(from + 1) < load<double>(into + 1)); break;
    case Op::kMaxNumber: take_if(load<double>(from + 1) > load<double>(into + 1)); break;
    case Op::kFirst: take_if(from[0] < into[0]); break;
    case Op::kLast: take_if(from[0] > into[0]); break;
    case Op::kStddev: {
      const Spread both = together(spread_at(into), spread_at(from));
      into[0] = both.n;
      store(into + 1, both.mean);
      store(into + 2, both.squares);
      break;
    }
    case Op::kDistinct: {
      KeyTable& values = distinct_of(into[0]).values;
      const KeyTable& added = other.distinct_[from[0] - 1].values;
      for (std::uint32_t v = 0; v < added.size(); ++v) values.add(added[v]);
      break;
    }
    case Op::kQuantile: sketch_of(into[0]).merge(other.sketches_[from[0] - 1]); break;
  }
}

std::vector<FeatureValue> AggregateCells::values(std::uint32_t c, std::vector<std::size_t>& overflown) const {
  std::vector<FeatureValue> values;
  values.reserve(layout_->outputs().size());
  for (const AggregateLayout::Output& output : layout_->outputs()) {
    bool overflow = false;
    values.push_back(value(output, at(c) + layout_->states()[output.state].word, overflow));
    if (overflow) overflown.push_back(values.size() - 1);
  }
  return values;
}

FeatureValue AggregateCells::value(const AggregateLayout::Output& output, const std::uint64_t* words,
                                   bool& overflow) const {
  const State& state = layout_->states()[output.state];
  const auto fits = [&overflow](double number) -> FeatureValue {
    if (std::isfinite(number)) return number;
    overflow = true;
    return std::monostate{};
  };
  const std::uint64_t n = words[0];
  if (n == kUnknown) return std::monostate{};
  if (state.op == Op::kRows || state.op == Op::kValues) return static_cast<std::int64_t>(n);
  if (state.op == Op::kDistinct) return static_cast<std::int64_t>(n == 0 ? 0 : distinct_[n - 1].values.size());
  if (n == 0) return std::monostate{};
  switch (state.op) {
    case Op::kSumInteger: {
      const __int128 sum = load<__int128>(words + 1);
      if (output.kind == AggregateKind::kAvg) return fits(static_cast<double>(sum) / static_cast<double>(n));
      if (sum >= INT64_MIN && sum <= INT64_MAX) return static_cast<std::int64_t>(sum);
      overflow = true;
      return std::monostate{};
    }
    case Op::kSumNumber:
      return fits(load<double>(words + 1) / (output.kind == AggregateKind::kAvg ? static_cast<double>(n) : 1.0));
    case Op::kStddev:
      if (n < 2) return std::monostate{};
      return fits(std::sqrt(load<double>(words + 2) / static_cast<double>(n - 1)));
    case Op::kQuantile:
      return sketches_[n - 1].count() == 0 ? FeatureValue() : sketches_[n - 1].quantile(output.quantile);
    case Op::kMinNumber:
    case Op::kMaxNumber: return load<double>(words + 1);
    default: return value_of_bits(state.type, words[1]);
  }
}

}  // namespace tidecast
