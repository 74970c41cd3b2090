#include "net/problem.h"

namespace tidecast {

int http_status_of(Code code) {
  switch (code) {
    case Code::kOk: return 200;
    case Code::kInvalidArgument: return 400;
    case Code::kNotFound: return 404;
    case Code::kFailedPrecondition: return 409;
    case Code::kUnavailable:
    case Code::kCancelled: return 503;
    case Code::kDataLoss:
    case Code::kInternal: return 500;
  }
  return 500;
}

std::string_view http_reason(int status) {
  switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 413: return "Content Too Large";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 421: return "Misdirected Request";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    default: return "Unknown";
  }
}

HttpResponse problem(int status, std::string_view detail, const json::object& members) {
  json::object body{{"title", http_reason(status)}, {"status", status}, {"detail", detail}};
  for (const auto& [key, value] : members) body[key] = value;
  body["message"] = detail;
  return {.status = status, .content_type = "application/problem+json", .body = to_text(body) + "\n", .headers = {}};
}

HttpResponse problem(const Status& error) {
  CHECK(!error.ok());
  return problem(http_status_of(error.code()), error.message());
}

}  // namespace tidecast
