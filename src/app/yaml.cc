#include "app/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <sstream>
#include <utility>

namespace tidecast {
namespace {

constexpr std::size_t kLongestText = 1 << 20;

// Thrown by Builder through the parser, as the parser throws its own errors; never leaves parse_yaml.
struct Refused {
  YamlError error;
};
[[noreturn]] void refuse(YamlPlace place, const char* message, const char* advice) {
  throw Refused{{place, message, advice}};
}
YamlPlace place_of(const YAML::Mark& mark) { return {std::max(mark.line, 0), std::max(mark.column, 0)}; }

class Builder : public YAML::EventHandler {
 public:
  Builder(std::string_view text, YamlNode& root) : text_(text), root_(root) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (documents_++ > 0) refuse(place_of(mark), "a second document begins here", "one document a file");
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(start(mark, "?", anchor, YamlNode::Kind::kNull));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { refuse_alias(place_of(mark)); }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    YamlNode node = start(mark, tag, anchor, YamlNode::Kind::kScalar);
    node.text = value;
    node.quoted = tag == "!";
    if (node.quoted) check_closed(mark);
    add(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open_.push_back(start(mark, tag, anchor, YamlNode::Kind::kList));
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open_.push_back(start(mark, tag, anchor, YamlNode::Kind::kMap));
  }
  void OnMapEnd() override { close(); }

 private:
  // yaml-cpp gives the tag "?" to plain nodes and "!" to quoted ones.
  static YamlNode start(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YamlNode::Kind kind) {
    YamlNode node;
    node.kind = kind;
    node.place = place_of(mark);
    if (anchor != YAML::NullAnchor) refuse_alias(node.place);
    if (tag != "?" && tag != "!" && !tag.empty())
      refuse(node.place, "a tag (!) has no use here", "the value without it, or in quotes");
    return node;
  }
  [[noreturn]] static void refuse_alias(YamlPlace place) {
    refuse(place, "an anchor (&) or alias (*) has no use here", "the value written out, or in quotes");
  }
  // yaml-cpp ends an open quote silently where the text ends.  No value of a definition needs more than a line, and the
  // line where a quote was opened is the one to mend.
  void check_closed(const YAML::Mark& mark) const {
    const auto at = static_cast<std::size_t>(std::max(mark.pos, 0));
    if (at >= text_.size() || (text_[at] != '"' && text_[at] != '\'')) return;
    const char quote = text_[at];
    for (std::size_t i = at + 1; i < text_.size() && text_[i] != '\n'; ++i) {
      if (quote == '"' && text_[i] == '\\')
        ++i;
      else if (text_[i] == quote && text_.substr(i + 1).starts_with(quote) && quote == '\'')
        ++i;
      else if (text_[i] == quote)
        return;
    }
    refuse(place_of(mark), "the quote is not closed in its line", "a closing quote");
  }
  void close() {
    YamlNode node = std::move(open_.back());
    open_.pop_back();
    add(std::move(node));
  }
  void add(YamlNode node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    YamlNode& parent = open_.back();
    if (parent.kind == YamlNode::Kind::kMap) {
      if (parent.items.size() % 2 == 0 && node.kind != YamlNode::Kind::kScalar)
        refuse(node.place, "a key must be a word", "a word before the colon");
      // A value that is not there is marked where the next thing stands: its key is the better place.
      if (parent.items.size() % 2 == 1 && node.kind == YamlNode::Kind::kNull &&
          node.place.line != parent.items.back().place.line)
        node.place = parent.items.back().place;
    }
    parent.items.push_back(std::move(node));
  }

  std::string_view text_;
  YamlNode& root_;
  std::vector<YamlNode> open_;  // Lists and maps that have begun and not ended, outermost first.
  int documents_ = 0;
};

std::string advice_for(std::string_view message) {
  static constexpr std::pair<std::string_view, std::string_view> kAdvice[] = {
      {"illegal map value",
       "a key and its value once a line; a value that holds ': ' in quotes; children indented below their key"},
      {"end of map not found", "keys of one map indented alike"},
      {"end of sequence not found", "items of one list indented alike"},
      {"end of map flow not found", "a closing } and a comma between entries"},
      {"end of sequence flow not found", "a closing ] and a comma between items"},
      {"illegal EOF in scalar", "a closing quote"},
      {"illegal flow end", "one closing bracket for each opening one"},
      {"illegal block entry", "'- ' on lines of its own, indented like its fellows"},
      {"unknown token", "a value that begins with %, @ or ` in quotes"},
      {"illegal tab when looking for indentation", "indentation by spaces"},
      {"unknown escape character", "single quotes where backslashes stand for themselves"},
      {"alias not found after *", "a value that begins with * in quotes"},
      {"anchor not found after &", "a value that begins with & in quotes"},
      {"the referenced anchor is not defined", "a value that begins with * in quotes"},
  };
  for (const auto& [start, advice] : kAdvice)
    if (message.starts_with(start)) return std::string(advice);
  return "";
}

YamlPlace place_of_byte(std::string_view text, std::size_t byte) {
  YamlPlace place;
  for (std::size_t i = 0; i < byte; ++i) {
    ++place.column;
    if (text[i] == '\n') place = {place.line + 1, 0};
  }
  return place;
}

std::optional<std::size_t> first_odd_byte(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = printable_bytes(text.substr(i));
    if (length == 0) return i;
    i += length;
  }
  return std::nullopt;
}

}  // namespace

std::size_t printable_bytes(std::string_view text) {
  if (text.empty()) return 0;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return (first >= 0x20 && first != 0x7f) || first == '\t' || first == '\n' || first == '\r' ? 1 : 0;
  const std::size_t length = first >= 0xc2 && first < 0xe0   ? 2
                             : (first & 0xf0) == 0xe0        ? 3
                             : first >= 0xf0 && first < 0xf5 ? 4
                                                             : 0;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t k = 1; k < length; ++k)
    if ((byte(k) & 0xc0) != 0x80) return 0;
  return first == 0xc2 && byte(1) < 0xa0 ? 0 : length;  // U+0080 to U+009F control a terminal.
}

std::optional<YamlError> parse_yaml(std::string_view text, YamlNode& root) {
  root = {};
  if (text.size() > kLongestText) return YamlError{{}, "the text is longer than 1 MB", "a file written by hand"};
  if (const auto byte = first_odd_byte(text))
    return YamlError{place_of_byte(text, *byte), "a byte that is no text", "UTF-8 without control characters"};
  try {
    std::istringstream in{std::string(text)};
    YAML::Parser parser(in);
    Builder builder(text, root);
    while (parser.HandleNextDocument(builder)) {
    }
    return std::nullopt;
  } catch (Refused& refused) {
    return std::move(refused.error);
  } catch (const YAML::Exception& error) {
    return YamlError{place_of(error.mark), "not YAML: " + error.msg, advice_for(error.msg)};
  } catch (const std::exception& error) {
    return YamlError{{}, error.what(), ""};
  }
}

}  // namespace tidecast
