// The training loop (docs/deepar.md, sections 6 to 9), once for each member.

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/hash.h"
#include "base/rng.h"
#include "deepar/batch.h"
#include "deepar/checkpoint.h"
#include "deepar/pool.h"
#include "nn/adam.h"

namespace tidecast {
namespace {

using namespace deepar;

constexpr double kClipNorm = 10;
constexpr double kWeightDecay = 1e-8;
constexpr int kReportEvery = 25;
constexpr std::size_t kLossesKept = 50;  // Batches whose mean is reported as the training loss.
// GluonTS's: torch's ReduceLROnPlateau.
constexpr double kPlateauFactor = 0.5, kPlateauThreshold = 1e-4;
constexpr int kPlateauPatience = 10;
constexpr int kCalibrationPaths = 100;

struct Splits {
  std::vector<std::size_t> ends;  // Per series: values training may use as targets.
  std::vector<Split> held_out;
};

Splits cut_held_out(std::span<const TimeSeries> series, const TrainingPlan& plan) {
  Splits splits;
  const auto horizon = static_cast<std::size_t>(plan.spec.horizon);
  for (std::size_t i = 0; i < series.size(); ++i) {
    const std::size_t size = series[i].values.size(), held = horizon * static_cast<std::size_t>(plan.held_out[i]);
    splits.ends.push_back(size > held ? size - held : 0);
    if (splits.ends.back() <= horizon) continue;  // Too short to train on, so not judged on either.
    for (std::size_t at = splits.ends.back(); at < size; at += horizon) splits.held_out.push_back({i, at});
  }
  return splits;
}

// The copy gate begins even: its rows of the head start at 0.
std::vector<float> first_parameters(const ModelSpec& spec, const nn::ParameterMap& map, std::uint64_t seed) {
  std::vector<float> parameters = nn::initial_parameters(map, seed);
  const std::ptrdiff_t gate = nn::head_outputs(spec.head), outputs = map.shape().outputs, cells = map.shape().cells;
  const auto weight = parameters.begin() + static_cast<std::ptrdiff_t>(map.head_weight());
  const auto bias = parameters.begin() + static_cast<std::ptrdiff_t>(map.head_bias());
  std::fill(weight + gate * cells, weight + outputs * cells, 0.f);
  std::fill(bias + gate, bias + outputs, 0.f);
  return parameters;
}

// What the model says of the data it saw.
json::object about_data(std::span<const TimeSeries> series) {
  std::size_t points = 0, missing = 0;
  EventTime start = EventTime::max(), end = EventTime::min();
  std::string bytes;
  for (const TimeSeries& s : series) {
    points += s.values.size();
    start = std::min(start, s.start);
    end = std::max(end, s.end());
    const bool width = s.step.is_width();
    const std::int64_t head[] = {s.start.ms(), width ? s.step.width()->count() : 0,
                                 static_cast<std::int64_t>(s.values.size())};
    bytes.append(reinterpret_cast<const char*>(head), sizeof head);
    if (!width) bytes += to_text(s.step);
    for (const double value : s.values) {
      const double canonical = std::isnan(value) ? std::numeric_limits<double>::quiet_NaN() : value;
      missing += std::isnan(value);
      bytes.append(reinterpret_cast<const char*>(&canonical), sizeof canonical);
    }
  }
  return {{"series", series.size()},     {"points", points},
          {"missing", missing},          {"data_start", to_rfc3339(start)},
          {"data_end", to_rfc3339(end)}, {"data_sha256", sha256_hex(bytes)}};
}

json::value number_or_null(double value) { return std::isfinite(value) ? json::value(value) : json::value(nullptr); }

// One network's training: it begins anew or where a checkpoint left it, and steps until nothing is left to do.
class Training {
 public:
  Training(TrainingPlan plan, std::span<const TimeSeries> series, const DeepArOptions& options)
      : plan_(std::move(plan)), series_(series), options_(options), splits_(cut_held_out(series, plan_)) {}

