#pragma once
// The lines of a file, in bounded memory.  A last line without a line end is a line; empty ones are skipped; "\r\n"
// ends a line as "\n" does.  Not thread-safe.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sources/unpacked_file.h"

namespace tidecast {

struct Line {
  std::uint64_t offset = 0;  // Of its first byte in the unpacked stream.
  std::size_t length = 0;    // Without the line end; > 0.
  std::uint64_t cut = 0;     // Bytes behind those, of a line longer than kLongestLine, that were passed over.
  std::uint64_t end() const { return offset + length + cut; }
};

inline constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";  // What some programs begin a file of UTF-8 with.

class LineReader {
 public:
  explicit LineReader(UnpackedFile file) : file_(std::move(file)) {}

  // Reads on from this byte, where a line begins or the line end before it stands.  Errors: as UnpackedFile::seek().
  Status seek(std::uint64_t offset);

  // The next line, or nullopt at the end.  Lines from `keep_from` on keep their bytes; those before may lose them.
  // A line that is cut is the only one at hand: what lies before it is gone, and back_to() leads nowhere before its
  // end. Errors: as UnpackedFile::read().
  Result<std::optional<Line>> next(std::uint64_t keep_from);

  // Valid until the next call of next() or seek(); kRawPadding bytes after it may be read (whatever they are).
  std::string_view text(const Line& line) const {
    return line.cut > 0 ? std::string_view(cut_) : text(line.offset, line.end());
  }
  // All that stands from one byte to another, of lines that are kept.
  std::string_view text(std::uint64_t from, std::uint64_t end) const {
    return {buffer_.data() + (from - buffer_offset_), static_cast<std::size_t>(end - from)};
  }

  // Reads on from this byte of a line that is kept, as after a seek().
  void back_to(std::uint64_t offset) { next_ = searched_ = offset; }

  const UnpackedFile& file() const { return file_; }

 private:
  Status fill(std::uint64_t keep_from);
  Result<std::optional<Line>> pass_over();

  UnpackedFile file_;
  std::string cut_;     // The beginning of the last line that was cut.
  std::string buffer_;  // The unpacked stream from buffer_offset_ on; its first filled_ bytes are read.
  std::size_t filled_ = 0;
  std::uint64_t buffer_offset_ = 0;
  std::uint64_t next_ = 0;      // Where the next line begins.
  std::uint64_t searched_ = 0;  // From next_ up to here there is no line end.
  bool at_end_ = false;         // Nothing more comes from the file.
  Status damage_;               // Nor after this.
};

}  // namespace tidecast
