#include "deepar/pool.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/rng.h"

namespace tidecast {
namespace deepar {
namespace {

constexpr int kPooledFormat = 3;  // Several networks in a file, which earlier programs do not know.
constexpr int kMembersMax = 32;
constexpr double kTail = 0.1;
constexpr double kFactorMax = 10;

std::string prefix_of(std::size_t member) { return fmt::format("{}.", member); }

// The least factor with which 1 - kTail of the truths are within: the conformal quantile of `ratios`, which counts the
// truth to come as one more.
double conformal_factor(std::vector<double> ratios) {
  if (ratios.empty()) return 1;
  const double n = static_cast<double>(ratios.size());
  const auto rank = static_cast<std::ptrdiff_t>(std::min(n, std::ceil((n + 1) * (1 - kTail)))) - 1;
  std::ranges::nth_element(ratios, ratios.begin() + rank);
  return std::clamp(ratios[static_cast<std::size_t>(rank)], 1 / kFactorMax, kFactorMax);
}

// What values a head can have.
std::pair<double, double> support_of(nn::Head head) {
  constexpr double kNone = std::numeric_limits<double>::infinity();
  if (head == nn::Head::kBeta) return {0, 1};
  if (nn::is_count(head) || head == nn::Head::kGamma) return {0, kNone};
  return {-kNone, kNone};
}

}  // namespace

std::optional<Calibration> calibrate(std::span<const CalibrationCase> cases) {
  std::vector<double> below, above;  // How far the truth was, in units of the quantile's distance.
  int truths = 0;
  for (const CalibrationCase& each : cases) {
    if (std::isnan(each.truth)) continue;
    ++truths;
    if (each.median > each.low) below.push_back((each.median - each.truth) / (each.median - each.low));
    if (each.up > each.median) above.push_back((each.truth - each.median) / (each.up - each.median));
  }
  if (truths < kTruthsToCalibrate) return std::nullopt;
  return Calibration{conformal_factor(std::move(below)), conformal_factor(std::move(above)), truths};
}

void apply(const Calibration& calibration, double least, double most, ForecastPaths& paths) {
  const std::vector<double> median = paths.quantile(0.5);
  for (std::size_t i = 0; i < paths.values.size(); ++i) {
    const double middle = median[i % median.size()], distance = static_cast<double>(paths.values[i]) - middle;
    const double moved = middle + distance * (distance < 0 ? calibration.low : calibration.up);
    constexpr double kMax = std::numeric_limits<float>::max();
    paths.values[i] = static_cast<float>(std::clamp(std::clamp(moved, least, most), -kMax, kMax));
  }
}

PooledModel::PooledModel(std::vector<std::shared_ptr<const Model>> members, std::optional<Calibration> calibration)
    : members_(std::move(members)), calibration_(calibration) {
  // What is asked of a model is asked of the first member; the others differ in seed and likelihood.
  description_ = members_.front()->describe();
  description_["format"] = kPooledFormat;
  json::array all;
  std::size_t parameters = 0;
  for (const auto& member : members_) {
    all.push_back(member->describe());
    parameters += member->parameters().size();
  }
  description_["parameters"] = parameters;
  if (calibration_)
    description_["calibration"] = {
        {"low", calibration_->low}, {"up", calibration_->up}, {"truths", calibration_->truths}};
  description_["members"] = std::move(all);
}

int member_of_path(int k, int members) {
  constexpr int kRound = 100, kInTurn = 96;
  return (k % kRound < kInTurn ? k % kRound : k / kRound) % members;
}

Result<ForecastPaths> PooledModel::forecast(const TimeSeries& history, int paths, std::uint64_t seed) const {
  if (paths < 1) return invalid_argument("{} paths; at least 1 is needed", paths);
  const int count = static_cast<int>(members_.size());
  ForecastPaths pooled{.paths = paths, .horizon = horizon(), .values = {}};
  pooled.values.resize(static_cast<std::size_t>(paths) * static_cast<std::size_t>(pooled.horizon));
  for (int m = 0; m < count; ++m) {
    std::vector<int> own;  // Its paths' places among all.
    for (int k = 0; k < paths; ++k)
      if (member_of_path(k, count) == m) own.push_back(k);
    if (own.empty()) break;
    const std::uint64_t own_seed = m == 0 ? seed : mix64(seed ^ mix64(static_cast<std::uint64_t>(m)));
    const ForecastPaths part =
        TRY(members_[static_cast<std::size_t>(m)]->forecast(history, static_cast<int>(own.size()), own_seed));
    for (std::size_t i = 0; i < own.size(); ++i)
      std::ranges::copy_n(part.values.begin() + static_cast<std::ptrdiff_t>(i) * pooled.horizon, pooled.horizon,
                          pooled.values.begin() + std::ptrdiff_t{own[i]} * pooled.horizon);
  }
  if (calibration_) {
    double least = std::numeric_limits<double>::infinity(), most = -least;
    for (const auto& member : members_) {
      const auto [low, up] = support_of(member->spec().head);
      least = std::min(least, low), most = std::max(most, up);
    }
    apply(*calibration_, least, most, pooled);
    if (std::ranges::all_of(members_, [](const auto& member) { return nn::is_count(member->spec().head); }))
      for (float& value : pooled.values) value = std::round(value);
  }
  return pooled;
}

int PooledModel::history_needed() const {
  int most = 0;
  for (const auto& member : members_) most = std::max(most, member->history_needed());
  return most;
}

std::string PooledModel::serialize() const {
  std::vector<nn::NamedTensor> tensors;
  for (std::size_t m = 0; m < members_.size(); ++m) members_[m]->add_tensors(prefix_of(m), tensors);
  return nn::write_safetensors({{"format", "tidecast.deepar"}, {"tidecast", to_text(description_)}}, tensors);
}

namespace {

Result<std::optional<Calibration>> read_calibration(const json::object& about) {
  const json::value* value = about.if_contains("calibration");
  if (value == nullptr) return std::optional<Calibration>();
  const auto number = [&](const char* key) {
    const json::value* found = value->is_object() ? value->get_object().if_contains(key) : nullptr;
    return found != nullptr && found->is_number() ? found->to_number<double>() : std::nan("");
  };
  const Calibration read{number("low"), number("up"), 0};
  const double truths = number("truths");
  const auto factor = [](double x) { return x >= 1 / kFactorMax && x <= kFactorMax; };
  if (!factor(read.low) || !factor(read.up) || !(truths >= 0 && truths <= INT32_MAX))
    return invalid_argument("header: tidecast: calibration: found {}; allowed: low and up from {} to {}, truths",
                            to_text(*value), 1 / kFactorMax, kFactorMax);
  return std::optional(Calibration{read.low, read.up, static_cast<int>(truths)});
}

Result<std::shared_ptr<const Forecaster>> read_pool(const json::object& about, const nn::Safetensors& file,
                                                    std::size_t bytes) {
  const json::value* list = about.if_contains("members");
  if (list == nullptr || !list->is_array() || list->get_array().empty() || list->get_array().size() > kMembersMax)
    return invalid_argument("header: tidecast: members: allowed: 1 to {} of them", kMembersMax);
  std::vector<std::shared_ptr<const Model>> members;
  for (const json::value& each : list->get_array()) {
    const std::string where = fmt::format("members[{}]", members.size());
    if (!each.is_object()) return invalid_argument("{}: not an object", where);
    members.push_back(TRY(Model::read(each.get_object(), file, bytes, prefix_of(members.size())).in(where)));
    const ModelSpec &spec = members.back()->spec(), &first = members.front()->spec();
    if (spec.step != first.step || spec.horizon != first.horizon)
      return invalid_argument("{}: another step or horizon than the first's", where);
  }
  std::size_t tensors = 0;
  for (const auto& member : members) tensors += nn::ParameterMap(network_shape(member->spec())).blocks().size();
  if (tensors != file.tensors.size())
    return invalid_argument("{} tensors; these networks have {}", file.tensors.size(), tensors);
  return std::make_shared<const PooledModel>(std::move(members), TRY(read_calibration(about)));
}

}  // namespace
}  // namespace deepar

Result<std::shared_ptr<const Forecaster>> load_deepar(std::string_view artefact) {
  using namespace deepar;
  const nn::Safetensors file = TRY(nn::parse_safetensors(artefact));
  const auto text = file.metadata.find("tidecast");
  if (text == file.metadata.end())
    return invalid_argument("header: __metadata__ has no 'tidecast': not a model of ours");
  json::value about = TRY(parse_json(text->second).in("header: tidecast"));
  if (!about.is_object()) return invalid_argument("header: tidecast: not an object");
  json::object& fields = about.get_object();
  if (const json::value* format = fields.if_contains("format"); format != nullptr && *format == kPooledFormat)
    return read_pool(fields, file, artefact.size());
  return std::shared_ptr<const Forecaster>(TRY(Model::read(std::move(fields), file, artefact.size(), "")));
}

}  // namespace tidecast
