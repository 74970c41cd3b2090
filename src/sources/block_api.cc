#include "sources/block_api.h"

#include <algorithm>
#include <random>

#include "base/json.h"
#include "base/log.h"
#include "net/url.h"
#include "sources/poller.h"

namespace tidecast {
namespace {

constexpr std::size_t kBodyMax = std::size_t{128} << 20;  // Bytes; a block is some 10 MB of JSON.
constexpr Milliseconds kSlice = 50ms;                     // How often a wait asks whether to stop.

Result<BlockApi::Tip> parse_tip(std::string_view body) {
  const json::value document = TRY(parse_json(body));
  const json::object* const object = document.if_object();
  const auto number = [&](const char* name) -> const std::int64_t* {
    const json::value* const value = object == nullptr ? nullptr : object->if_contains(name);
    return value == nullptr ? nullptr : value->if_int64();
  };
  const std::int64_t *const height = number("height"), *const time = number("time");
  if (height == nullptr || time == nullptr || *height < 0) return invalid_argument("no height and time in it");
  return BlockApi::Tip{*height, EventTime::from_ms(*time * 1000)};
}

}  // namespace

BlockApi::BlockApi(const RawBlockOptions& options, Clock& clock, std::unique_ptr<HttpClient> client, Rng rng)
    : options_(options), clock_(clock), client_(std::move(client)), policy_(std::max(options.pause, 1ms), rng) {
  health_.since = clock.now();
  health_.interval = options.pause;
}

Result<std::unique_ptr<BlockApi>> BlockApi::make(const RawBlockOptions& options, Clock& clock) {
  TRY(parse_url(options.url));
  TRY(headers_of(options.headers));
  std::unique_ptr<HttpClient> client =
      TRY(HttpClient::make({.connect_timeout = std::min<Milliseconds>(options.timeout, 5s),
                            .timeout = options.timeout,
                            .body_max = kBodyMax,
                            .ca_file = options.ca_file,
                            .proxy = proxy_from_environment(),
                            .stop = options.stop}));
  const Rng rng(options.seed != 0 ? options.seed : std::random_device()());
  return std::unique_ptr<BlockApi>(new BlockApi(options, clock, std::move(client), rng));
}

Result<BlockApi::Tip> BlockApi::latest() { return ask("/latestblock", parse_tip); }

Result<Block> BlockApi::at(std::int64_t height) {
  return ask(fmt::format("/block-height/{}?format=json", height), [height](std::string_view body) -> Result<Block> {
    Block block = TRY(parse_blocks(body));
    if (block.height != height) return invalid_argument("asked for height {}, got {}", height, block.height);
    return block;
  });
}

Result<Block> BlockApi::of(const std::string& hash) {
  return ask("/rawblock/" + hash, [&hash](std::string_view body) -> Result<Block> {
    Block block = TRY(parse_block(body));
    if (block.hash != hash) return invalid_argument("asked for block {}, got {}", hash, block.hash);
    return block;
  });
}

SourceHealth BlockApi::health() const {
  const std::lock_guard lock(mutex_);
  return health_;
}

void BlockApi::note(std::string text) {
  const std::lock_guard lock(mutex_);
  if (health_.state == SourceHealth::State::kOk) health_.text = std::move(text);
}

template <typename Parse>
auto BlockApi::ask(const std::string& path, Parse&& parse) -> decltype(parse(std::string_view())) {
  for (;;) {
    TRY(wait());
    PollFailure failure;
    Result<std::string> body = once(path, failure);
    if (body.ok()) {
      auto parsed = parse(*body);
      if (parsed.ok()) {
        policy_.on_reply();
        const std::lock_guard lock(mutex_);
        if (health_.state != SourceHealth::State::kOk) health_.since = clock_.now();
        health_.state = SourceHealth::State::kOk;
        health_.text.clear();
        ++health_.replies;
        health_.last_reply_at = health_.last_new_at = clock_.now();
        return parsed;
      }
      failure = {fmt::format("{}: {}", path, parsed.message()), std::nullopt};
    } else if (body.code() != Code::kUnavailable) {
      return std::move(body).status();
    }
    TRY(failed(failure));
  }
}

// kUnavailable: `failure` says what.
Result<std::string> BlockApi::once(const std::string& path, PollFailure& failure) {
  const ProcessingTime began = clock_.now();
  due_ = began + options_.pause;
  const Result<Headers> headers = headers_of(options_.headers);
  Result<HttpAnswer> answer = headers.ok() ? client_->get(options_.url + path, *headers) : headers.status();
  if (!answer.ok()) {
    failure = {answer.message(), std::nullopt};
    return answer.status();
  }
  {
    const std::lock_guard lock(mutex_);
    health_.bytes += answer->bytes;
  }
  if (answer->status == 404) return not_found("{}{}: HTTP 404", options_.url, path);
  if (const auto found = failure_of(*answer, clock_.now())) {
    failure = {fmt::format("{}: {}", path, found->text), found->retry_after};
    return unavailable("{}", failure.text);
  }
  return std::move(answer->body);
}

Status BlockApi::wait() {
  for (ProcessingTime now = clock_.now(); now < due_; now = clock_.now()) {
    if (options_.stop && options_.stop()) return cancelled("cancelled");
    clock_.wait_until(std::min(due_, now + kSlice));
  }
  return options_.stop && options_.stop() ? cancelled("cancelled") : ok();
}

Status BlockApi::failed(const PollFailure& failure) {
  const Milliseconds wait = policy_.on_failure(failure.retry_after);
  due_ = std::max(due_, clock_.now() + wait);
  log_warning("sources", "{}: {}; next try in {}", options_.name, failure.text, to_text(wait));
  const std::lock_guard lock(mutex_);
  ++health_.failures;
  if (health_.state != SourceHealth::State::kRetrying) health_.since = clock_.now();
  health_.state = SourceHealth::State::kRetrying;
  health_.text =
      policy_.failures() == 1 ? failure.text : fmt::format("{}; failure {} in a row", failure.text, policy_.failures());
  health_.next_poll_at = due_;
  if (policy_.failures() % static_cast<std::uint64_t>(options_.attempts) != 0) return ok();
  return unavailable("{}: {}, {} times in a row", options_.name, failure.text, policy_.failures());
}

}  // namespace tidecast