  Status prepare(const Model* warm_start) {
    const auto seed = options_.seed;
    sampler_.emplace(plan_.spec, splits_.ends, seed);
    in_order_.emplace(plan_.spec, splits_.ends, seed);
    if (sampler_->empty()) {
      const bool selects = plan_.held_out.front() > 0;
      std::size_t longest = 0;
      for (const TimeSeries& each : series_) longest = std::max(longest, each.values.size());
      return invalid_argument(
          "every series is too short: at least {} values are needed to train a horizon of {}{}; there are {} to train "
          "on",
          plan_.spec.horizon * (selects ? 2 : 1) + 1, plan_.spec.horizon, selects ? " and hold one window out" : "",
          longest);
    }
    for (std::size_t i = 0; i < series_.size(); ++i)
      sources_.push_back(
          TRY(make_source(plan_.spec, series_[i], 0, series_[i].values.size()).in(fmt::format("series {}", i))));
    workers_.emplace(options_.threads);
    engine_.emplace(plan_.spec, sources_, options_.batch, *workers_);
    state_.parameters = warm_start ? warm_start->parameters() : first_parameters(plan_.spec, engine_->map(), seed);
    state_.average = state_.parameters;
    gradient_.resize(state_.parameters.size());
    adam_.emplace(gradient_.size(), kClipNorm, kWeightDecay, nn::best_kernels<float>());
    batch_.resize(static_cast<std::size_t>(options_.batch));
    about_ = about_data(series_);
    identity_ = sha256_hex(to_text(json::object{{"data", about_},
                                                {"spec", to_json(plan_.spec)},
                                                {"recipe", text_of(plan_.recipe)},
                                                {"selection", static_cast<int>(plan_.selection)},
                                                {"schedule_steps", plan_.schedule_steps},
                                                {"steps", plan_.steps},
                                                {"patience", plan_.patience},
                                                {"seed", seed},
                                                {"batch", options_.batch},
                                                {"learning_rate", options_.learning_rate},
                                                {"dropout", options_.dropout},
                                                {"weights", sha256_hex(bytes_of(state_.parameters))}}));
    return ok();
  }

  // False: the checkpoint is damaged or of another training, and the training begins anew.
  bool resume(std::string_view checkpoint) {
    auto read = read_checkpoint(checkpoint, identity_, gradient_.size());
    if (!read.ok()) return false;
    state_ = std::move(*read);
    std::ranges::copy(state_.first_moment, adam_->first_moment().begin());
    std::ranges::copy(state_.second_moment, adam_->second_moment().begin());
    adam_->steps() = state_.step;
    if (plan_.recipe.sampling == Sampling::kFileOrder)
      for (std::size_t n = 0; n < static_cast<std::size_t>(state_.step) * batch_.size(); ++n) (void)in_order_->next();
    resumed_ = state_.step;
    return true;
  }

  std::string checkpoint() {
    const auto first = adam_->first_moment(), second = adam_->second_moment();
    state_.first_moment.assign(first.begin(), first.end());
    state_.second_moment.assign(second.begin(), second.end());
    return write_checkpoint(state_, identity_);
  }

  bool ended() const { return state_.ended || state_.step == plan_.steps; }
  int step() const { return state_.step; }
  int steps() const { return plan_.steps; }
  double recent_loss() const {
    double sum = 0;
    for (const float loss : state_.losses) sum += static_cast<double>(loss);
    return sum / static_cast<double>(state_.losses.size());
  }

  // Errors: kInternal - the loss left the numbers before anything was worth keeping.
  Status advance() {
    const int step = state_.step;
    for (std::size_t b = 0; b < batch_.size(); ++b)
      batch_[b] = plan_.recipe.sampling == Sampling::kFileOrder
                      ? in_order_->next()
                      : sampler_->draw(static_cast<std::uint64_t>(step) * batch_.size() + b);
    const bool zoneout = plan_.spec.zoneout > 0;
    const nn::Regulariser regulariser{.kind = zoneout ? nn::Regularisation::kZoneout : nn::Regularisation::kDropout,
                                      .rate = zoneout ? plan_.spec.zoneout : options_.dropout,
                                      .key = mix64(mix64(options_.seed) + static_cast<std::uint64_t>(step))};
    const double loss = engine_->loss_and_gradient(state_.parameters, batch_, regulariser, gradient_);
    const double norm = adam_->step(options_.learning_rate * rate(), average_keep(step, plan_.average_decay), gradient_,
                                    state_.parameters, state_.average);
    if (!std::isfinite(loss) || !std::isfinite(norm)) {
      if (state_.kept.empty())
        return internal_error("step {}: the loss left the numbers (loss {}, gradient norm {})", step + 1, loss, norm);
      state_.diverged = step + 1;
      state_.ended = true;
      return ok();
    }
    state_.losses.push_back(static_cast<float>(loss));
    if (state_.losses.size() > kLossesKept) state_.losses.erase(state_.losses.begin());
    state_.epoch_sum += loss;
    state_.step = step + 1;
    if (state_.step % plan_.epoch_steps == 0) end_epoch();
    if (!ended() && state_.step % plan_.evaluate_every != 0) return ok();
    if (plan_.selection == Selection::kHeldOut && !splits_.held_out.empty())
      look(engine_->horizon_loss(weights(), splits_.held_out));
    return ok();
  }

