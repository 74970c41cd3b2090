#include "sources/timetable.h"

#include <algorithm>
#include <iterator>

namespace tidecast {
namespace {

constexpr std::int64_t kMinuteMs = 60'000;
constexpr double kMeanDelayMs = 3'000, kLeastLongDelayMs = 150'000, kMostLongDelayMs = 600'000;
constexpr std::uint64_t kOneInDelayed = 20'000, kOneInDamaged = 50'000;
constexpr std::size_t kMostRepeats = 2;

// Streams of random numbers under one seed: of a minute's count, of its transactions, of a reply.
std::uint64_t count_stream(std::size_t minute) { return minute; }
std::uint64_t entries_stream(std::size_t minute) { return (std::uint64_t{1} << 32) + minute; }
std::uint64_t reply_stream(std::size_t reply) { return (std::uint64_t{2} << 32) + reply; }

// Newest first; of the same second, the one drawn later.
bool newer(const TimetableEntry& a, const TimetableEntry& b) {
  return a.time_s != b.time_s ? a.time_s > b.time_s : a.number > b.number;
}

}  // namespace

Timetable::Timetable(const TimetableOptions& options, std::span<const ScheduleMinute> schedule) : options_(options) {
  CHECK(options.minutes > 0 && options.first_minute + options.minutes <= schedule.size() && options.every > 0ms);
  // Counted from the schedule's beginning, so that a part has the same transactions as the whole has there.
  std::uint64_t number = 0;
  for (std::size_t minute = 0; minute < options.first_minute + options.minutes; ++minute) {
    if (minute >= options.first_minute) numbers_before_.push_back(number);
    number += Rng(options.seed, count_stream(minute)).poisson(schedule[minute].tx_per_minute);
  }
  numbers_before_.push_back(number);

  std::vector<TimetableEntry> entries;
  for (std::size_t minute = 0; minute < options.minutes; ++minute) {
    entries.clear();
    append_minute(minute, entries);
    for (const TimetableEntry& entry : entries) {
      if (entry.reply >= fresh_.size()) fresh_.resize(entry.reply + 1);
      ++fresh_[entry.reply];
    }
  }
  records_before_.push_back(0);
  for (std::size_t reply = 0; reply < fresh_.size(); ++reply) {
    records_before_.push_back(records_before_.back() + fresh_[reply] + repeats(reply));
  }
}

void Timetable::append_minute(std::size_t minute, std::vector<TimetableEntry>& entries) const {
  const std::size_t scheduled = options_.first_minute + minute;
  Rng rng(options_.seed, entries_stream(scheduled));
  const std::uint64_t count = numbers_before_[minute + 1] - numbers_before_[minute];
  for (std::uint64_t i = 0; i < count; ++i) {
    TimetableEntry entry;
    entry.number = numbers_before_[minute] + i;
    entry.minute = static_cast<std::int64_t>(scheduled);
    const auto second = static_cast<std::int64_t>(rng.below(60));
    entry.time_s = static_cast<std::int64_t>(minute) * 60 + second;
    double delay_ms = kMeanDelayMs * rng.exponential();
    if (rng.below(kOneInDelayed) == 0) {
      delay_ms = kLeastLongDelayMs + (kMostLongDelayMs - kLeastLongDelayMs) * rng.uniform();
    }
    const std::int64_t arrived_ms = entry.time_s * 1000 + static_cast<std::int64_t>(delay_ms);
    entry.reply = static_cast<std::size_t>(arrived_ms / options_.every.count());
    if (rng.below(kOneInDamaged) == 0) entry.damage = static_cast<Damage>(1 + rng.below(3));
    entries.push_back(entry);
  }
}

std::size_t Timetable::repeats(std::size_t reply) const {
  if (reply == 0) return 0;
  const std::size_t wanted = Rng(options_.seed, reply_stream(reply)).below(kMostRepeats + 1);
  return std::min<std::size_t>(wanted, fresh_[reply - 1]);
}

std::size_t Timetable::minutes_from(std::size_t reply) const {
  const std::int64_t begin_ms = static_cast<std::int64_t>(reply) * options_.every.count();
  const std::int64_t longest_ms = static_cast<std::int64_t>(kMostLongDelayMs) + kMinuteMs;
  if (begin_ms <= longest_ms) return 0;
  return std::min(minutes(), static_cast<std::size_t>((begin_ms - longest_ms) / kMinuteMs));
}

std::size_t Timetable::minutes_until(std::size_t reply) const {
  const std::int64_t end_ms = static_cast<std::int64_t>(reply + 1) * options_.every.count();
  return std::min(minutes(), static_cast<std::size_t>((end_ms + kMinuteMs - 1) / kMinuteMs));
}

void TimetableWalk::seek(std::size_t reply) {
  reply_ = reply == 0 ? 0 : reply - 1;
  minute_ = timetable_.minutes_from(reply_);
  waiting_.clear();
  newest_before_.clear();
  if (reply > 0) next();  // For what it leaves to be repeated.
}

std::span<const TimetableEntry> TimetableWalk::next() {
  CHECK(reply_ < timetable_.replies());
  for (; minute_ < timetable_.minutes_until(reply_); ++minute_) timetable_.append_minute(minute_, waiting_);

  fresh_.clear();
  std::erase_if(waiting_, [this](const TimetableEntry& entry) {
    if (entry.reply == reply_) fresh_.push_back(entry);
    return entry.reply <= reply_;  // Earlier ones there are just after a seek.
  });
  std::sort(fresh_.begin(), fresh_.end(), newer);

  const std::size_t repeats = std::min(timetable_.repeats(reply_), newest_before_.size());
  newest_before_.resize(repeats);
  content_.clear();
  std::merge(fresh_.begin(), fresh_.end(), newest_before_.begin(), newest_before_.end(), std::back_inserter(content_),
             newer);

  newest_before_ = fresh_;
  ++reply_;
  return content_;
}

}  // namespace tidecast
