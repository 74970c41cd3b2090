#include "monitoring/alarm.h"

#include <algorithm>

#include "monitoring/saved.h"

namespace tidecast {
namespace {

constexpr char kBreach = 'b', kGood = 'g', kNone = 'n';
constexpr int kNoDataAfter = 3;  // Evaluations without a loss, in a row.
constexpr AlarmState kStates[] = {AlarmState::kOk, AlarmState::kAlarm, AlarmState::kNoData};

}  // namespace

std::string_view name_of(AlarmState state) {
  switch (state) {
    case AlarmState::kOk: return "OK";
    case AlarmState::kAlarm: return "ALARM";
    case AlarmState::kNoData: return "NO_DATA";
  }
  return "?";
}

int Alarm::breaches() const { return static_cast<int>(std::count(recent_.begin(), recent_.end(), kBreach)); }

std::optional<AlarmChange> Alarm::on_evaluation(const Evaluation& evaluation) {
  const char kind = !evaluation.loss ? kNone : evaluation.breach ? kBreach : kGood;
  recent_.push_back(kind);
  if (recent_.size() > static_cast<std::size_t>(rule_.of)) recent_.erase(recent_.begin());
  good_in_a_row_ = kind == kGood ? good_in_a_row_ + 1 : 0;
  none_in_a_row_ = kind == kNone ? none_in_a_row_ + 1 : 0;

  const AlarmState before = state_;
  std::string why = stands_ ? "Data again, and the alarm was never cleared." : "Data again.";
  if (kind == kNone) {
    if (none_in_a_row_ >= kNoDataAfter) state_ = AlarmState::kNoData;
    why = fmt::format("{} evaluations in a row without anything to judge.", none_in_a_row_);
  } else {
    if (kind == kBreach && !stands_ && breaches() >= rule_.breaches) {
      stands_ = true;
      why = fmt::format("{} of {} evaluations breached.", breaches(), recent_.size());
    } else if (stands_ && good_in_a_row_ >= rule_.clear_after) {
      why = fmt::format("{} good evaluation{} in a row.", good_in_a_row_, good_in_a_row_ == 1 ? "" : "s");
      stands_ = false;
      recent_.clear();  // Or the breaches that raised it could raise it again.
    }
    state_ = stands_ ? AlarmState::kAlarm : AlarmState::kOk;
  }
  if (state_ == before) return std::nullopt;
  return AlarmChange{name_,           std::string(name_of(state_)), evaluation.at,
                     evaluation.loss, evaluation.threshold,         std::move(why)};
}

void Alarm::reset() {
  recent_.clear();
  good_in_a_row_ = 0;
  none_in_a_row_ = 0;
}

json::object Alarm::save() const {
  return {{"state", name_of(state_)},
          {"stands", stands_},
          {"recent", std::string_view(recent_.data(), recent_.size())},
          {"good_in_a_row", good_in_a_row_},
          {"none_in_a_row", none_in_a_row_}};
}

Status Alarm::restore(const json::object& saved) {
  const AlarmState state = TRY(saved_name<AlarmState>(saved, "state", kStates));
  const bool stands = TRY(saved_bool(saved, "stands"));
  const std::string recent = TRY(saved_text(saved, "recent"));
  const int good_in_a_row = static_cast<int>(TRY(saved_integer(saved, "good_in_a_row")));
  const int none_in_a_row = static_cast<int>(TRY(saved_integer(saved, "none_in_a_row")));
  if (const auto at = recent.find_first_not_of("bgn"); at != recent.npos)
    return invalid_argument("saved \"recent\": '{}'; allowed are b (breach), g (good), n (nothing to judge)",
                            recent[at]);
  state_ = state;
  stands_ = stands;
  good_in_a_row_ = good_in_a_row;
  none_in_a_row_ = none_in_a_row;
  // The rule may have become shorter since.
  const std::size_t surplus = recent.size() - std::min(recent.size(), static_cast<std::size_t>(rule_.of));
  recent_.assign(recent.begin() + static_cast<std::ptrdiff_t>(surplus), recent.end());
  return ok();
}

}  // namespace tidecast
