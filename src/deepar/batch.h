#pragma once
// A training step's arithmetic: which windows, their losses, and the gradient of the mean loss over a batch.
//
// The batch is cut into shards of kShardLanes windows.  Each shard's gradient is a function of its windows alone and
// the shards are added in their order, so the number of threads cannot change a bit of the result.

#include <memory>
#include <vector>

#include "base/rng.h"
#include "base/workers.h"
#include "deepar/recipe.h"
#include "deepar/window.h"
#include "nn/lstm.h"

namespace tidecast::deepar {

inline constexpr int kShardLanes = 16;

struct Split {
  std::size_t series = 0;
  std::size_t at = 0;  // The first forecast value.
};

// Draws training splits: a series with probability proportional to its number of valid splits (those with a whole
// horizon before `end`), then the split uniformly among those with a scale range and a season before them; on a short
// series among the later half of all, or there would be few windows to learn from, or one.
class SplitSampler {
 public:
  // ends[i]: values of series i that training may use.  A series too short for one window is never drawn.
  SplitSampler(const ModelSpec& spec, std::span<const std::size_t> ends, std::uint64_t seed);
  bool empty() const { return total_ == 0; }
  // Window number n of the training: a function of the seed and n alone.
  Split draw(std::uint64_t n) const;

 private:
  struct Range {
    std::size_t series, first, last;  // Splits first .. last are drawn.
    std::uint64_t weight_before;      // Sum of the weights of the ranges before.
  };
  std::vector<Range> ranges_;
  std::uint64_t total_ = 0, seed_;
};

// GluonTS's order (gluonts/transform/sampler.py: ExpectedNumInstanceSampler): series by series, again and again; of a
// series' splits, each is taken with the probability that gives one window a visit on average over all visits so far.
class FileOrderSampler {
 public:
  // ends: as SplitSampler's; at least one series must be long enough.
  FileOrderSampler(const ModelSpec& spec, std::span<const std::size_t> ends, std::uint64_t seed);
  Split next();

 private:
  struct Splits {
    std::size_t series, count;  // At 0 .. count - 1.
  };
  std::vector<Splits> splits_;
  Rng rng_;
  std::size_t visiting_ = 0, next_ = 0;  // next_: the split of it that is looked at next.
  bool begun_ = false;
  double visits_ = 0, windows_ = 0;  // So far.
};

// Works through batches on the threads of `workers`.  All memory is allocated in the constructor.
class BatchEngine {
 public:
  BatchEngine(const ModelSpec& spec, std::span<const Source> sources, int batch, Workers& workers);

  const nn::ParameterMap& map() const { return map_; }

  // Mean over windows and steps of the head's loss in its own unit (nn/heads.h); unobserved steps count as 0.
  // `gradient` gets its derivative by every parameter.
  double loss_and_gradient(std::span<const float> parameters, std::span<const Split> splits,
                           const nn::Regulariser& regulariser, std::span<float> gradient);
  // Mean over windows of the mean over the observed steps of the horizon, without dropout; NaN if none is observed.
  double horizon_loss(std::span<const float> parameters, std::span<const Split> splits);

 private:
  struct Shard {
    Shard(const ModelSpec& spec, const nn::ParameterMap& map, const nn::Kernels<float>& kernels);
    nn::LstmPass<float> pass;
    ScaledWindow window;
    nn::Buffer<float> target, weight, candidates, loss;  // [T][rows][lane]
    nn::Buffer<float> scale;                             // [lane]
    std::vector<int> categories;                         // [category][lane]; -1 of an unused lane.
    nn::Buffer<float> gradient;
    double sum = 0;      // Of the shard's losses,
    double windows = 0;  // over so many windows.
  };
  void load(Shard& shard, std::span<const Split> splits, std::span<const float> parameters) const;
  void forward(Shard& shard, std::span<const float> parameters, const nn::Regulariser& regulariser,
               float gradient_scale) const;

  const ModelSpec& spec_;
  std::span<const Source> sources_;
  nn::ParameterMap map_;
  const nn::Kernels<float>& kernels_;
  Workers& workers_;
  nn::Regulariser expected_;  // Of a network that is used.
  std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace tidecast::deepar
