#include "sources/poller.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "base/hash.h"
#include "net/url.h"

namespace tidecast {
namespace {

constexpr int kMostRedirects = 3;

bool is_token_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

Result<std::string> value_of(const SourceHeader& header) {
  if (!header.environment.empty()) {
    const char* value = std::getenv(header.environment.c_str());
    if (value == nullptr) return invalid_argument("the variable {} is not set", header.environment);
    return std::string(value);
  }
  if (header.file.empty()) return header.value;
  std::ifstream file(header.file, std::ios::binary);
  std::string value(4096, '\0');
  file.read(value.data(), static_cast<std::streamsize>(value.size()));
  if (file.gcount() == 0) return unavailable("{}: cannot be read, or is empty", header.file.string());
  value.resize(static_cast<std::size_t>(file.gcount()));
  value.resize(value.find_last_not_of(" \t\r\n") + 1);
  return value;
}

}  // namespace

Result<Headers> headers_of(const std::vector<SourceHeader>& headers) {
  Headers out;
  for (const SourceHeader& header : headers) {
    const auto where = [&] { return fmt::format("header {}", header.name); };
    if (header.name.empty() || !std::all_of(header.name.begin(), header.name.end(), is_token_letter))
      return invalid_argument("header '{}': allowed: letters, digits, - and _", header.name);
    std::string value = TRY(value_of(header).in(where()));
    if (std::any_of(value.begin(), value.end(), [](char c) { return c < ' ' || c > '~'; }))
      return invalid_argument("{}: its value has a line break or a letter that is not ASCII", where());
    out.emplace_back(header.name, std::move(value));
  }
  return out;
}

Result<Poller> Poller::make(const HttpPollOptions& options) {
  TRY(parse_url(options.url));
  if (options.every <= 0ms) return invalid_argument("every is not above 0");
  TRY(headers_of(options.headers));
  ReplySplitter splitter = TRY(ReplySplitter::make(options.records, options.order));
  std::unique_ptr<HttpClient> client =
      TRY(HttpClient::make({.connect_timeout = std::min<Milliseconds>(options.timeout, 5s),
                            .timeout = options.timeout,
                            .ca_file = options.ca_file,
                            .proxy = proxy_from_environment()}));
  return Poller(options, std::move(splitter), std::move(client));
}

// Follows redirects; what a header tells is told to nobody but the host it was meant for.
Result<HttpAnswer> Poller::ask(const Headers& headers) {
  std::string url = options_.url;
  const std::string host = TRY(parse_url(url)).host;
  for (int redirects = 0;; ++redirects) {
    const bool same = TRY(parse_url(url)).host == host;
    HttpAnswer answer = TRY(client_->get(url, same ? headers : Headers{}));
    static constexpr int kRedirects[] = {301, 302, 303, 307, 308};
    const auto place = answer.headers.find("location");
    if (std::find(std::begin(kRedirects), std::end(kRedirects), answer.status) == std::end(kRedirects) ||
        place == answer.headers.end() || redirects == kMostRedirects)
      return answer;
    Result<std::string> next = redirected_url(url, place->second);
    if (!next.ok()) return answer;  // A failure that says where to.
    url = std::move(next).value();
  }
}

Poller::Reply Poller::poll(ProcessingTime now) {
  Reply reply;
  Result<Headers> headers = headers_of(options_.headers);
  if (!headers.ok()) {
    reply.failure = {headers.message(), std::nullopt};
    return reply;
  }
  if (!etag_.empty()) headers->emplace_back("If-None-Match", etag_);
  Result<HttpAnswer> answer = ask(*headers);
  if (!answer.ok()) {
    reply.cancelled = answer.code() == Code::kCancelled;
    reply.failure = {answer.message(), std::nullopt};
    return reply;
  }
  reply.bytes = answer->bytes;
  reply.failure = failure_of(*answer, now);
  if (reply.failure || answer->status == 304) return reply;

  RawBatch batch;
  const std::size_t length = answer->body.size();
  answer->body.append(kRawPadding, '\0');
  const Status split = splitter_.split(answer->body.data(), length, ProcessingTime::epoch(), batch);
  if (!split.ok()) {
    reply.failure = {failure_text(split, {answer->body.data(), length}), std::nullopt};
    return reply;
  }
  const auto etag = answer->headers.find("etag");
  etag_ = etag == answer->headers.end() ? "" : etag->second;
  // A list that somebody keeps would be new again once its identifiers are forgotten.
  const auto hash = sha256(batch.bytes);
  if (std::exchange(before_, hash) == hash) return reply;
  batch.pad();
  batch.overlapping = options_.overlap;
  reply.batch = std::move(batch);
  return reply;
}

}  // namespace tidecast
