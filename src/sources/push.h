#pragma once
// A live source that is fed by calls: POST /sources/{name}/events (docs/sources.md).  Who calls is answered after the
// commit.

#include <functional>

#include "sources/source.h"

namespace tidecast {

struct PushOptions {
  std::string name = "push";
  // That wait for their commit, the ones under way among them.  One push alone may have more.
  std::size_t records_max = 100'000;
  std::size_t bytes_max = std::size_t{128} << 20;
};

class PushSource : public Source {
 public:
  using Answer = std::function<void(Result<Taken>)>;

  // Takes the records (of parse_push()), which arrive now.  `answer` is called once, by the thread that reads the
  // source or ends it, and must be quick and call nothing of the source: after the commit with what became of the
  // batch; with kCancelled if the source ended before that was known.  No records: answered at once.  Any thread.
  // Errors: kUnavailable - full, or not started yet: HTTP 429 with Retry-After: kRetryAfter;  kCancelled - it has
  // ended: 503.  Then `answer` is not called.
  static constexpr Milliseconds kRetryAfter{1'000};
  virtual Status offer(RawBatch batch, Answer answer) = 0;

  // The same, and waits for the answer.  Any thread but the one that reads.
  // Errors: as offer(), and kCancelled (503) - no commit within `patience`, or the source ended: what was pushed may
  // still have been taken, so it is safe to push it again where records have an id.
  virtual Result<Taken> push(RawBatch batch, Milliseconds patience) = 0;

  // Answers all that wait, and everybody later, with kCancelled.  Any thread; the destructor does the same.
  virtual void close() = 0;
};

// Each push is one batch of read(), never cut, and belongs to the next on_taken().  Cursor: "push:N", N the pushes
// taken.
Result<std::unique_ptr<PushSource>> open_push(PushOptions options);

inline constexpr std::size_t kPushBodyMax = std::size_t{64} << 20;  // Bytes, unpacked.
inline constexpr std::size_t kPushRecordsMax =
    500'000;  // Each takes some 300 bytes beside its own until it is committed.

// The records of a body: NDJSON, one a line (empty lines are none), or the elements of a JSON array.  `encoding` is the
// request's Content-Encoding: "", "identity", "gzip", "zstd".  What is inside a record is the decoder's affair: one bad
// line is a dead letter, and no error.
// Errors: kFailedPrecondition - more than kPushBodyMax unpacked or more than kPushRecordsMax (HTTP 413);
// kInvalidArgument - an encoding that is none of these (HTTP 415 if `encoding` is the reason: see is_push_encoding),
// packed bytes that are damaged, an array that is not complete ("byte 17: ..."), no line that is a JSON object ("line
// 1: ...").
Result<RawBatch> parse_push(std::string body, std::string_view encoding);
bool is_push_encoding(std::string_view encoding);

}  // namespace tidecast
