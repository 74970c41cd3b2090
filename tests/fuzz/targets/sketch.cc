#include "stream/sketch.h"

#include <algorithm>
#include <cmath>

#include "fuzz.h"

namespace tidecast::fuzz {
namespace {

// What is read is a sketch: it can be asked, added to, merged, and written again to the same.
void read(std::string_view bytes) {
  PieceReader piece(bytes);
  QuantileSketch sketch = QuantileSketch::read(piece);
  if (!piece.ok()) return;
  const auto written = [](const QuantileSketch& of) {
    std::string text;
    of.write(text);
    return text;
  };
  const std::string text = written(sketch);
  PieceReader again(text);
  CHECK(written(QuantileSketch::read(again)) == text && again.ok());
  if (sketch.count() == 0 || sketch.count() > UINT64_MAX / 4) return;  // Nobody counts so far.
  for (const double q : {0.0, 0.5, 0.99, 1.0}) CHECK(std::isfinite(sketch.quantile(q)));
  QuantileSketch other;
  for (const double value : {-1e300, -1.0, 0.0, 1e-300, 5.0}) other.add(value);
  other.merge(sketch);
  CHECK(other.count() == sketch.count() + 5 && other.buckets() <= QuantileSketch::kMostBuckets);
  CHECK(other.quantile(0) == std::min(-1e300, sketch.quantile(0)));
}

std::vector<std::string> sketches() {
  std::vector<std::string> all;
  QuantileSketch sketch;
  for (const double value : {0.0, 5.0, -7.5, 1e9}) {
    sketch.add(value);
    sketch.write(all.emplace_back());
  }
  for (double value = 1e-300; value < 1e300; value *= 1.1) sketch.add(value);  // Neighbours become one.
  std::string wide;
  sketch.write(wide);
  if (wide.size() <= 4096) all.push_back(wide);
  return all;
}

const Target target{"sketch", read, sketches()};

}  // namespace
}  // namespace tidecast::fuzz
