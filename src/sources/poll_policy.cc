#include "sources/poll_policy.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace tidecast {
namespace {

constexpr Milliseconds kLeastInterval = 1s;
constexpr Milliseconds kMostBackOff = 5min;
constexpr Milliseconds kMostRetryAfter = 1h;
constexpr int kCalmReplies = 10;  // In a row, three quarters known, before the interval grows again.

std::string_view header(const HttpAnswer& answer, const std::string& name) {
  const auto found = answer.headers.find(name);
  return found == answer.headers.end() ? std::string_view() : found->second;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t from = text.find_first_not_of(" \t\r\n");
  if (from == text.npos) return {};
  return text.substr(from, text.find_last_not_of(" \t\r\n") - from + 1);
}

// All of `text` as a number of so many digits.
std::optional<int> digits(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

std::string printable(std::string text) {
  for (char& c : text)
    if (c < ' ' || c > '~') c = '.';
  return text;
}

// The beginning of a body.
std::string excerpt(std::string_view body) {
  constexpr std::size_t kWidth = 60;
  const std::string text = printable(std::string(trimmed(body).substr(0, kWidth)));
  return trimmed(body).size() > kWidth ? text + "..." : text;
}

}  // namespace

Milliseconds PollPolicy::least() const { return std::min(every_, kLeastInterval); }

Milliseconds PollPolicy::on_failure(std::optional<Milliseconds> retry_after) {
  Milliseconds most = std::max(interval_, kLeastInterval);
  for (std::uint64_t i = 0; i < failures_ && most < kMostBackOff; ++i) most *= 2;
  most = std::max(std::min(most, kMostBackOff), interval_);  // A slow source is not asked faster because it failed.
  ++failures_;
  mostly_known_ = 0;
  const auto jittered = Milliseconds(std::llround(rng_.uniform() * static_cast<double>(most.count())));
  return std::max({jittered, least(), std::min(retry_after.value_or(0ms), kMostRetryAfter)});
}

void PollPolicy::on_taken(const Taken& taken) {
  if (taken.gap) {
    interval_ = std::max(interval_ / 2, least());
    mostly_known_ = 0;
    return;
  }
  mostly_known_ = taken.known * 4 >= taken.records * 3 ? mostly_known_ + 1 : 0;
  if (mostly_known_ < kCalmReplies) return;
  interval_ = std::min(interval_ * 2, every_);
  mostly_known_ = 0;
}

std::optional<PollFailure> failure_of(const HttpAnswer& answer, ProcessingTime now) {
  if (answer.status == 304) return std::nullopt;
  if (answer.status == 200) {
    const std::string_view body = trimmed(answer.body);
    if (body.starts_with('<')) return PollFailure{"status 200 but the body is no JSON: an HTML page", std::nullopt};
    return std::nullopt;
  }
  PollFailure failure{fmt::format("HTTP {}", answer.status), std::nullopt};
  if (const std::string_view value = header(answer, "retry-after"); !value.empty()) {
    failure.retry_after = parse_retry_after(value, header(answer, "date"), now);
    if (failure.retry_after)
      failure.text += fmt::format(", Retry-After {} s", (failure.retry_after->count() + 999) / 1000);
  }
  if (const std::string_view place = header(answer, "location"); answer.status / 100 == 3 && !place.empty())
    failure.text += fmt::format(", moved to {} (write that as url)", excerpt(place));
  return failure;
}

std::string failure_text(const Status& status, std::string_view body) {
  if (trimmed(body).empty()) return "status 200 but the body is empty";
  // "byte 17: not JSON: ..."; what it quotes of the body is whatever came.
  static constexpr std::string_view kNoJson = "not JSON: ";
  if (const std::size_t at = status.message().find(kNoJson); at != std::string::npos)
    return fmt::format("status 200 but the body is no JSON: {}",
                       printable(std::string(status.message()).erase(at, kNoJson.size())));
  return fmt::format("status 200 but {}; it begins {}", status.message(), excerpt(body));
}

std::optional<Milliseconds> parse_retry_after(std::string_view value, std::string_view date, ProcessingTime now) {
  value = trimmed(value);
  if (!value.empty() && value.find_first_not_of("0123456789") == value.npos) {
    const std::optional<int> seconds = digits(value);
    return seconds ? std::chrono::seconds(*seconds) : kMostRetryAfter;  // A number too large for an int is long enough.
  }
  const std::optional<std::int64_t> then = parse_http_date(value);
  if (!then) return std::nullopt;
  return std::max(Milliseconds(*then - parse_http_date(date).value_or(now.ms())), 0ms);
}

std::optional<std::int64_t> parse_http_date(std::string_view text) {
  static constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                               "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  text = trimmed(text);
  if (text.size() != 29 || text.substr(3, 2) != ", " || text[7] != ' ' || text[11] != ' ' || text[16] != ' ' ||
      text[19] != ':' || text[22] != ':' || text.substr(25) != " GMT")
    return std::nullopt;
  const auto month = std::find(kMonths.begin(), kMonths.end(), text.substr(8, 3));
  const auto day = digits(text.substr(5, 2)), year = digits(text.substr(12, 4)), hour = digits(text.substr(17, 2)),
             minute = digits(text.substr(20, 2)), second = digits(text.substr(23, 2));
  if (month == kMonths.end() || !day || !year || !hour || !minute || !second) return std::nullopt;
  if (*day < 1 || *day > 31 || *year < 1 || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  Civil civil{};
  civil.year = *year, civil.month = static_cast<int>(month - kMonths.begin()) + 1, civil.day = *day;
  civil.hour = *hour, civil.minute = *minute, civil.second = *second;
  return ms_of(civil);
}

}  // namespace tidecast
