#pragma once
// Errors as values.  A function that can fail returns Status, or Result<T> when it has something to give.
//
//   Result<Config> load(path) {
//     const std::string text = TRY(read_file(path));     // The value, or return the error to our own caller.
//     if (text.empty()) return invalid_argument("{}: empty", path);
//     ...
//   }
//
// A code tells the caller what to do; the message tells a person where, what was found and what is allowed.  Names
// follow absl::Status, so that a later move to it (or to std::expected) is mechanical.  No exceptions leave our code:
// adapters round libraries catch theirs.  CHECK guards what only a bug of ours can break; it prints and aborts.

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace tidecast {

enum class Code {
  kOk,
  kInvalidArgument,     // Reject: a dead letter, HTTP 400, exit code 2.
  kNotFound,            // HTTP 404, exit code 3.
  kFailedPrecondition,  // Refused by the present state: HTTP 409, exit code 4.
  kUnavailable,         // Try again later, with back-off: HTTP 503, exit code 5.
  kDataLoss,            // Stop the stage and raise an alarm: durable data is missing or damaged.
  kCancelled,           // Somebody asked for the end.
  kInternal,            // None of the above; HTTP 500, exit code 1.
};

// "invalid argument", "not found", ...
std::string_view name_of(Code code);

class [[nodiscard]] Status {
 public:
  Status() = default;  // Success.
  Status(Code code, std::string message) : code_(code), message_(std::move(message)) {}

  bool ok() const { return code_ == Code::kOk; }
  Code code() const { return code_; }
  const std::string& message() const { return message_; }
  const Status& status() const& { return *this; }
  Status status() && { return std::move(*this); }
  void value() const {}  // So that TRY works on a Status too.

  // The same error with `where` before its message: "where: message".  Success stays as it is.
  Status in(std::string_view where) && {
    if (!ok()) message_ = fmt::format("{}: {}", where, message_);
    return std::move(*this);
  }

 private:
  Code code_ = Code::kOk;
  std::string message_;
};

inline Status ok() { return {}; }

template <typename... Args>
Status invalid_argument(fmt::format_string<Args...> text, Args&&... args) {
  return {Code::kInvalidArgument, fmt::format(text, std::forward<Args>(args)...)};
}
template <typename... Args>
Status not_found(fmt::format_string<Args...> text, Args&&... args) {
  return {Code::kNotFound, fmt::format(text, std::forward<Args>(args)...)};
}
template <typename... Args>
Status failed_precondition(fmt::format_string<Args...> text, Args&&... args) {
  return {Code::kFailedPrecondition, fmt::format(text, std::forward<Args>(args)...)};
}
template <typename... Args>
Status unavailable(fmt::format_string<Args...> text, Args&&... args) {
  return {Code::kUnavailable, fmt::format(text, std::forward<Args>(args)...)};
}
template <typename... Args>
Status data_loss(fmt::format_string<Args...> text, Args&&... args) {
  return {Code::kDataLoss, fmt::format(text, std::forward<Args>(args)...)};
}
template <typename... Args>
Status cancelled(fmt::format_string<Args...> text, Args&&... args) {
  return {Code::kCancelled, fmt::format(text, std::forward<Args>(args)...)};
}
template <typename... Args>
Status internal_error(fmt::format_string<Args...> text, Args&&... args) {
  return {Code::kInternal, fmt::format(text, std::forward<Args>(args)...)};
}

[[noreturn]] void check_failed(const char* file, int line, const char* condition);
#define CHECK(condition) ((condition) ? void() : ::tidecast::check_failed(__FILE__, __LINE__, #condition))

// Either a T or the Status that explains why there is none (never an ok one).
template <typename T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  template <typename U = T>
  requires(std::is_constructible_v<T, U&&> && !std::is_same_v<std::remove_cvref_t<U>, Result> &&
           !std::is_same_v<std::remove_cvref_t<U>, Status>) Result(U&& value)
      : value_(std::in_place, std::forward<U>(value)) {}  // NOLINT: implicit, so that `return value;` works.
  Result(Status error) : error_(std::move(error)) { CHECK(!error_.ok()); }  // NOLINT: implicit, as above.

  bool ok() const { return value_.has_value(); }
  Code code() const { return error_.code(); }
  const std::string& message() const { return error_.message(); }
  const Status& status() const& { return error_; }
  Status status() && { return std::move(error_); }

  T& value() & {
    CHECK(ok());
    return *value_;
  }
  const T& value() const& {
    CHECK(ok());
    return *value_;
  }
  T value() && {
    CHECK(ok());
    return *std::move(value_);
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // The same result with `where` before an error's message.
  Result in(std::string_view where) && {
    if (!ok()) error_ = std::move(error_).in(where);
    return std::move(*this);
  }

 private:
  std::optional<T> value_;
  Status error_;
};

// The value of a Result (nothing, of a Status), or return its error from the enclosing function.  Plain functions only:
// GCC 12 cannot compile it round a co_await.
#define TRY(expression) TRY_NAMED(expression, __COUNTER__)
#define TRY_NAMED(expression, number) TRY_NAMED_(expression, number)  // Twice, so that the counter is a number first.
#define TRY_NAMED_(expression, number)                                             \
  ({                                                                               \
    auto&& try_result_##number = (expression);                                     \
    if (!try_result_##number.ok()) return std::move(try_result_##number).status(); \
    std::move(try_result_##number).value();                                        \
  })

}  // namespace tidecast
