#include "sources/websocket_message.h"

#include "base/json_pointer.h"

namespace tidecast {
namespace {

namespace ondemand = simdjson::ondemand;
using simdjson::error_code;

std::string_view trimmed(std::string_view text) {
  const std::size_t from = text.find_first_not_of(" \t\r\n");
  if (from == text.npos) return {};
  return text.substr(from, text.find_last_not_of(" \t\r\n") - from + 1);
}

// There is JSON, but nothing at the pointer.
bool is_absent(error_code error) {
  return error == simdjson::NO_SUCH_FIELD || error == simdjson::INCORRECT_TYPE ||
         error == simdjson::INDEX_OUT_OF_BOUNDS || error == simdjson::INVALID_JSON_POINTER;
}

// A text by its characters, all else as it is written.
error_code text_of(ondemand::value value, std::string_view& text) {
  ondemand::json_type type;
  if (const error_code error = value.type().get(type)) return error;
  if (type == ondemand::json_type::string) return value.get_string().get(text);
  const error_code error = simdjson::to_json_string(value).get(text);
  text = trimmed(text);
  return error;
}

}  // namespace

Result<MessageReader> MessageReader::make(std::string record, std::vector<WebSocketOptions::Match> only) {
  TRY(split_pointer(record).in("record"));
  for (const auto& match : only) TRY(split_pointer(match.pointer).in("only"));
  return MessageReader(std::move(record), std::move(only));
}

bool MessageReader::read(std::string message, RawBatch& batch) {
  const std::size_t length = message.size();
  message.append(kRawPadding, '\0');
  const std::string_view whole = trimmed({message.data(), length});
  if (whole.empty()) return false;
  const Verdict verdict = judge(simdjson::padded_string_view(message.data(), length, message.size()), batch);
  if (verdict == Verdict::kBroken) batch.append(whole, ProcessingTime::epoch());
  return verdict != Verdict::kNone;
}

MessageReader::Verdict MessageReader::judge(simdjson::padded_string_view message, RawBatch& batch) {
  ondemand::document document;
  if (parser_.iterate(message).get(document)) return Verdict::kBroken;
  ondemand::value value;
  for (const auto& match : only_) {
    std::string_view text;
    error_code error = document.at_pointer(match.pointer).get(value);
    if (!error) error = text_of(value, text);
    if (error) return is_absent(error) ? Verdict::kNone : Verdict::kBroken;
    if (text != match.value) return Verdict::kNone;
  }
  if (record_.empty()) {
    batch.append(trimmed(message), ProcessingTime::epoch());
    return Verdict::kRecords;
  }
  if (const error_code error = document.at_pointer(record_).get(value))
    return is_absent(error) && only_.empty() ? Verdict::kNone : Verdict::kBroken;
  std::string_view text;
  ondemand::array array;
  if (value.get_array().get(array) != simdjson::SUCCESS) {
    if (simdjson::to_json_string(value).get(text)) return Verdict::kBroken;
    batch.append(trimmed(text), ProcessingTime::epoch());
    return Verdict::kRecords;
  }
  std::vector<std::string_view> records;  // All of the array or nothing.
  for (auto item : array) {
    if (std::move(item).get(value) || simdjson::to_json_string(value).get(text)) return Verdict::kBroken;
    records.push_back(trimmed(text));
  }
  for (const std::string_view record : records) batch.append(record, ProcessingTime::epoch());
  return records.empty() ? Verdict::kNone : Verdict::kRecords;
}

}  // namespace tidecast
