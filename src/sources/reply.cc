#include "sources/reply.h"

#include <algorithm>
#include <cstring>

#include "base/json_pointer.h"

namespace tidecast {
namespace {

namespace ondemand = simdjson::ondemand;
using simdjson::error_code;

static_assert(kRawPadding >= simdjson::SIMDJSON_PADDING);

std::string_view name_of(ondemand::json_type type) {
  switch (type) {
    case ondemand::json_type::array: return "an array";
    case ondemand::json_type::object: return "an object";
    case ondemand::json_type::number: return "a number";
    case ondemand::json_type::string: return "a text";
    case ondemand::json_type::boolean: return "a boolean";
    case ondemand::json_type::null: return "null";
  }
  return "unknown";
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && std::strchr(" \t\r\n", text.back()) != nullptr) text.remove_suffix(1);
  return text;
}

// Walks from the document down to the array, then on to the end of the document, so that a reply cut short is noticed.
class Walk {
 public:
  Walk(std::string_view reply, std::string_view pointer, const std::vector<std::string>& steps,
       std::vector<std::string_view>& records)
      : reply_(reply), pointer_(pointer), steps_(steps), records_(records) {}

  Status run(ondemand::parser& parser) {
    const std::size_t begin = reply_.find_first_not_of(" \t\r\n");
    if (begin == std::string_view::npos) return invalid_argument("byte 0: not JSON: the reply is empty");
    if (std::strchr("{[\"-0123456789tfn", reply_[begin]) == nullptr || reply_[begin] == '\0') {
      return invalid_argument("byte {}: not JSON: it begins with '{}'", begin, reply_.substr(begin, 20));
    }
    const simdjson::padded_string_view padded(reply_.data(), reply_.size(), reply_.size() + kRawPadding);
    if (const error_code error = parser.iterate(padded).get(document_)) return not_json(error);
    TRY(steps_.empty() ? whole_document() : from_root());
    const char* rest = nullptr;
    if (document_.current_location().get(rest) != simdjson::OUT_OF_BOUNDS) return not_json(simdjson::TRAILING_CONTENT);
    return ok();
  }

 private:
  Status whole_document() {
    ondemand::json_type type;
    if (const error_code error = document_.type().get(type)) return not_json(error);
    std::string_view text;
    error_code error = simdjson::SUCCESS;
    if (type == ondemand::json_type::object) {
      ondemand::object object;
      error = document_.get_object().get(object);
      if (!error) error = object.raw_json().get(text);
    } else if (type == ondemand::json_type::array) {
      ondemand::array array;
      error = document_.get_array().get(array);
      if (!error) error = array.raw_json().get(text);
    } else {
      TRY(check_scalar());
      text = reply_.substr(reply_.find_first_not_of(" \t\r\n"));
    }
    if (error) return not_json(error);
    records_.push_back(trimmed(text));
    return ok();
  }

  // A document that is a number, a text or a word: reading it checks it and moves to the end.
  Status check_scalar() {
    ondemand::json_type type;
    if (const error_code error = document_.type().get(type)) return not_json(error);
    error_code error = simdjson::SUCCESS;
    switch (type) {
      case ondemand::json_type::number: error = document_.get_double().error(); break;
      case ondemand::json_type::string: error = document_.get_string().error(); break;
      case ondemand::json_type::boolean: error = document_.get_bool().error(); break;
      default: error = document_.is_null() ? simdjson::SUCCESS : simdjson::N_ATOM_ERROR;
    }
    return error ? not_json(error) : ok();
  }

  Status from_root() {
    ondemand::json_type type;
    if (const error_code error = document_.type().get(type)) return not_json(error);
    if (type == ondemand::json_type::object) {
      ondemand::object object;
      if (const error_code error = document_.get_object().get(object)) return not_json(error);
      return into_object(object, 0);
    }
    if (type == ondemand::json_type::array) {
      ondemand::array array;
      if (const error_code error = document_.get_array().get(array)) return not_json(error);
      return into_array(array, 0);
    }
    TRY(check_scalar());
    return invalid_argument("{}: not found, the reply is {}", pointer_, name_of(type));
  }

