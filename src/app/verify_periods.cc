#include "app/verify_periods.h"

#include <algorithm>

namespace tidecast {
namespace {

bool has_column(const WindowGroup* group, std::string_view name) {
  return group != nullptr && std::ranges::find(group->columns, name, &AggregateColumn::name) != group->columns.end();
}

}  // namespace

const WindowGroup* group_named(const PipelineOptions& options, std::string_view name) {
  const auto group = std::ranges::find(options.groups, name, &WindowGroup::name);
  return group == options.groups.end() ? nullptr : &*group;
}

bool is_gone(const PipelineOptions& options, std::string_view source) {
  return std::ranges::find(options.sources, source, &PipelineSource::name) == options.sources.end() ||
         source.starts_with(kBackfillPrefix);
}

void IdleSources::begin(const PipelineOptions& options) {
  options_ = &options;
  std::erase_if(names_, [&](const std::string& name) { return is_gone(options, name); });
  for (const PipelineSource& source : options.sources)
    if (source.name.starts_with(kBackfillPrefix)) names_.insert(source.name);
}

void IdleSources::take(std::span<const ClockMark> marks, const std::map<std::string, std::uint64_t>& heard) {
  std::map<std::string, std::uint64_t> silent_before;  // This record.
  for (const ClockMark& mark : marks)
    if (mark.kind == ClockMark::Kind::kSourceIdle) silent_before[mark.name] = mark.number;
  for (const auto& [source, number] : heard)
    if (const auto silent = silent_before.find(source); silent == silent_before.end() || number >= silent->second) {
      names_.erase(source);
      if (silent != silent_before.end()) silent_before.erase(silent);
    }
  for (const auto& [source, number] : silent_before)
    if (std::ranges::find(options_->sources, source, &PipelineSource::name) != options_->sources.end())
      names_.insert(source);
}

std::vector<std::vector<std::string>> names_in(std::span<const Period> periods, const WindowGroup& group) {
  std::vector<std::vector<std::string>> names(periods.size());
  std::vector<std::string> later;
  for (const AggregateColumn& column : group.columns) later.push_back(column.name);
  const WindowGroup* next = &group;
  for (std::size_t p = periods.size(); p-- > 0;) {
    const WindowGroup* then = group_named(periods[p].options, group.name);
    for (std::string& name : later) {
      const auto renamed = next->renamed_from.find(name);
      // Under another name the earlier column lives on, so this one is none of it.
      const bool lives_on = !has_column(next, name) && has_column(then, name) &&
                            std::ranges::any_of(next->renamed_from, [&](const auto& r) { return r.second == name; });
      if (lives_on) name.clear();
      if (renamed != next->renamed_from.end() && !has_column(then, name) && has_column(then, renamed->second))
        name = renamed->second;
      names[p].push_back(has_column(then, name) ? name : "");
    }
    if (then != nullptr) next = then;
  }
  return names;
}

Result<std::vector<Period>> periods_of(const FeatureStore& store, const PipelineOptions& options,
                                       std::span<const ClockMark> marks, const AsDefined& as_defined) {
  std::vector<Period> periods;
  for (std::size_t m = 0; m < marks.size() && as_defined; ++m) {
    if (marks[m].kind != ClockMark::Kind::kDefinition) continue;
    auto then = as_defined(marks[m].name);
    if (!then.ok())
      return failed_precondition("the definition that held from record {} on can be read no more: {}", marks[m].number,
                                 then.message());
    periods.push_back({std::move(then).value(), marks[m].number, m, marks[m].at});
  }
  if (periods.empty()) periods.push_back({options});
  periods[0] = {std::move(periods[0].options)};
  const Recovered recovered = TRY(store.recover());
  for (Period& period : periods)
    for (const auto& [name, cursor] : recovered.cursors) {
      if (!name.starts_with(kBackfillPrefix)) continue;
      for (EventMapping& event : period.options.events)
        if (!event.sources.empty()) event.sources.push_back(period.options.sources.size());
      period.options.sources.push_back({.name = name});
    }
  return periods;
}

}  // namespace tidecast
