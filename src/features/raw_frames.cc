#include "features/raw_frames.h"

#define ZSTD_STATIC_LINKING_ONLY  // For ZSTD_c_literalCompressionMode, 1.4.3 and later.
#include <zstd.h>

#include <algorithm>
#include <charconv>

namespace tidecast {
namespace {

// Level 1 but for a smaller hash table, which stays in the processor's nearest cache, and longer steps where nothing
// matches: a tenth less of a transaction's processor time (bench_ingest: 10.3 and 9.4 us) for a fifteenth more bytes.
// Half of JSON like this is hashes and signatures, which nothing but their alphabet compresses; so literals are always
// coded.
constexpr int kStrategy = ZSTD_fast, kHashLog = 13, kMinMatch = 6, kStep = 2;
constexpr std::size_t kFrame = 96 << 10;  // Bytes; the time of one, 0.2 ms, is a few times what waking a thread takes.
constexpr std::size_t kMostFrames = 8;
constexpr std::size_t kPiece = 1 << 17;

}  // namespace

void RawFrames::Frame::Free::operator()(ZSTD_CCtx_s* context) const { ZSTD_freeCCtx(context); }

RawFrames::Frame::Frame() : context_(ZSTD_createCCtx()), time_text_(to_rfc3339(written_time_)) {
  CHECK(context_ != nullptr);
  const auto set = [this](ZSTD_cParameter parameter, int value) {
    CHECK(!ZSTD_isError(ZSTD_CCtx_setParameter(context_.get(), parameter, value)));
  };
  set(ZSTD_c_checksumFlag, 1);
  set(ZSTD_c_compressionLevel, 1);
  set(ZSTD_c_strategy, kStrategy);
  set(ZSTD_c_hashLog, kHashLog);
  set(ZSTD_c_minMatch, kMinMatch);
  set(ZSTD_c_targetLength, kStep);
  set(ZSTD_c_literalCompressionMode, 1);  // Else such steps would turn it off.
}

void RawFrames::Frame::append_line(const ArchivedRecord& record) {
  if (record.arrival != written_time_) {
    written_time_ = record.arrival;
    time_text_ = to_rfc3339(written_time_);
  }
  const fmt::format_int number(record.number);
  lines_.append(R"({"n":)").append(number.data(), number.size());
  lines_.append(R"(,"arrival":")").append(time_text_);
  lines_.append(R"(","verdict":")").append(record.verdict);
  if (!record.source.empty()) lines_.append(R"(","source":")").append(record.source);
  if (!record.event.empty()) lines_.append(R"(","event":")").append(record.event);
  lines_.append(R"(","record":)");
  const std::size_t begin = lines_.size();
  lines_.append(record.raw);
  for (std::size_t at = begin; (at = lines_.find('\n', at)) != lines_.npos; ++at) lines_[at] = ' ';
  lines_.append("}\n");
}

Status RawFrames::Frame::make(std::span<const ArchivedRecord> records) {
  lines_.clear();
  for (const ArchivedRecord& record : records) append_line(record);
  if (const std::size_t bound = ZSTD_compressBound(lines_.size()); packed_.size() < bound) packed_.resize(bound);
  size_ = ZSTD_compress2(context_.get(), packed_.data(), packed_.size(), lines_.data(), lines_.size());
  if (ZSTD_isError(size_)) return unavailable("zstd: {}", ZSTD_getErrorName(size_));  // Only memory can be short.
  return ok();
}

Result<std::span<const std::string_view>> RawFrames::pack(std::span<const ArchivedRecord> records) {
  std::size_t bytes = 0;
  for (const ArchivedRecord& record : records) bytes += record.raw.size();
  const std::size_t count = std::clamp<std::size_t>(bytes / kFrame, 1, std::min(kMostFrames, records.size()));
  while (frames_.size() < count) frames_.emplace_back();
  std::vector<Status> made(count);
  const auto make = [&](int i) {
    const auto n = static_cast<std::size_t>(i);
    const std::size_t begin = records.size() * n / count, end = records.size() * (n + 1) / count;
    made[n] = frames_[n].make(records.subspan(begin, end - begin));
  };
  if (count > 1 && !workers_) workers_ = std::make_unique<Workers>(2);
  if (count > 1)
    workers_->run(static_cast<int>(count), make);
  else
    make(0);
  packed_.clear();
  for (std::size_t n = 0; n < count; ++n) {
    TRY(made[n]);
    packed_.push_back(frames_[n].bytes());
  }
  return std::span<const std::string_view>(packed_);
}

Result<ArchivedRecord> parse_archived(std::string_view line) {
  std::string_view rest = line;
  // What stands between `before`, where the line goes on, and the next `after`.
  const auto between = [&rest](std::string_view before, char after) -> std::optional<std::string_view> {
    if (!rest.starts_with(before)) return std::nullopt;
    const std::size_t end = rest.find(after, before.size());
    if (end == rest.npos) return std::nullopt;
    const std::string_view text = rest.substr(before.size(), end - before.size());
    rest.remove_prefix(end);
    return text;
  };
  ArchivedRecord record{};
  const auto number = between(R"({"n":)", ',');
  const auto arrival = number ? between(R"(,"arrival":")", '"') : number;
  const auto verdict = arrival ? between(R"(","verdict":")", '"') : arrival;
  record.source = between(R"(","source":")", '"').value_or("");  // Lines of earlier versions have neither.
  record.event = between(R"(","event":")", '"').value_or("");
  constexpr std::string_view kRecord = R"(","record":)";
  if (!verdict || !rest.starts_with(kRecord) || !rest.ends_with('}'))
    return data_loss("no line of the raw archive: {}", line.substr(0, 80));
  const auto [end, error] = std::from_chars(number->data(), number->data() + number->size(), record.number);
  if (error != std::errc() || end != number->data() + number->size())
    return data_loss("number '{}' in the raw archive", *number);
  const Result<std::int64_t> ms = parse_rfc3339(*arrival);
  if (!ms.ok()) return data_loss("arrival '{}' in the raw archive", *arrival);
  record.arrival = ProcessingTime::from_ms(*ms);
  record.verdict = *verdict;
  rest.remove_prefix(kRecord.size());
  record.raw = rest.substr(0, rest.size() - 1);
  return record;
}

