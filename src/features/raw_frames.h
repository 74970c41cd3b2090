#pragma once
// The raw archive's bytes: records as zstd frames of lines
//
//   {"n":17,"arrival":"2026-05-06T00:00:00Z","verdict":"stored","source":"poll","event":"trips","record":{...}}
//
// ("source" and "event" only where they are not empty),
// each ended by a newline; newlines inside a record, where JSON allows them, are spaces.  A raw file is such frames one
// after the other, so `zstdcat` reads it; frames carry zstd's own checksum.

#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/workers.h"
#include "features/store.h"

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace tidecast {

// Packs records into frames.  One thread calls; what is large enough is cut into several frames, which a second thread
// helps to make: always the same ones, so the bytes do not depend on who was faster.  Keeps its compressors and buffers
// between calls.
class RawFrames {
 public:
  // The frames of the records, in their order; good until the next call.
  Result<std::span<const std::string_view>> pack(std::span<const ArchivedRecord> records);

 private:
  // Makes one frame of some records.  Fresh memory of this size would cost a tenth of the compression, so it is kept.
  class Frame {
   public:
    Frame();
    Status make(std::span<const ArchivedRecord> records);
    std::string_view bytes() const { return std::string_view(packed_).substr(0, size_); }

   private:
    struct Free {
      void operator()(ZSTD_CCtx_s* context) const;
    };
    void append_line(const ArchivedRecord& record);

    std::unique_ptr<ZSTD_CCtx_s, Free> context_;
    std::string lines_, packed_;
    std::size_t size_ = 0;
    ProcessingTime written_time_;  // Whose text is in time_text_: records of one poll arrive together.
    std::string time_text_;
  };

  std::deque<Frame> frames_;  // As many as were ever needed at once.
  std::vector<std::string_view> packed_;
  std::unique_ptr<Workers> workers_;  // From the first time that there is work for two.
};

ProcessingTime hour_of(ProcessingTime arrival);

// Takes zstd frames apart into lines.  One thread.
class RawLineReader {
 public:
  RawLineReader();
  // Visits the lines of the frames, without their newlines, until the visitor says false, which then is the result.
  // Errors: kDataLoss - `what` is damaged or cut off.
  Result<bool> visit(std::string_view frames, std::string_view what,
                     const std::function<bool(std::string_view line)>& line);

 private:
  struct Free {
    void operator()(ZSTD_DCtx_s* context) const;
  };
  std::unique_ptr<ZSTD_DCtx_s, Free> context_;
  std::string buffer_;
};

}  // namespace tidecast
