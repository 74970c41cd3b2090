#define OPENSSL_SUPPRESS_DEPRECATED  // OpenSSL 3's other ways to SHA-256 cost 3 to 10 times as much for 40 bytes.
#include "sources/transaction.h"

#include <openssl/sha.h>
#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

namespace tidecast {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr std::size_t kLongestInteger = 20;

TransactionHash sha256_of(const std::uint8_t* bytes, std::size_t length) {
  TransactionHash digest;
  SHA256_CTX context;
  SHA256_Init(&context);
  SHA256_Update(&context, bytes, length);
  SHA256_Final(digest.data(), &context);
  return digest;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

Result<TransactionHash> hash_of(std::string_view hex) {
  TransactionHash hash{};
  if (hex.size() != 2 * hash.size()) return invalid_argument("hash: '{}'; 64 digits are needed", hex);
  for (std::size_t i = 0; i < hash.size(); ++i) {
    const int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);
    if (high < 0 || low < 0) return invalid_argument("hash: '{}'; digits 0-9 and a-f are needed", hex);
    hash[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return hash;
}

char* write_hex(char* out, const TransactionHash& hash) {
  static constexpr char kDigits[] = "0123456789abcdef";
  for (const std::uint8_t byte : hash) {
    *out++ = kDigits[byte >> 4];
    *out++ = kDigits[byte & 15];
  }
  return out;
}

char* write_integer(char* out, std::int64_t value) { return std::to_chars(out, out + kLongestInteger, value).ptr; }

char* write(char* out, std::string_view text) {
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

}  // namespace

TransactionHash hash_of_round(const TransactionHash& own, std::uint64_t round) {
  if (round == 0) return own;
  std::array<std::uint8_t, 40> message;
  std::copy(own.begin(), own.end(), message.begin());
  for (std::size_t i = 0; i < 8; ++i) message[32 + i] = static_cast<std::uint8_t>(round >> (8 * i));
  const TransactionHash once = sha256_of(message.data(), message.size());
  return sha256_of(once.data(), once.size());
}

std::uint64_t tx_index_of(const TransactionHash& hash) {
  std::uint64_t first = 0;
  for (std::size_t i = 0; i < 8; ++i) first = first << 8 | hash[i];
  return first >> 11;
}

// Finds the holes: where simdjson's tokens of the values stand in the body.
class TransactionBody::Compiler {
 public:
  explicit Compiler(std::string_view body) : body_(body), padded_(body) {}

  Result<TransactionBody> run() {
    ondemand::parser parser;
    ondemand::document document;
    ondemand::object object;
    if (parser.iterate(padded_).get(document) || document.get_object().get(object)) {
      return invalid_argument("not a JSON object");
    }
    for (auto item : object) {
      ondemand::field field;
      std::string_view key;
      if (std::move(item).get(field) || field.unescaped_key().get(key)) return invalid_argument("not JSON");
      TRY(member(key, field.value()).in(key));
    }
    return finish();
  }

 private:
  struct Token {
    std::size_t at, length;
  };

  Token token(ondemand::value& value) const {
    std::string_view raw = value.raw_json_token();
    while (!raw.empty() && raw.back() <= ' ') raw.remove_suffix(1);
    return {static_cast<std::size_t>(raw.data() - padded_.data()), raw.size()};
  }

  void add_hole(Token place, HoleKind kind) { places_.push_back({place, kind}); }

  Status member(std::string_view key, ondemand::value value) {
    if (key == "hash") {
      const Token place = token(value);
      std::string_view hex;
      if (value.get_string().get(hex)) return invalid_argument("a text is needed");
      made_.hash_ = TRY(hash_of(hex));
      add_hole({place.at + 1, place.length - 2}, HoleKind::kHash);  // The quotes stay.
      return ok();
    }
    if (key == "fee") {
      add_hole(token(value), HoleKind::kFee);
      return value.get_int64().get(made_.fee_sat_) ? invalid_argument("an integer is needed") : ok();
    }
    if (key == "time") {
      add_hole(token(value), HoleKind::kTime);
      return value.get_int64().error() ? invalid_argument("an integer is needed") : ok();
    }
    if (key == "tx_index") return tx_index(value);
    if (key == "inputs") return each(value, [this](ondemand::object input) { return this->input(input); });
    if (key == "out") return each(value, [this](ondemand::object out) { return this->out(out); });
    return ok();
  }

  template <typename F>
  static Status each(ondemand::value value, F function) {
    ondemand::array array;
    if (value.get_array().get(array)) return invalid_argument("an array is needed");
    for (auto item : array) {
      ondemand::object object;
      if (std::move(item).get_object().get(object)) return invalid_argument("objects are needed");
      TRY(function(object));
    }
    return ok();
  }

  template <typename F>
  static Status each_member(ondemand::object& object, F function) {
    for (auto item : object) {
      ondemand::field field;
      std::string_view key;
      if (std::move(item).get(field) || field.unescaped_key().get(key)) return invalid_argument("not JSON");
      TRY(function(key, field.value()));
    }
    return ok();
  }

  Status input(ondemand::object& input) {
    return each_member(input, [this](std::string_view key, ondemand::value value) -> Status {
      if (key != "prev_out") return ok();
      ondemand::object prev_out;
      if (value.get_object().get(prev_out)) return invalid_argument("prev_out: an object is needed");
      return each_member(prev_out, [this](std::string_view inner, ondemand::value part) -> Status {
        if (inner == "spending_outpoints") return outpoints(part);
        if (inner != "value") return ok();
        const Token place = token(part);
        std::int64_t sat = 0;
        if (part.get_int64().get(sat)) return invalid_argument("prev_out: value: an integer is needed");
        inputs_.push_back({place, sat});
        return ok();
      });
    });
  }

  Status out(ondemand::object& out) {
    return each_member(out, [this](std::string_view key, ondemand::value value) -> Status {
      if (key == "tx_index") return tx_index(value);
      if (key != "value") return ok();
      std::int64_t sat = 0;
      if (value.get_int64().get(sat)) return invalid_argument("value: an integer is needed");
      outputs_sat_ += sat;
      return ok();
    });
  }

  Status outpoints(ondemand::value& value) {
    return each(value, [this](ondemand::object outpoint) -> Status {
      return each_member(outpoint, [this](std::string_view key, ondemand::value part) -> Status {
        return key == "tx_index" ? tx_index(part) : ok();
      });
    });
  }

  Status tx_index(ondemand::value value) {
    const Token place = token(value);
    std::uint64_t index = 0;
    if (value.get_uint64().get(index)) return invalid_argument("tx_index: an integer is needed");
    indices_.push_back(index);
    add_hole(place, HoleKind::kTxIndex);
    return ok();
  }

  Result<TransactionBody> finish() {
    const auto count = [this](HoleKind kind) {
      return std::count_if(places_.begin(), places_.end(), [&](const Place& place) { return place.kind == kind; });
    };
    if (count(HoleKind::kHash) != 1 || count(HoleKind::kFee) != 1 || count(HoleKind::kTime) != 1 || inputs_.empty()) {
      return invalid_argument("hash, fee, time and at least one input are needed, once each");
    }
    for (const std::uint64_t index : indices_) {
      if (index != tx_index_of(made_.hash_)) {
        return invalid_argument("tx_index: {} does not follow from the hash", index);
      }
    }
    std::int64_t inputs_sat = 0;
    for (const Input& input : inputs_) inputs_sat += input.value_sat;
    if (inputs_sat - outputs_sat_ != made_.fee_sat_ || made_.fee_sat_ < 0) {
      return invalid_argument("fee: {}, but inputs minus outputs are {}", made_.fee_sat_, inputs_sat - outputs_sat_);
    }
    auto payer = std::find_if(inputs_.begin(), inputs_.end(),
                              [this](const Input& input) { return input.value_sat >= made_.fee_sat_; });
    if (payer == inputs_.end()) {
      payer = std::max_element(inputs_.begin(), inputs_.end(),
                               [](const Input& a, const Input& b) { return a.value_sat < b.value_sat; });
    }
    made_.input_value_sat_ = payer->value_sat;
    add_hole(payer->place, HoleKind::kInputValue);

    std::sort(places_.begin(), places_.end(), [](const Place& a, const Place& b) { return a.token.at < b.token.at; });
    std::size_t copied = 0;
    for (const Place& place : places_) {
      made_.text_ += body_.substr(copied, place.token.at - copied);
      made_.holes_.push_back({static_cast<std::uint32_t>(made_.text_.size()), place.kind});
      copied = place.token.at + place.token.length;
    }
    made_.text_ += body_.substr(copied);
    made_.longest_ = made_.text_.size() + 64 + made_.holes_.size() * (kLongestInteger + 2);
    return std::move(made_);
  }

  struct Place {
    Token token;
    HoleKind kind;
  };
  struct Input {
    Token place;
    std::int64_t value_sat;
  };

  std::string_view body_;
  simdjson::padded_string padded_;
  TransactionBody made_;
  std::vector<Place> places_;
  std::vector<Input> inputs_;
  std::vector<std::uint64_t> indices_;
  std::int64_t outputs_sat_ = 0;
};

Result<TransactionBody> TransactionBody::compile(std::string_view body) { return Compiler(body).run(); }

char* TransactionBody::render(char* out, std::uint64_t round, std::int64_t time_s, double fee_level,
                              Damage damage) const {
  const TransactionHash hash = hash_of_round(hash_, round);
  std::array<char, kLongestInteger> digits;  // Written once, used at each input and output.
  const char* const digits_end = write_integer(digits.data(), static_cast<std::int64_t>(tx_index_of(hash)));
  const std::string_view index(digits.data(), static_cast<std::size_t>(digits_end - digits.data()));
  // A fee so low that the paying input would be worth less than nothing stays at what that input allows.
  const std::int64_t lowest = std::max<std::int64_t>(0, fee_sat_ - input_value_sat_);
  const std::int64_t fee = std::max<std::int64_t>(lowest, std::llround(static_cast<double>(fee_sat_) * fee_level));
  std::size_t copied = 0;
  for (const Hole& hole : holes_) {
    out = write(out, std::string_view(text_).substr(copied, hole.at - copied));
    copied = hole.at;
    switch (hole.kind) {
      case HoleKind::kHash: out = write_hex(out, hash); break;
      case HoleKind::kTxIndex: out = write(out, index); break;
      case HoleKind::kTime:
        out = damage == Damage::kTimeIsNull ? write(out, "null") : write_integer(out, time_s);
        break;
      case HoleKind::kInputValue: out = write_integer(out, input_value_sat_ + fee - fee_sat_); break;
      case HoleKind::kFee:
        if (damage == Damage::kFeeIsNull) {
          out = write(out, "null");
        } else if (damage == Damage::kFeeIsText) {
          *out++ = '"';
          out = write_integer(out, fee);
          *out++ = '"';
        } else {
          out = write_integer(out, fee);
        }
        break;
    }
  }
  return write(out, std::string_view(text_).substr(copied));
}

}  // namespace tidecast