  TrainedDeepAr finish() {
    TrainedDeepAr result;
    if (state_.kept.empty()) {  // Nothing selected, or nothing held out was observed.
      state_.kept = weights();
      state_.best_step = state_.step;
    }
    const bool held_out = plan_.selection == Selection::kHeldOut;
    result.best_step = state_.best_step;
    result.steps = state_.step;
    result.resumed = resumed_;
    result.diverged = state_.diverged;
    result.train_loss = recent_loss();
    result.held_out_loss = held_out ? state_.best_loss : std::numeric_limits<double>::quiet_NaN();

    json::object about = std::move(about_);
    about["recipe"] = recipe_text(plan_.recipe);
    about["small_set"] = plan_.small_set;
    about["seed"] = options_.seed;
    about["batch"] = options_.batch;
    about["learning_rate"] = options_.learning_rate;
    about["dropout"] = options_.dropout;
    about["planned_steps"] = plan_.steps;
    about["schedule_steps"] = plan_.schedule_steps;
    about["steps"] = result.steps;
    about["best_step"] = result.best_step;
    if (result.diverged > 0) about["diverged"] = result.diverged;
    about["held_out_windows"] = splits_.held_out.size();
    about["held_out_loss"] = number_or_null(result.held_out_loss);
    about["train_loss"] = number_or_null(result.train_loss);
    result.model = std::make_shared<const Model>(plan_.spec, std::move(state_.kept), std::move(about));
    return result;
  }

  const std::vector<Split>& held_out() const { return splits_.held_out; }

 private:
  const std::vector<float>& weights() const { return plan_.recipe.averaging ? state_.average : state_.parameters; }

  double rate() const {
    switch (plan_.recipe.schedule) {
      case Schedule::kCosine: return rate_factor(state_.step, plan_.schedule_steps);
      case Schedule::kPlateau: return state_.rate;
      case Schedule::kConstant: break;
    }
    return 1;
  }

  // A look at what the selection goes by.
  void look(double loss) {
    if (loss < state_.best_loss || (state_.kept.empty() && std::isfinite(loss))) {
      state_.best_loss = loss;
      state_.best_step = state_.step;
      state_.kept = weights();
    }
    if (plan_.patience > 0 && !state_.kept.empty() && state_.step - state_.best_step >= plan_.patience)
      state_.ended = true;
  }

  void end_epoch() {
    const double mean = state_.epoch_sum / plan_.epoch_steps;
    state_.epoch_sum = 0;
    if (plan_.selection == Selection::kTrainLoss) look(mean);
    const double better = state_.least_epoch - std::abs(state_.least_epoch) * kPlateauThreshold;
    if (!(std::isinf(state_.least_epoch) || mean < better)) {
      if (++state_.bad_epochs <= kPlateauPatience) return;
      state_.rate *= kPlateauFactor;
    } else {
      state_.least_epoch = mean;
    }
    state_.bad_epochs = 0;
  }

  static std::string_view bytes_of(const std::vector<float>& values) {
    return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
  }

