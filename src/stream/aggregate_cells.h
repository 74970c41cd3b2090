#pragma once
// The aggregates of windows while they are open.  A cell is what one window (or slice of it, or session) of one series
// has counted so far; cells of one place lie side by side in one array.  Nulls are skipped by all but count().
//
//   count()  rows                        0 is never seen: a window without rows does not exist
//   count(x) rows where x is not null    0
//   sum      of x's type                 null if every x is null, or if it does not fit x's type
//   min, max of x's type                 null if every x is null
//   avg      double(sum) / double(n)     null if every x is null; Flink SQL casts both likewise
//   count_distinct                       0; by value: of numbers 0 and -0 are one
//   stddev   of the sample, double       null of fewer than two; by Welford, merged by Chan, Golub and LeVeque
//   first, last of x's type              null if every x is null; by record number, so that merging keeps them
//   quantile double                      null if every x is null; stream/sketch.h
//
// Integer sums are exact: 128 bits inside, so no number of 64-bit values overflows them.  Number sums are added up in
// the order of arrival, in double; of a hopping window, slice by slice.

#include <deque>
#include <string>
#include <vector>

#include "base/huge_pages.h"
#include "base/prefetch.h"
#include "stream/event_batch.h"
#include "stream/key_table.h"
#include "stream/pipeline.h"
#include "stream/sketch.h"

namespace tidecast {

// How a group's columns lie in a cell.  Columns that count the same thing count it once.
class AggregateLayout {
 public:
  AggregateLayout(const std::vector<AggregateColumn>& columns, const EventMapping& event);

  enum class Op : std::uint8_t {
    kRows,
    kValues,
    kSumInteger,
    kSumNumber,
    kMinInteger,
    kMinNumber,
    kMaxInteger,
    kMaxNumber,
    kStddev,
    kFirst,
    kLast,
    kDistinct,
    kQuantile,
  };
  struct State {
    Op op;
    std::uint32_t word;  // Where it begins in a cell.
    std::size_t field;
    FieldType type;    // Of the field.
    std::string text;  // "sum(fee integer)": what stored states are known by.
    bool operator==(const State&) const = default;
  };
  struct Output {
    std::string name;
    std::size_t state;
    AggregateKind kind;
    double quantile;
  };
  const std::vector<State>& states() const { return states_; }
  const std::vector<Output>& outputs() const { return outputs_; }
  std::uint32_t words() const { return words_; }  // Of a cell, 8 bytes each.

 private:
  std::vector<State> states_;
  std::vector<Output> outputs_;
  std::uint32_t words_ = 1;  // Word 0 is the round in which the cell last changed.
};

class AggregateCells {
 public:
  explicit AggregateCells(const AggregateLayout& layout) : layout_(&layout) {}

  std::uint32_t size() const { return static_cast<std::uint32_t>(words_.size() / layout_->words()); }
  void add_cell() { words_.resize(words_.size() + layout_->words()); }
  void clear(std::uint32_t cell);

  void count(std::uint32_t cell, const EventBatch& events, std::size_t i, std::uint64_t number);
  // Adds what `from` of `other`, whose layout is the same, has counted.  `other` may be this.
  void merge(std::uint32_t cell, const AggregateCells& other, std::uint32_t from);

  // What a row shows.  Columns are appended to `overflown` whose value is null only because it does not fit.
  std::vector<FeatureValue> values(std::uint32_t cell, std::vector<std::size_t>& overflown) const;

  // True the first time in a round (1, 2, ...) that the cell is touched.
  bool touch(std::uint32_t cell, std::uint64_t round) { return std::exchange(at(cell)[0], round) != round; }
  std::uint64_t touched(std::uint32_t cell) const { return at(cell)[0]; }
  void prefetch(std::uint32_t cell) const {
    tidecast::prefetch(at(cell));
    tidecast::prefetch(at(cell) + layout_->words() - 1);
  }

