#pragma once
// Packed streams unpacked piece by piece: zstd (RFC 8878) and gzip (RFC 1952), one frame or member or several.

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tidecast {

// Not thread-safe.
class Unpacker {
 public:
  virtual ~Unpacker() = default;
  virtual std::string_view name() const = 0;  // For messages: "zstd".

  // Back to the beginning of a stream.
  virtual void reset() = 0;

  struct Step {
    std::size_t taken = 0, given = 0;
  };
  // Takes some of `packed`, gives up to `capacity` (> 0) unpacked bytes to `out`.  With nothing packed it gives what it
  // still holds.  Errors: kDataLoss - damaged, in the library's words.
  virtual Result<Step> step(std::string_view packed, char* out, std::size_t capacity) = 0;

  // More of the present frame or member must come.
  virtual bool inside() const = 0;
};

// By the first bytes of a file; null if it is not packed.
std::unique_ptr<Unpacker> unpacker_of(std::string_view beginning);

}  // namespace tidecast
