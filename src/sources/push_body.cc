// parse_push(): a body to records.
#include <simdjson.h>
#include <zstd.h>

#include <algorithm>
#include <memory>

#include "net/gzip.h"
#include "sources/push.h"

namespace tidecast {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr std::string_view kSpace = " \t\r\n";
constexpr int kMostWindowLog = 26;  // 64 MB, as the body.

std::string_view trimmed(std::string_view text) {
  const std::size_t from = text.find_first_not_of(kSpace);
  if (from == text.npos) return {};
  return text.substr(from, text.find_last_not_of(kSpace) - from + 1);
}

Status too_large() {
  return failed_precondition("the body has more than {} MB unpacked, the most that is allowed; send it in parts",
                             kPushBodyMax >> 20);
}

Status too_many() {
  return failed_precondition("the body has more than {} records, the most that are allowed; send it in parts",
                             kPushRecordsMax);
}

Result<std::string> unzstd(std::string_view packed) {
  const std::unique_ptr<ZSTD_DCtx, std::size_t (*)(ZSTD_DCtx*)> context(::ZSTD_createDCtx(), ::ZSTD_freeDCtx);
  if (context == nullptr) return unavailable("zstd: no memory");
  ::ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, kMostWindowLog);
  std::string out, part(::ZSTD_DStreamOutSize(), '\0');
  ZSTD_inBuffer in{packed.data(), packed.size(), 0};
  for (std::size_t more = 0;;) {
    ZSTD_outBuffer to{part.data(), part.size(), 0};
    const std::size_t before = in.pos;
    more = ::ZSTD_decompressStream(context.get(), &to, &in);
    if (::ZSTD_isError(more)) return invalid_argument("the zstd body is damaged: {}", ::ZSTD_getErrorName(more));
    if (to.pos > kPushBodyMax - out.size()) return too_large();
    out.append(part.data(), to.pos);
    if (in.pos < in.size || to.pos == to.size) continue;
    if (more == 0) return out;
    if (to.pos == 0 && in.pos == before) return invalid_argument("the zstd body is cut short");
  }
}

Result<std::string> unpack(std::string body, std::string_view encoding) {
  if (encoding == "gzip" || encoding == "x-gzip") {
    Result<std::string> text = gunzip(body, kPushBodyMax);
    if (text.ok()) return text;
    return text.code() == Code::kFailedPrecondition ? too_large() : invalid_argument("{}", text.message());
  }
  if (encoding == "zstd") return unzstd(body);
  if (!is_push_encoding(encoding))
    return invalid_argument("Content-Encoding '{}'; allowed: identity, gzip, zstd", encoding);
  if (body.size() > kPushBodyMax) return too_large();
  return body;
}

Status split_array(std::string& body, RawBatch& batch) {
  const std::size_t length = body.size();
  body.append(kRawPadding, '\0');
  ondemand::parser parser;
  ondemand::document document;
  const auto broken = [&](simdjson::error_code error) {
    const char* location = nullptr;
    std::size_t byte = length;
    if (document.is_alive() && !document.current_location().get(location) && location >= body.data())
      byte = std::min(byte, static_cast<std::size_t>(location - body.data()));
    return invalid_argument("byte {}, in record {} of the array: not JSON: {}", byte, batch.records.size() + 1,
                            simdjson::error_message(error));
  };
  if (const auto error = parser.iterate(simdjson::padded_string_view(body.data(), length, body.size())).get(document))
    return broken(error);
  ondemand::array array;
  if (const auto error = document.get_array().get(array)) return broken(error);
  for (auto item : array) {
    ondemand::value value;
    if (const auto error = std::move(item).get(value)) return broken(error);
    std::string_view text;
    if (const auto error = simdjson::to_json_string(value).get(text)) return broken(error);
    if (batch.records.size() == kPushRecordsMax) return too_many();
    batch.append(trimmed(text), ProcessingTime::epoch());
  }
  const char* rest = nullptr;
  if (document.current_location().get(rest) != simdjson::OUT_OF_BOUNDS) return broken(simdjson::TRAILING_CONTENT);
  return ok();
}

Status split_lines(std::string_view body, RawBatch& batch) {
  bool one_is_whole = false;
  std::size_t line = 0, first = 0;
  while (!body.empty()) {
    const std::size_t end = std::min(body.find('\n'), body.size());
    const std::string_view record = trimmed(body.substr(0, end));
    body.remove_prefix(std::min(end + 1, body.size()));
    ++line;
    if (record.empty()) continue;
    if (first == 0) first = line;
    one_is_whole = one_is_whole || (record.front() == '{' && record.back() == '}');
    if (batch.records.size() == kPushRecordsMax) return too_many();
    batch.append(record, ProcessingTime::epoch());
  }
  if (batch.empty() || one_is_whole) return ok();
  return invalid_argument(
      "line {}: no JSON object, and none of the {} lines is one; allowed: one object a line, or an array", first,
      batch.records.size());
}

}  // namespace

bool is_push_encoding(std::string_view encoding) {
  return encoding.empty() || encoding == "identity" || encoding == "gzip" || encoding == "x-gzip" || encoding == "zstd";
}

Result<RawBatch> parse_push(std::string body, std::string_view encoding) {
  std::string text = TRY(unpack(std::move(body), encoding));
  RawBatch batch;
  const std::size_t from = text.find_first_not_of(kSpace);
  if (from != text.npos) TRY(text[from] == '[' ? split_array(text, batch) : split_lines(text, batch));
  batch.pad();
  return batch;
}

}  // namespace tidecast
