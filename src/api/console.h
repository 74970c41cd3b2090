#pragma once
// The console's files, which are part of the program.

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "net/http.h"

namespace tidecast {

struct ConsoleFile {
  std::string_view path;          // "/index.html", "/assets/index-3f9a.js"
  std::string_view content_type;  // "text/html; charset=utf-8"
  std::string_view hash;          // Of the bytes; changes when they do.
  std::string_view bytes;
  std::string_view gzip;  // The same, compressed; empty where that saves nothing.
};

// As built from web/ (cmake/Console.cmake, the library tidecast_console); empty where there is no web/.
std::span<const ConsoleFile> console_files();

// GET of "/" or a file, or nullopt if it is none of the console's.  /assets/* have their hash in their names and may be
// kept for ever; everything else is asked for again, with an ETag.
std::optional<HttpResponse> console_answer(std::span<const ConsoleFile> files, const HttpRequest& request);

}  // namespace tidecast
