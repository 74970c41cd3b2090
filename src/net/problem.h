#pragma once
// Errors as HTTP answers: RFC 9457 "problem details", {"title": "Not Found", "status": 404, "detail": "..."} and, where
// known, what was wrong where.  The member "message" repeats the detail, because that is where Amazon's clients look
// for it.

#include "base/json.h"
#include "net/http.h"

namespace tidecast {

// 400 for kInvalidArgument, 404 kNotFound, 409 kFailedPrecondition, 503 kUnavailable and kCancelled, else 500.
int http_status_of(Code code);

// `members` are added after the standard ones: {{"where", "/as_of"}, {"found", "..."}, {"allowed", "..."}}.
HttpResponse problem(int status, std::string_view detail, const json::object& members = {});
HttpResponse problem(const Status& error);  // Of an error, never of ok().

// "Not Found"; "Unknown" for a number without a name.
std::string_view http_reason(int status);

}  // namespace tidecast