ProcessingTime hour_of(ProcessingTime arrival) { return floor_to(arrival, 1h); }

void RawLineReader::Free::operator()(ZSTD_DCtx_s* context) const { ZSTD_freeDCtx(context); }

RawLineReader::RawLineReader() : context_(ZSTD_createDCtx()) { CHECK(context_ != nullptr); }

Result<bool> RawLineReader::visit(std::string_view frames, std::string_view what,
                                  const std::function<bool(std::string_view)>& line) {
  ZSTD_DCtx_reset(context_.get(), ZSTD_reset_session_only);
  buffer_.clear();  // Holds what has been unpacked and is not yet a whole line.
  ZSTD_inBuffer in{frames.data(), frames.size(), 0};
  std::size_t left = 0;  // 0: at the end of a frame.
  for (bool full = false; in.pos < in.size || full;) {
    const std::size_t kept = buffer_.size();
    buffer_.resize(kept + kPiece);
    ZSTD_outBuffer out{buffer_.data() + kept, kPiece, 0};
    left = ZSTD_decompressStream(context_.get(), &out, &in);
    if (ZSTD_isError(left)) return data_loss("{}: {}", what, ZSTD_getErrorName(left));
    full = out.pos == out.size && left != 0;  // There may be more to come out without more to go in.
    buffer_.resize(kept + out.pos);
    std::size_t begin = 0;
    for (std::size_t end; (end = buffer_.find('\n', begin)) != buffer_.npos; begin = end + 1)
      if (!line(std::string_view(buffer_).substr(begin, end - begin))) return false;
    buffer_.erase(0, begin);
  }
  if (left != 0 || !buffer_.empty()) return data_loss("{}: ends in the middle of a record", what);
  return true;
}

}  // namespace tidecast
