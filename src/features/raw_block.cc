#include "features/raw_block.h"

#include <zstd.h>

#include <charconv>

#include "features/codec.h"

namespace tidecast {
namespace {

constexpr std::uint8_t kVersion = 1;
// Compression bounds the speed of a commit; level 2 would take 1.6 times as long for a twentieth of the size.
constexpr int kCompressionLevel = 1;
constexpr std::size_t kWorthAThread = 256 << 10;  // Compressing this takes some 0.7 ms, waking a thread up to 0.05.
constexpr std::size_t kPiece = 1 << 17;

}  // namespace

void RawBlockWriter::Frame::Free::operator()(ZSTD_CCtx_s* context) const { ZSTD_freeCCtx(context); }

RawBlockWriter::Frame::Frame() : context_(ZSTD_createCCtx()), time_text_(to_rfc3339(written_time_)) {
  CHECK(context_ != nullptr);
  CHECK(!ZSTD_isError(ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, kCompressionLevel)));
  CHECK(!ZSTD_isError(ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1)));
}

void RawBlockWriter::Frame::append_line(const ArchivedRecord& record) {
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

Status RawBlockWriter::Frame::make(std::span<const ArchivedRecord> records) {
  lines_.clear();
  for (const ArchivedRecord& record : records) append_line(record);
  if (const std::size_t bound = ZSTD_compressBound(lines_.size()); packed_.size() < bound) packed_.resize(bound);
  size_ = ZSTD_compress2(context_.get(), packed_.data(), packed_.size(), lines_.data(), lines_.size());
  if (ZSTD_isError(size_)) return unavailable("zstd: {}", ZSTD_getErrorName(size_));  // Only memory can be short.
  return ok();
}

Status RawBlockWriter::write(std::span<const ArchivedRecord> records,
                             const std::function<void(std::uint64_t, std::string_view)>& put) {
  while (!records.empty()) {
    const ProcessingTime hour = hour_of(records[0].arrival);
    std::size_t count = 0, bytes = 0;
    for (; count < records.size() && hour_of(records[count].arrival) == hour; ++count)
      bytes += records[count].raw.size();
    const auto run = records.first(count);
    records = records.subspan(count);

    ByteWriter value(kVersion);
    value.number(hour.ms()).number(run.back().number).number(static_cast<std::uint32_t>(count));
    if (bytes < kWorthAThread || count < 2) {
      TRY(first_.make(run));
      value.raw(first_.bytes());
    } else {
      if (!workers_) workers_ = std::make_unique<Workers>(2);
      Status first, second;
      workers_->run(2, [&](int half) {
        half == 0 ? first = first_.make(run.first(count / 2)) : second = second_.make(run.subspan(count / 2));
      });
      TRY(first);
      TRY(second);
      value.raw(first_.bytes()).raw(second_.bytes());
    }
    put(run.front().number, value.seal());
  }
  return ok();
}

Result<RawBlock> decode_raw_block(std::string_view value) {
  constexpr std::string_view kWhat = "block of raw records";
  auto reader = TRY(ByteReader::unseal(value, kVersion, kWhat));
  RawBlock block;
  block.hour = ProcessingTime::from_ms(reader.number<std::int64_t>());
  block.last_number = reader.number<std::uint64_t>();
  block.records = reader.number<std::uint32_t>();
  block.frame = reader.rest();
  TRY(reader.finish(kWhat));
  return block;
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