  // ---- state --------------------------------------------------------------------------------------------------------
  // Per state of the layout: its length, then
  //   nothing            unknown: the column is younger than the cell
  //   count              n            sum, avg   n, sum as signed or f64      min, max   0 or 1, value likewise
  //   stddev             n, mean f64, squares f64
  //   first, last        0, or record number + 1 and the value's 8 bytes as two's complement or f64
  //   count_distinct     of how many values it goes on from, those behind: each as a text (8 bytes of an integer or
  //                      number, one of a boolean)
  //   quantile           sketch.h
  // `all`: distinct values from the first one on, else those since the write before.
  void write(std::uint32_t cell, bool all, std::string& bytes);
  // `stored` says for each state of the piece which of ours it is, SIZE_MAX: none any more.  Ours that the piece does
  // not have are unknown from now on.  Fails the piece if it is damaged.
  void read(std::uint32_t cell, const std::vector<std::size_t>& stored, PieceReader& piece);

 private:
  using State = AggregateLayout::State;
  struct Distinct {
    KeyTable values;
    std::uint32_t written = 0;  // So many are in pieces already.
  };

  std::uint64_t* at(std::uint32_t cell) { return words_.data() + std::size_t{cell} * layout_->words(); }
  const std::uint64_t* at(std::uint32_t cell) const { return words_.data() + std::size_t{cell} * layout_->words(); }
  void count_rarely(const State& state, std::uint64_t* words, const EventColumn& field, std::size_t i,
                    std::uint64_t number);
  void merge_state(const State& state, std::uint64_t* into, const AggregateCells& other, const std::uint64_t* from);
  FeatureValue value(const AggregateLayout::Output& output, const std::uint64_t* words, bool& overflow) const;
  void write_state(const State& state, const std::uint64_t* words, bool all, std::string& bytes);
  void read_state(const State& state, std::uint64_t* words, std::string_view bytes, PieceReader& piece);
  Distinct& distinct_of(std::uint64_t& handle);
  QuantileSketch& sketch_of(std::uint64_t& handle);

  const AggregateLayout* layout_;
  LargeVector<std::uint64_t> words_;
  std::deque<Distinct> distinct_;  // Number handle - 1; 0: none yet.  Deques, so that a merge within keeps both sides.
  std::deque<QuantileSketch> sketches_;
};

// ---- the hot path
// -----------------------------------------------------------------------------------------------------

namespace cell {
inline constexpr std::uint64_t kUnknown = UINT64_MAX;  // First word of a state that did not count from the beginning.

template <typename T>
T load(const std::uint64_t* words) {
  T value;
  std::memcpy(&value, words, sizeof value);
  return value;
}
template <typename T>
void store(std::uint64_t* words, T value) {
  std::memcpy(words, &value, sizeof value);
}
}  // namespace cell

inline void AggregateCells::count(std::uint32_t c, const EventBatch& events, std::size_t i, std::uint64_t number) {
  using Op = AggregateLayout::Op;
  std::uint64_t* const first = at(c);
  for (const State& state : layout_->states()) {
    std::uint64_t* const words = first + state.word;
    if (words[0] == cell::kUnknown) continue;
    if (state.op == Op::kRows) {
      ++words[0];
      continue;
    }
    const EventColumn& field = events.columns[state.field];
    if (field.present[i] == 0) continue;
    switch (state.op) {
      case Op::kValues: ++words[0]; break;
      case Op::kSumInteger:
        ++words[0];
        cell::store(words + 1, cell::load<__int128>(words + 1) + field.integers[i]);
        break;
      case Op::kSumNumber:
        ++words[0];
        cell::store(words + 1, cell::load<double>(words + 1) + field.numbers[i]);
        break;
      case Op::kMinInteger:
        if (words[0] == 0 || field.integers[i] < cell::load<std::int64_t>(words + 1))
          cell::store(words + 1, field.integers[i]);
        words[0] = 1;
        break;
      case Op::kMaxInteger:
        if (words[0] == 0 || field.integers[i] > cell::load<std::int64_t>(words + 1))
          cell::store(words + 1, field.integers[i]);
        words[0] = 1;
        break;
      default: count_rarely(state, words, field, i, number);
    }
  }
}

}  // namespace tidecast
