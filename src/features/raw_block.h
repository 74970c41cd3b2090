#pragma once
// The raw archive's blocks: the records of one commit that arrived in one hour, as a zstd frame of lines
//
//   {"n":17,"arrival":"2026-05-06T00:00:00Z","verdict":"stored","source":"poll","event":"trips","record":{...}}
//
// ("source" and "event" only where they are not empty),
// each ended by a newline; newlines inside a record, where JSON allows them, are spaces.  A raw file is such frames one
// after the other, so `zstdcat` reads it; frames carry zstd's own checksum.

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/workers.h"
#include "features/store.h"

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace tidecast {

// Packs records into blocks.  One thread calls; half of a large block is put together and compressed on a second one,
// always as two frames, so the bytes do not depend on who was faster.  Keeps its compressors and buffers between calls.
class RawBlockWriter {
 public:
  // Calls `put` once for every run of records whose arrivals lie in one hour, with the number of the run's first record
  // and the value to store.
  Status write(std::span<const ArchivedRecord> records,
               const std::function<void(std::uint64_t first_number, std::string_view value)>& put);

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

  Frame first_, second_;
  std::unique_ptr<Workers> workers_;  // From the first large block on.
};

struct RawBlock {
  ProcessingTime hour;  // Start of the hour in which its records arrived.
  std::uint64_t last_number = 0;
  std::uint32_t records = 0;
  std::string_view frame;  // Points into the value.
};
Result<RawBlock> decode_raw_block(std::string_view value);

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