  const TrainingPlan plan_;
  const std::span<const TimeSeries> series_;
  const DeepArOptions& options_;
  const Splits splits_;
  std::optional<SplitSampler> sampler_;
  std::optional<FileOrderSampler> in_order_;
  std::vector<Source> sources_;
  std::optional<Workers> workers_;
  std::optional<BatchEngine> engine_;
  std::optional<nn::Adam<float>> adam_;
  std::vector<float> gradient_;
  std::vector<Split> batch_;
  json::object about_;
  std::string identity_;
  TrainingState state_;
  int resumed_ = 0;
};

// What trains member `index` of those with these heads.
DeepArOptions options_of_member(const DeepArOptions& options, std::span<const nn::Head> heads, int index) {
  DeepArOptions own = options;
  const nn::Head head = heads[static_cast<std::size_t>(index)];
  own.likelihoods = {head};
  own.members = 1;
  if (const auto round = std::ranges::count(heads.first(static_cast<std::size_t>(index)), head); round > 0)
    own.seed = mix64(options.seed ^ mix64(static_cast<std::uint64_t>(round))) >> 1;  // JSON's numbers have a sign.
  return own;
}

const PooledModel* pool_of(const std::shared_ptr<const Forecaster>& model) {
  return dynamic_cast<const PooledModel*>(model.get());
}

std::shared_ptr<const Forecaster> member_of(const std::shared_ptr<const Forecaster>& model, int index) {
  const PooledModel* pool = pool_of(model);
  if (pool == nullptr) return model;
  return pool->members()[static_cast<std::size_t>(index) % pool->members().size()];
}

// What the pool says of the windows that none of its members was trained on.
Result<std::vector<CalibrationCase>> held_out_cases(const Forecaster& model, std::span<const TimeSeries> series,
                                                    std::span<const Split> held_out, std::uint64_t seed) {
  std::vector<CalibrationCase> cases;
  for (const Split& split : held_out) {
    const TimeSeries& whole = series[split.series];
    TimeSeries history = whole;
    history.values.resize(split.at);
    const auto paths = model.forecast(history, kCalibrationPaths, paths_seed(seed, history.end()));
    if (paths.code() == Code::kInvalidArgument) continue;  // A gap as long as the model looks back.
    TRY(paths.status());
    const auto low = paths->quantile(0.1), median = paths->quantile(0.5), up = paths->quantile(0.9);
    for (std::size_t k = 0; k < median.size() && split.at + k < whole.values.size(); ++k)
      cases.push_back({whole.values[split.at + k], low[k], median[k], up[k]});
  }
  return cases;
}

}  // namespace

Result<TrainedDeepAr> train_deepar(std::span<const TimeSeries> series, const DeepArOptions& options,
                                   const TrainingProgress& progress, const TrainingCheckpoints& checkpoints) {
  TRY(check_options(options));
  const PooledModel* pool = pool_of(options.like);
  std::vector<nn::Head> heads = member_heads(series, options);
  if (options.like) heads.resize(pool ? pool->members().size() : 1);
  // The likelihoods are those of the networks that are taken: a member's seed depends on how many before it have its
  // own.
  if (const auto& given = options.like ? options.like : options.warm_start)
    for (std::size_t i = 0; i < heads.size(); ++i)
      if (const auto* member = dynamic_cast<const Model*>(member_of(given, static_cast<int>(i)).get()))
        heads[i] = member->spec().head;
  const int count = static_cast<int>(heads.size());
  for (std::size_t i = 0; i < series.size(); ++i) TRY(check_values(series[i]).in(fmt::format("series {}", i)));
  TrainedDeepAr result;
  result.train_loss = result.held_out_loss = 0;
  std::vector<std::shared_ptr<const Model>> members;
  std::vector<Split> held_out;
  for (int index = 0; index < count; ++index) {
    DeepArOptions own = options_of_member(options, heads, index);
    if (options.like) own.like = member_of(options.like, index);
    if (options.warm_start) own.warm_start = member_of(options.warm_start, index);
    Training training(TRY(plan_training(series, own)), series, own);
    const auto* warm_start = dynamic_cast<const Model*>(own.warm_start.get());
    if (own.warm_start && warm_start == nullptr) return invalid_argument("warm_start: not a DeepAR model");
    TRY(training.prepare(warm_start));
    if (checkpoints.load)
      if (const std::string state = checkpoints.load(index); !state.empty()) training.resume(state);
    while (!training.ended()) {
      TRY(training.advance());
      const bool due = training.step() % kReportEvery == 0 || training.ended();
      if (progress && due &&
          !progress(index * training.steps() + training.step(), count * training.steps(), training.recent_loss()))
        return cancelled("training stopped after {} of {} steps", training.step(), training.steps());
      if (checkpoints.save && (training.step() % checkpoints.every == 0 || training.ended()))
        TRY(checkpoints.save(index, training.checkpoint()));
    }
    held_out = training.held_out();
    TrainedDeepAr member = training.finish();
    members.push_back(std::static_pointer_cast<const Model>(member.model));
    result.best_step += member.best_step;
    result.steps += member.steps;
    result.resumed += member.resumed;
    result.diverged = std::max(result.diverged, member.diverged);
    result.train_loss += member.train_loss / count;
    result.held_out_loss += member.held_out_loss / count;
  }
  std::optional<Calibration> calibration;
  if (pool)
    calibration = pool->calibration();
  else if (options.calibrate && !options.like)
    calibration = calibrate(TRY(held_out_cases(PooledModel(members, std::nullopt), series, held_out, options.seed)));
  if (count == 1 && !calibration)
    result.model = members.front();
  else
    result.model = std::make_shared<const PooledModel>(std::move(members), calibration);
  return result;
}

}  // namespace tidecast
