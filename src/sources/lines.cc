#include "sources/lines.h"

#include <algorithm>
#include <cstring>

#include "flow/event.h"
#include "sources/limits.h"

namespace tidecast {

namespace {
constexpr std::size_t kLeastBuffer = 1 << 20;
}

Status LineReader::seek(std::uint64_t offset) {
  filled_ = 0;
  buffer_offset_ = next_ = searched_ = offset;
  at_end_ = false;
  damage_ = ok();
  return file_.seek(offset);
}

Result<std::optional<Line>> LineReader::next(std::uint64_t keep_from) {
  for (;;) {
    const char* const data = buffer_.data();
    const std::size_t begin = next_ - buffer_offset_, searched = searched_ - buffer_offset_;
    const void* const found = searched < filled_ ? std::memchr(data + searched, '\n', filled_ - searched) : nullptr;
    std::size_t end = filled_;
    if (found != nullptr) end = static_cast<std::size_t>(static_cast<const char*>(found) - data);
    if (end - begin > kLongestLine) return pass_over();
    if (found == nullptr && !at_end_) {
      searched_ = buffer_offset_ + filled_;
      TRY(fill(std::clamp(keep_from, buffer_offset_, next_)));  // What lies before the buffer is gone already.
      continue;
    }
    if (found == nullptr && begin == filled_) return std::optional<Line>();
    Line line{next_, end - begin};
    next_ = searched_ = buffer_offset_ + end + (found != nullptr ? 1 : 0);
    if (line.length > 0 && data[end - 1] == '\r') --line.length;
    if (line.length > 0) return std::optional<Line>(line);
  }
}

// The line at next_, which is too long: its beginning is kept, and the rest read without keeping it.
Result<std::optional<Line>> LineReader::pass_over() {
  const std::uint64_t offset = next_;
  cut_.assign(buffer_, next_ - buffer_offset_, kCutLine);
  for (;;) {
    const std::size_t searched = searched_ - buffer_offset_;
    const void* const found = std::memchr(buffer_.data() + searched, '\n', filled_ - searched);
    const std::size_t end =
        found == nullptr ? filled_ : static_cast<std::size_t>(static_cast<const char*>(found) - buffer_.data());
    next_ = searched_ = buffer_offset_ + end;
    if (found == nullptr && !at_end_) {
      TRY(fill(next_));
      continue;
    }
    const Line line{offset, cut_.size(), next_ - offset - cut_.size()};
    if (found != nullptr) ++next_, ++searched_;
    return std::optional<Line>(line);
  }
}

Status LineReader::fill(std::uint64_t keep_from) {
  const std::size_t dropped = keep_from - buffer_offset_, kept = filled_ - dropped;
  if (dropped > 0 && kept > 0) std::memmove(buffer_.data(), buffer_.data() + dropped, kept);
  buffer_offset_ = keep_from;
  filled_ = kept;
  // At least half of the buffer is free after this, so that a byte is moved about once however long lines are.
  if (buffer_.size() < 2 * kept + kLeastBuffer) buffer_.resize(std::max(2 * buffer_.size(), 2 * kept + kLeastBuffer));
  TRY(damage_);
  const auto got = file_.read(buffer_.data() + filled_, buffer_.size() - kRawPadding - filled_);
  if (got.code() == Code::kDataLoss) damage_ = got.status();
  filled_ += TRY(got);
  at_end_ = *got == 0;
  return ok();
}

}  // namespace tidecast
