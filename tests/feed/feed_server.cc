#include "feed_server.h"

#include <algorithm>

#include "base/rng.h"

namespace tidecast {
namespace {

constexpr std::chrono::milliseconds kPause{30};

// As the WebSocket has it: neither fee nor weight.
std::string utx(std::string record) {
  for (const char* name : {"\"fee\":", "\"weight\":"})
    if (const std::size_t at = record.find(name); at != std::string::npos)
      record.erase(at, record.find(',', at) + 1 - at);
  return R"({"op":"utx","x":)" + record + "}";
}

}  // namespace

Result<std::unique_ptr<Feed>> Feed::open(const RecordingOptions& options, std::size_t keep) {
  std::unique_ptr<Recording> recording = TRY(Recording::open(options));
  ReplySplitter splitter = TRY(ReplySplitter::make("/txs", ReplyOrder::kNewestFirst));
  return std::unique_ptr<Feed>(new Feed(std::move(recording), std::move(splitter), keep));
}

ProcessingTime Feed::end() const { return recording_->time_of(recording_->timetable().replies() - 1); }

void Feed::advance(ProcessingTime time) {
  const Timetable& timetable = recording_->timetable();
  if (!begun_) {
    std::size_t now = 0;
    while (now < timetable.replies() && recording_->time_of(now) <= time) ++now;
    std::size_t from = now;
    // Twice as many, because some are repeats.
    while (from > 0 && timetable.records_before(now) - timetable.records_before(from) < 2 * keep_) --from;
    recording_->seek(from);
    if (from > 0) enter(recording_->next_reply());  // For what is repeated of it.
    begun_ = true;
  }
  while (recording_->position() < timetable.replies() && recording_->time_of(recording_->position()) <= time)
    enter(recording_->next_reply());
}

void Feed::enter(std::string_view reply) {
  RawBatch batch;
  CHECK(splitter_.split(reply.data(), reply.size(), ProcessingTime::epoch(), batch).ok());
  std::vector<std::string> fresh;
  for (std::size_t i = 0; i < batch.records.size(); ++i) {
    std::string record(batch.raw(i));
    if (std::find(last_reply_.begin(), last_reply_.end(), record) != last_reply_.end()) continue;
    ids_.push_back(record.substr(9, 64));  // {"hash":"...
    fresh.push_back(record);
    newest_.push_back(std::move(record));
    if (newest_.size() > keep_) newest_.pop_front();
  }
  last_reply_ = std::move(fresh);
}

std::string Feed::reply(std::size_t count, std::size_t& first) const {
  count = std::min(count, newest_.size());
  first = ids_.size() - count;
  std::size_t bytes = 16;
  for (std::size_t i = newest_.size() - count; i < newest_.size(); ++i) bytes += newest_[i].size() + 1;
  std::string body = R"({"txs":[)";
  body.reserve(bytes);
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) body += ',';
    body += newest_[newest_.size() - 1 - i];
  }
  return body += "]}";
}

Fault random_fault(std::uint64_t seed, std::uint64_t request) {
  Rng rng(seed, request);
  using Kind = Fault::Kind;
  static constexpr Kind kKinds[] = {Kind::kTooMany, Kind::kServerError, Kind::kHtml,  Kind::kCut,   Kind::kPause,
                                    Kind::kReset,   Kind::kGarbage,     Kind::kEmpty, Kind::kStale, Kind::kTooMany};
  if (rng.below(6) != 0) return {};
  const Kind kind = kKinds[rng.below(std::size(kKinds))];
  return {kind, static_cast<int>(kind == Kind::kTooMany ? rng.below(20) : rng.below(100))};
}

Result<std::unique_ptr<FeedServer>> FeedServer::start(FeedServerOptions options) {
  std::unique_ptr<FeedServer> made(new FeedServer(std::move(options)));
  const FeedServerOptions& o = made->options_;
  made->feed_ = TRY(Feed::open(o.recording, o.records));
  made->server_ = std::make_unique<RawServer>(
      o.port, o.certificates, [server = made.get()](RawConnection& connection) { server->serve(connection); },
      [server = made.get()] { return server->welcome(); });
  if (made->server_->port() == 0) return unavailable("port {} is taken", o.port);
  return made;
}

std::string FeedServer::url(std::string_view host) const {
  return fmt::format("{}://{}:{}/unconfirmed-transactions?format=json",
                     options_.certificates != nullptr ? "https" : "http", host, port());
}

std::vector<std::string> FeedServer::shown() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < shown_.size(); ++i)
    if (shown_[i]) ids.push_back(feed_->id(i));
  return ids;
}

std::size_t FeedServer::entered() const {
  const std::lock_guard lock(mutex_);
  const auto first = std::find(shown_.begin(), shown_.end(), true);
  return first == shown_.end() ? 0 : feed_->entered() - static_cast<std::size_t>(first - shown_.begin());
}

bool FeedServer::welcome() {
  const std::lock_guard lock(mutex_);
  return !std::exchange(stall_next_, false);
}

void FeedServer::serve(RawConnection& connection) {
  while (const auto request = connection.request()) {
    if (!request_header(*request, "Upgrade").empty()) return talk(connection, *request);
    if (!answer(connection, *request)) return;
  }
}

std::string FeedServer::socket_url(std::string_view host) const {
  return fmt::format("{}://{}:{}/inv", options_.certificates != nullptr ? "wss" : "ws", host, port());
}

std::string FeedServer::subscription() const {
  const std::lock_guard lock(mutex_);
  return subscription_;
}

