#pragma once
// When a polled source is asked next, and what counts as a failed poll.  Pure: no clock, no connection.
//
// All goes well: one poll an interval, which is `every`.  Where no record of a reply was known that should overlap the
// one before, some were missed, so the interval is halved, down to a second; after ten replies in a row that were
// three quarters known it is doubled again, up to `every`.  Failures: exponential back-off with full jitter
// (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter), and never before a Retry-After.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/rng.h"
#include "base/time.h"
#include "net/client.h"
#include "sources/source.h"

namespace tidecast {

class PollPolicy {
 public:
  // every > 0.  rng: for the jitter.
  PollPolicy(Milliseconds every, Rng rng) : every_(every), interval_(every), rng_(rng) {}

  Milliseconds interval() const { return interval_; }   // Between the beginnings of two polls, when all goes well.
  std::uint64_t failures() const { return failures_; }  // In a row.

  void on_reply() { failures_ = 0; }
  // Returns how long to wait from now.  `retry_after` is what the server asked for; more than an hour is an hour.
  Milliseconds on_failure(std::optional<Milliseconds> retry_after);
  void on_taken(const Taken& taken);

 private:
  Milliseconds least() const;  // Nobody is asked more often, whatever happens.

  Milliseconds every_, interval_;
  Rng rng_;
  std::uint64_t failures_ = 0;
  int mostly_known_ = 0;  // Replies in a row.
};

struct PollFailure {
  std::string text;  // "HTTP 429, Retry-After 390 s"
  std::optional<Milliseconds> retry_after;
};

// What is wrong with an answer before anybody reads its body: any status but 200 and 304, or a body that is a web
// page. `now` is for a Retry-After that is a date, where the answer has no Date of its own.
std::optional<PollFailure> failure_of(const HttpAnswer& answer, ProcessingTime now);
// Of an answer with status 200 whose records `status` (of split_reply) says cannot be found.
std::string failure_text(const Status& status, std::string_view body);

// Retry-After (RFC 9110, 10.2.3): whole seconds, or a date, which is counted from the answer's `date`, if it has one,
// else from `now`.  At least 0; nullopt where it is neither.
std::optional<Milliseconds> parse_retry_after(std::string_view value, std::string_view date, ProcessingTime now);
// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7; not its two obsolete forms) in ms since 1970.
std::optional<std::int64_t> parse_http_date(std::string_view text);

}  // namespace tidecast
