#include "deepar/batch.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/rng.h"
#include "deepar/model.h"

namespace tidecast::deepar {
namespace {

// A whole number below `bound` from 64 random bits; its bias, bound / 2^64, is nothing.
std::uint64_t below(std::uint64_t bits, std::uint64_t bound) {
  return static_cast<std::uint64_t>((static_cast<unsigned __int128>(bits) * bound) >> 64);
}

}  // namespace

SplitSampler::SplitSampler(const ModelSpec& spec, std::span<const std::size_t> ends, std::uint64_t seed)
    : seed_(mix64(seed ^ 0x73706c6974)) {
  const auto wanted = static_cast<std::size_t>(spec.scale_length + spec.season);  // History before a split.
  const auto horizon = static_cast<std::size_t>(spec.horizon);
  for (std::size_t i = 0; i < ends.size(); ++i) {
    if (ends[i] < horizon + 1) continue;  // At least one value of history.
    const std::size_t last = ends[i] - horizon;
    ranges_.push_back({.series = i, .first = std::min(wanted, (last + 1) / 2), .last = last, .weight_before = total_});
    total_ += last + 1;
  }
}

Split SplitSampler::draw(std::uint64_t n) const {
  const auto bits = philox4x32({static_cast<std::uint32_t>(n), static_cast<std::uint32_t>(n >> 32), 0, 0},
                               {static_cast<std::uint32_t>(seed_), static_cast<std::uint32_t>(seed_ >> 32)});
  const auto word = [&](int i) {
    return std::uint64_t{bits[static_cast<std::size_t>(i)]} << 32 | bits[static_cast<std::size_t>(i) + 1];
  };
  const std::uint64_t weight = below(word(0), total_);
  const auto after = std::ranges::upper_bound(ranges_, weight, {}, &Range::weight_before);
  const Range& range = *(after - 1);
  return {range.series, range.first + below(word(2), range.last - range.first + 1)};
}

FileOrderSampler::FileOrderSampler(const ModelSpec& spec, std::span<const std::size_t> ends, std::uint64_t seed)
    : rng_(mix64(seed ^ 0x6f72646572)) {
  for (std::size_t i = 0; i < ends.size(); ++i)
    if (ends[i] > static_cast<std::size_t>(spec.horizon))
      splits_.push_back({i, ends[i] - static_cast<std::size_t>(spec.horizon) + 1});
}

Split FileOrderSampler::next() {
  for (;; next_ = 0, visiting_ = (visiting_ + 1) % splits_.size(), begun_ = false) {
    const Splits& here = splits_[visiting_];
    if (!begun_) {
      begun_ = true;
      visits_ += 1;
      windows_ += static_cast<double>(here.count);
    }
    // How many splits are passed over before the next that is taken: geometric, as of one draw for each.
    const double taken = std::min(1.0, visits_ / windows_);
    const double passed = taken < 1 ? std::floor(std::log1p(-rng_.uniform()) / std::log1p(-taken)) : 0;
    if (passed < static_cast<double>(here.count - next_)) {
      const std::size_t at = next_ + static_cast<std::size_t>(passed);
      next_ = at + 1;
      return {here.series, at};
    }
  }
}

BatchEngine::Shard::Shard(const ModelSpec& spec, const nn::ParameterMap& map, const nn::Kernels<float>& kernels)
    : pass(map, kShardLanes, spec.sequence(), kernels),
      window(spec),
      target(static_cast<std::size_t>(spec.sequence() * kShardLanes)),
      weight(target.size()),
      candidates(target.size() * nn::kCandidates),
      loss(target.size()),
      scale(kShardLanes),
      categories(spec.embeddings.size() * kShardLanes, -1),
      gradient(map.size()) {}

BatchEngine::BatchEngine(const ModelSpec& spec, std::span<const Source> sources, int batch, Workers& workers)
    : spec_(spec),
      sources_(sources),
      map_(network_shape(spec)),
      kernels_(nn::best_kernels<float>()),
      workers_(workers) {
  if (spec.zoneout > 0) expected_ = {.kind = nn::Regularisation::kExpectedZoneout, .rate = spec.zoneout, .key = 0};
  for (int first = 0; first < batch; first += kShardLanes)
    shards_.push_back(std::make_unique<Shard>(spec, map_, kernels_));
}

void BatchEngine::load(Shard& shard, std::span<const Split> splits, std::span<const float> parameters) const {
  LaneTarget to{.lane = 0,
                .lanes = kShardLanes,
                .inputs = shard.pass.inputs(),
                .statics = shard.pass.statics(),
                .candidates = shard.candidates.data(),
                .target = shard.target.data(),
                .weight = shard.weight.data(),
                .scale = shard.scale.data()};
  for (std::size_t i = 0; i < kShardLanes; ++i) {
    to.lane = static_cast<int>(i);
    const Source* source = i < splits.size() ? &sources_[splits[i].series] : nullptr;
    // By location there is nothing to learn of a window without a past; else its scale is the default.
    if (source && !shard.window.read(source->values, splits[i].at, spec_.horizon) &&
        spec_.scaling == Scaling::kLocation)
      source = nullptr;
    if (source)
      write_window(spec_, shard.window, *source, splits[i].at, to);
    else
      write_nothing(spec_, to);
    for (std::size_t c = 0; c < spec_.embeddings.size(); ++c)
      shard.categories[c * kShardLanes + i] = source ? source->categories[c] : -1;
  }
  nn::gather_embeddings(map_, parameters.data(), shard.categories, kShardLanes, shard.pass.statics());
}

void BatchEngine::forward(Shard& shard, std::span<const float> parameters, const nn::Regulariser& regulariser,
                          float gradient_scale) const {
  shard.pass.forward(parameters.data(), spec_.sequence(), regulariser);
  const std::ptrdiff_t raw_stride = std::ptrdiff_t{map_.shape().outputs} * kShardLanes;
  for (int p = 0; p < spec_.sequence(); ++p) {
    const std::ptrdiff_t at = std::ptrdiff_t{p} * kShardLanes;
    kernels_.head_loss(spec_.head,
                       {.lanes = kShardLanes,
                        .raw = shard.pass.raw() + p * raw_stride,
                        .candidates = spec_.gated() ? shard.candidates.data() + at * nn::kCandidates : nullptr,
                        .scale = shard.scale.data()},
                       shard.target.data() + at, shard.weight.data() + at, gradient_scale, shard.loss.data() + at,
                       shard.pass.raw_gradient() + p * raw_stride);
  }
}

double BatchEngine::loss_and_gradient(std::span<const float> parameters, std::span<const Split> splits,
                                      const nn::Regulariser& regulariser, std::span<float> gradient) {
  CHECK(splits.size() <= shards_.size() * kShardLanes && gradient.size() == map_.size());
  const double terms = static_cast<double>(splits.size()) * spec_.sequence();
  workers_.run(static_cast<int>(shards_.size()), [&](int i) {
    Shard& shard = *shards_[static_cast<std::size_t>(i)];
    const std::size_t first = std::min(splits.size(), static_cast<std::size_t>(i) * kShardLanes);
    load(shard, splits.subspan(first, std::min<std::size_t>(kShardLanes, splits.size() - first)), parameters);
    nn::Regulariser own = regulariser;
    own.key = mix64(regulariser.key + static_cast<std::uint64_t>(i));
    forward(shard, parameters, own, static_cast<float>(1 / terms));
    shard.sum = 0;
    for (std::size_t k = 0; k < shard.loss.size(); ++k) shard.sum += static_cast<double>(shard.loss[k]);
    shard.gradient.clear();
    shard.pass.backward(parameters.data(), spec_.sequence(), own, shard.gradient.data());
    nn::scatter_embeddings(map_, shard.pass.static_gradient(), shard.categories, kShardLanes, shard.gradient.data());
  });
  double sum = 0;
  std::ranges::fill(gradient, 0.f);
  for (const auto& shard : shards_) {
    sum += shard->sum;
    for (std::size_t k = 0; k < gradient.size(); ++k) gradient[k] += shard->gradient[k];
  }
  return sum / terms;
}

double BatchEngine::horizon_loss(std::span<const float> parameters, std::span<const Split> splits) {
  double sum = 0, windows = 0;
  const std::size_t batch = shards_.size() * kShardLanes;
  for (std::size_t begin = 0; begin < splits.size(); begin += batch) {
    const std::span<const Split> part = splits.subspan(begin, std::min(batch, splits.size() - begin));
    const auto used = (part.size() + kShardLanes - 1) / kShardLanes;
    workers_.run(static_cast<int>(used), [&](int i) {
      Shard& shard = *shards_[static_cast<std::size_t>(i)];
      const std::size_t first = static_cast<std::size_t>(i) * kShardLanes;
      load(shard, part.subspan(first, std::min<std::size_t>(kShardLanes, part.size() - first)), parameters);
      forward(shard, parameters, expected_, 0);
      shard.sum = shard.windows = 0;
      for (std::size_t lane = 0; lane < kShardLanes; ++lane) {
        double loss = 0, observed = 0;
        for (int p = spec_.context - 1; p < spec_.sequence(); ++p) {
          const std::size_t at = static_cast<std::size_t>(p) * kShardLanes + lane;
          loss += static_cast<double>(shard.loss[at]);
          observed += static_cast<double>(shard.weight[at]);
        }
        if (observed > 0) shard.sum += loss / observed, shard.windows += 1;
      }
    });
    for (std::size_t i = 0; i < used; ++i) sum += shards_[i]->sum, windows += shards_[i]->windows;
  }
  return windows > 0 ? sum / windows : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace tidecast::deepar
