#pragma once
// The program's log, on standard error: one line an event, with time, level and room.  An error is logged once, where
// somebody decides what to do about it; on its way there it is a Status.  Thread-safe.

#include <fmt/format.h>

#include <string_view>

namespace tidecast {

enum class LogLevel { kDebug, kInfo, kWarning, kError, kOff };

void set_log_level(LogLevel least);  // kWarning until set.
void log_line(LogLevel level, std::string_view room, std::string_view text);

template <typename... Args>
void log_debug(std::string_view room, fmt::format_string<Args...> text, Args&&... args) {
  log_line(LogLevel::kDebug, room, fmt::format(text, std::forward<Args>(args)...));
}
template <typename... Args>
void log_info(std::string_view room, fmt::format_string<Args...> text, Args&&... args) {
  log_line(LogLevel::kInfo, room, fmt::format(text, std::forward<Args>(args)...));
}
template <typename... Args>
void log_warning(std::string_view room, fmt::format_string<Args...> text, Args&&... args) {
  log_line(LogLevel::kWarning, room, fmt::format(text, std::forward<Args>(args)...));
}
template <typename... Args>
void log_error(std::string_view room, fmt::format_string<Args...> text, Args&&... args) {
  log_line(LogLevel::kError, room, fmt::format(text, std::forward<Args>(args)...));
}

}  // namespace tidecast