void FeedServer::talk(RawConnection& connection, const std::string& head) {
  using Kind = SocketFault::Kind;
  SocketFault fault = options_.socket_fault ? options_.socket_fault(sockets_) : SocketFault{};
  ++sockets_;
  if (fault.kind == Kind::kRefuse) {
    connection.send(http_answer(503, "busy"));
    return;
  }
  if (!connection.send(websocket_accepted(head))) return;
  const auto subscription = read_frame(connection);
  if (!subscription) return;
  std::size_t next = 0, sent = 0, skip = 0;
  {
    const std::lock_guard lock(mutex_);
    subscription_ = subscription->payload;
    feed_->advance(options_.now());
    next = feed_->entered();
  }
  for (;;) {
    if (connection.readable(2)) {
      const auto frame = read_frame(connection);
      if (!frame) return;
      if (frame->kind == FrameKind::kPing) ++pings_, connection.send(frame_bytes(FrameKind::kPong, frame->payload));
      if (frame->kind == FrameKind::kClose) {
        connection.send(frame_bytes(FrameKind::kClose, frame->payload));
        return;
      }
    }
    std::vector<std::pair<std::size_t, std::string>> messages;
    {
      const std::lock_guard lock(mutex_);
      feed_->advance(options_.now());
      for (next = std::max(next, feed_->oldest()); next < feed_->entered(); ++next)
        messages.emplace_back(next, utx(feed_->record(next)));
    }
    for (const auto& [number, message] : messages) {
      SocketFault now{};
      if (sent++ == fault.after) now = fault;
      if (now.kind == Kind::kSkip) skip = 5;
      if (skip > 0) {
        --skip;
        continue;
      }
      if (now.kind != Kind::kReset) {
        const std::lock_guard lock(mutex_);  // Before it is sent: whoever has it may ask for shown() at once.
        shown_.resize(feed_->entered());
        if (now.kind == Kind::kNone || now.kind == Kind::kGarbage || now.kind == Kind::kStatus ||
            now.kind == Kind::kSlow)
          shown_[number] = true;
      }
      if (!tell(connection, message, now)) return;
    }
  }
}

bool FeedServer::tell(RawConnection& connection, const std::string& message, SocketFault fault) {
  using Kind = SocketFault::Kind;
  const std::string bytes = frame_bytes(FrameKind::kText, message);
  switch (fault.kind) {
    case Kind::kSilent: connection.stall(); return false;
    case Kind::kClose:
      connection.send(frame_bytes(FrameKind::kClose, close_payload(1001, "going away")));
      return read_frame(connection) && false;
    case Kind::kReset:
      connection.send(bytes.substr(0, bytes.size() / 2));
      connection.reset();
      return false;
    case Kind::kHuge:
      connection.send(frame_bytes(FrameKind::kText, std::string(9 << 20, ' ')));
      return read_frame(connection) && false;
    case Kind::kGarbage: connection.send(frame_bytes(FrameKind::kText, "{oops")); break;
    case Kind::kStatus: connection.send(frame_bytes(FrameKind::kText, R"({"op":"status","msg":"Connected"})")); break;
    case Kind::kSlow:
      connection.send(bytes.substr(0, 20));
      std::this_thread::sleep_for(kPause);
      return connection.send(bytes.substr(20));
    default: break;
  }
  return connection.send(bytes);
}

bool FeedServer::answer(RawConnection& connection, const std::string& request) {
  using Kind = Fault::Kind;
  std::unique_lock one_by_one(mutex_);
  const Fault fault = options_.fault ? options_.fault(requests_) : Fault{};
  feed_->advance(options_.now());
  ++requests_;

  switch (fault.kind) {
    case Kind::kTooMany:
      return connection.send(
          http_answer(429, "slow down", fault.value > 0 ? fmt::format("Retry-After: {}\r\n", fault.value) : ""));
    case Kind::kServerError: return connection.send(http_answer(500, "oops"));
    case Kind::kHtml: return connection.send(http_answer(200, "<!DOCTYPE html><html><title>Just a moment</title>"));
    case Kind::kGarbage:
      return connection.send(http_answer(200, std::string("\x7f"
                                                          "ELF\x02\x01\0\xff",
                                                          8)));
    case Kind::kEmpty: return connection.send(http_answer(200, R"({"txs":[]})"));
    case Kind::kStale:
      if (!last_body_.empty()) return connection.send(http_answer(200, last_body_));
      break;
    case Kind::kReset: connection.reset(); return false;
    default: break;
  }

  const std::string etag = fmt::format("\"{}\"", feed_->entered());
  if (fault.kind == Kind::kNone && options_.etag && request_header(request, "If-None-Match") == etag)
    return connection.send(fmt::format("HTTP/1.1 304 Not Modified\r\nETag: {}\r\n\r\n", etag));
  std::size_t first = 0;
  const std::size_t count = fault.kind == Kind::kJump ? static_cast<std::size_t>(fault.value) : options_.records;
  const std::string body = feed_->reply(count, first);
  std::string bytes = http_answer(200, body, options_.etag ? fmt::format("ETag: {}\r\n", etag) : "");

  if (fault.kind == Kind::kCut || fault.kind == Kind::kStall || fault.kind == Kind::kPause) {
    bytes.resize(bytes.size() - body.size() + body.size() * static_cast<std::size_t>(fault.value) / 100);
    one_by_one.unlock();
    connection.send(bytes);
    if (fault.kind == Kind::kStall) connection.stall();
    if (fault.kind == Kind::kPause) std::this_thread::sleep_for(kPause);
    return false;
  }
  // Before it is sent: whoever has it may ask for shown() at once.
  shown_.resize(feed_->entered());
  std::fill(shown_.begin() + static_cast<std::ptrdiff_t>(first), shown_.end(), true);
  last_body_ = body;
  stall_next_ = fault.kind == Kind::kStallConnect;
  one_by_one.unlock();
  return connection.send(bytes) && fault.kind != Kind::kStallConnect;
}

}  // namespace tidecast
