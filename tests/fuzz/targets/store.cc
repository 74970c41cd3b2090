// What the feature store reads back: values under RocksDB's keys, blocks and lines of the archive, record identifiers.

#include "features/codec.h"
#include "features/keyspace.h"
#include "features/raw_frames.h"
#include "features/record_id.h"
#include "fuzz.h"

namespace tidecast::fuzz {
namespace {

template <typename T>
void check(const Result<T>& result) {
  CHECK(result.ok() || result.code() == Code::kDataLoss);
}

// The first byte says which value it is; the seal comes here, else no damage would get behind it.
void read_value(std::string_view unsealed) {
  if (unsealed.empty()) return;
  const auto which = static_cast<unsigned char>(unsealed[0]);
  const std::string sealed = ByteWriter(1).raw(unsealed.substr(1)).seal();
  const std::string_view bytes = sealed;
  switch (which % 8) {
    case 0: return check(keyspace::decode_text(bytes, "text"));
    case 1: return check(keyspace::decode_totals(bytes));
    case 2: {
      std::vector<KeySeen> keys;
      check(keyspace::newest_of_keys(bytes));
      const Status decoded = keyspace::decode_keys(bytes, keys);
      CHECK(decoded.ok() || decoded.code() == Code::kDataLoss);
      return;
    }
    case 3: return check(keyspace::decode_dead_letter(keyspace::numbered(keyspace::kDeadLetters, 7), bytes));
    case 4: return check(keyspace::decode_gap(bytes));
    case 5: return check(keyspace::decode_rows_file(bytes));
    case 6: return check(keyspace::decode_raw_file(bytes));
    default: return check(keyspace::decode_raw_copy(bytes));
  }
}

std::vector<std::string> values() {
  const ProcessingTime at = ProcessingTime::from_ms(1'778'000'400'000);
  const std::vector<KeySeen> keys{{RecordKey{1}, at}, {RecordKey{2}, at + 1ms}};
  return {"0" + keyspace::encode_text("text"),
          std::string("1") + keyspace::encode_totals({at, {.read = 3, .stored = 3}, {{"fees", 1}}}),
          "2" + keyspace::encode_keys(keys),
          "3" + keyspace::encode_dead_letter({7, at, "reason", "raw"}),
          "4" + keyspace::encode_gap({}),
          "5" + keyspace::encode_rows_file({"offline/fees/x.parquet", {}, {}, 1, 2, {}}),
          "6" + keyspace::encode_raw_file({"raw/x.zst", 1, 2, 3, 4}),
          "7" + keyspace::encode_raw_copy("raw/x.zst", 3, std::vector<std::string_view>{"frames"})};
}
const Target value{"store_value", read_value, [] {
                     auto all = values();
                     for (std::string& each : all)  // The case above, and neither version nor seal.
                       each = static_cast<char>(each[0] - '0') + each.substr(2, each.size() - 10);
                     // Found here: a count that nothing follows kept the reader busy for minutes.
                     for (const char which : {1, 2}) all.push_back(which + std::string(64, '\xff'));
                     return all;
                   }()};

void read_frames(std::string_view bytes) {
  std::size_t lines = 0;
  const auto visit = [&lines](std::string_view line) {
    check(parse_archived(line));
    return ++lines < 10'000;
  };
  check(RawLineReader().visit(bytes, "file", visit));
}

std::vector<std::string> raw_files() {
  RawFrames frames;
  const ProcessingTime at = ProcessingTime::from_ms(1'778'000'400'000);
  const std::vector<ArchivedRecord> records{{1, at, "stored", R"({"a":1})"}, {2, at, "late", "{\"a\":\n2}"}};
  const std::string frame(frames.pack(records).value()[0]);
  return {frame, frame + frame};
}
const Target raw_file{"raw_file", read_frames, raw_files()};

const Target line{
    "archive_line",
    [](std::string_view bytes) { check(parse_archived(bytes)); },
    {R"({"n":17,"arrival":"2026-05-06T00:00:00Z","verdict":"stored","record":{"a":1}})",
     R"({"n":0,"arrival":"2026-05-06T00:00:00.123Z","verdict":"late","source":"a","event":"b","record":{}})"}};

void read_id(std::string_view bytes) {
  const std::vector<FeatureKey> keys{{"a", FieldType::kText}, {"b", FieldType::kInteger}, {"c", FieldType::kBoolean}};
  const auto values = key_values(keys, bytes);
  check(values);
  if (values.ok()) CHECK(parse_key(keys, key_text(keys, bytes)).value() == record_id(*values));
  const auto parsed = parse_key(keys, bytes);
  CHECK(parsed.ok() || parsed.code() == Code::kInvalidArgument);
  if (parsed.ok()) CHECK(parse_key(keys, key_text(keys, *parsed)).value() == *parsed);
}
const Target id{"record_id",
                read_id,
                {"JC014,7,true", R"(a\,b\\,-3,\N)", record_id(std::vector<KeyValue>{"x", std::int64_t{7}, true}),
                 record_id(std::vector<KeyValue>{{}, std::int64_t{-1}, false})}};

}  // namespace
}  // namespace tidecast::fuzz