  Status into_object(ondemand::object& object, std::size_t depth) {
    bool found = false;
    for (auto item : object) {
      ondemand::field field;
      if (const error_code error = std::move(item).get(field)) return not_json(error);
      if (found) continue;  // The loop itself checks that what follows is well formed.
      std::string_view key;
      if (const error_code error = field.unescaped_key().get(key)) return not_json(error);
      if (key != steps_[depth]) continue;
      found = true;
      TRY(into_value(field.value(), depth + 1));
    }
    return found ? ok() : invalid_argument("{}: not found", pointer_);
  }

  Status into_array(ondemand::array& array, std::size_t depth) {
    bool found = false;
    std::size_t at = 0;
    const auto wanted = array_index(steps_[depth]);
    for (auto item : array) {
      ondemand::value value;
      if (const error_code error = std::move(item).get(value)) return not_json(error);
      if (at++ != wanted) continue;
      found = true;
      TRY(into_value(value, depth + 1));
    }
    return found ? ok() : invalid_argument("{}: not found", pointer_);
  }

  Status into_value(ondemand::value value, std::size_t depth) {
    ondemand::json_type type;
    if (const error_code error = value.type().get(type)) return not_json(error);
    const bool arrived = depth == steps_.size();
    if (type == ondemand::json_type::array) {
      ondemand::array array;
      if (const error_code error = value.get_array().get(array)) return not_json(error);
      return arrived ? collect(array) : into_array(array, depth);
    }
    if (arrived) return invalid_argument("{}: not an array but {}", pointer_, name_of(type));
    if (type != ondemand::json_type::object) return invalid_argument("{}: not found", pointer_);
    ondemand::object object;
    if (const error_code error = value.get_object().get(object)) return not_json(error);
    return into_object(object, depth);
  }

  Status collect(ondemand::array& array) {
    for (auto item : array) {
      ondemand::value value;
      if (const error_code error = std::move(item).get(value)) return not_json(error);
      std::string_view text;  // to_json_string knows the kinds of value and refuses what begins like none.
      if (const error_code error = simdjson::to_json_string(value).get(text)) return not_json(error);
      records_.push_back(trimmed(text));
    }
    return ok();
  }

  Status not_json(error_code error) {
    const char* location = nullptr;
    std::size_t byte = reply_.size();
    if (document_.is_alive() && !document_.current_location().get(location) && location >= reply_.data()) {
      byte = std::min(byte, static_cast<std::size_t>(location - reply_.data()));
    }
    return invalid_argument("byte {}: not JSON: {}", byte, simdjson::error_message(error));
  }

  std::string_view reply_, pointer_;
  const std::vector<std::string>& steps_;
  std::vector<std::string_view>& records_;
  ondemand::document document_;
};

}  // namespace

Result<ReplySplitter> ReplySplitter::make(std::string_view pointer, ReplyOrder order) {
  return ReplySplitter(std::string(pointer), TRY(split_pointer(pointer).in("records")), order);
}

Status ReplySplitter::split(const char* reply, std::size_t length, ProcessingTime arrival, RawBatch& batch) {
  if (length > UINT32_MAX - kRawPadding || batch.bytes.size() > UINT32_MAX - kRawPadding - length) {
    return invalid_argument("a reply of {} bytes after {}; a batch holds less than 4 GiB", length, batch.bytes.size());
  }
  records_.clear();
  TRY(Walk({reply, length}, pointer_, steps_, records_).run(parser_));
  if (order_ == ReplyOrder::kNewestFirst) std::reverse(records_.begin(), records_.end());
  for (const std::string_view record : records_) batch.append(record, arrival);
  return ok();
}

Status split_reply(std::string_view reply, std::string_view pointer, ReplyOrder order, ProcessingTime arrival,
                   RawBatch& batch) {
  ReplySplitter splitter = TRY(ReplySplitter::make(pointer, order));
  std::string padded;
  padded.reserve(reply.size() + kRawPadding);
  padded = reply;
  padded.append(kRawPadding, '\0');
  return splitter.split(padded.data(), reply.size(), arrival, batch);
}

}  // namespace tidecast
