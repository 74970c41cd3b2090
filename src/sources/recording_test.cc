#include "sources/recording.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "base/json.h"
#include "sources/test_files.h"
#include "sources/unpacked_file.h"

namespace tidecast {
namespace {

RecordingOptions options(std::int64_t first_minute, std::int64_t minutes) {
  RecordingOptions made;
  made.bodies = shipped("bitcoin/blockchain_info_transactions_1020.ndjson.zst");
  made.schedule = shipped("bitcoin/schedule_7d.csv.zst");
  made.first_minute = first_minute;
  made.minutes = minutes;
  return made;
}

struct Seen {
  std::string text;
  ProcessingTime arrival;
  bool operator==(const Seen&) const = default;
};

void append_to(std::vector<Seen>& all, const RawBatch& batch) {
  for (std::size_t i = 0; i < batch.records.size(); ++i) {
    all.push_back({std::string(batch.raw(i)), batch.records[i].arrival});
  }
}

std::vector<Seen> rest_of(Source& source, std::size_t max_records = 1000) {
  std::vector<Seen> all;
  for (;;) {
    const RawBatch batch = source.read(ProcessingTime::max(), max_records).value();
    if (batch.empty()) return all;
    append_to(all, batch);
  }
}

std::vector<Seen> all_of(const RecordingOptions& wanted) { return rest_of(*open_recording(wanted).value()); }

std::string hash_of(const Seen& seen) { return seen.text.substr(9, 64); }  // {"hash":"

TEST(Recording, RepliesAreJsonAsBlockchainInfoGivesIt) {
  auto recording = Recording::open(options(2880, 3)).value();
  EXPECT_EQ(to_rfc3339(recording->time_of(0)), "2026-05-06T00:00:05Z");
  std::size_t transactions = 0;
  while (recording->position() < recording->timetable().replies()) {
    const auto reply = parse_json(recording->next_reply());
    ASSERT_TRUE(reply.ok()) << reply.message();
    std::int64_t time_s = INT64_MAX;
    for (const json::value& tx : reply->at("txs").as_array()) {
      ++transactions;
      ASSERT_LE(tx.at("time").as_int64(), time_s);
      time_s = tx.at("time").as_int64();
      ASSERT_TRUE(tx.at("block_height").is_null());
    }
  }
  EXPECT_EQ(transactions, recording->timetable().records_before(recording->timetable().replies()));
}

TEST(Recording, TheSameSeedGivesTheSameBytesHoweverTheyAreRead) {
  const auto all = all_of(options(2880, 30));
  auto source = open_recording(options(2880, 30)).value();
  EXPECT_EQ(rest_of(*source, 1), all);
  ASSERT_TRUE(source->seek("").ok());
  std::vector<Seen> by_time;
  while (const auto arrival = source->next_arrival().value()) {
    const RawBatch batch = source->read(*arrival, 100'000).value();
    ASSERT_FALSE(batch.empty());
    for (std::size_t i = 0; i < batch.records.size(); ++i) {
      ASSERT_EQ(batch.records[i].arrival, *arrival);
      by_time.push_back({std::string(batch.raw(i)), batch.records[i].arrival});
    }
  }
  EXPECT_EQ(by_time, all);
  RecordingOptions other = options(2880, 30);
  other.seed = 8;
  EXPECT_NE(all_of(other), all);
}

TEST(Recording, GoesOnFromACursorAsIfItHadReadThere) {
  auto source = open_recording(options(2880, 120)).value();
  std::vector<std::pair<std::string, std::size_t>> cursors = {{"", 0}};
  std::vector<Seen> all;
  for (;;) {
    const RawBatch batch = source->read(ProcessingTime::max(), 700).value();
    if (batch.empty()) break;
    append_to(all, batch);
    cursors.emplace_back(batch.cursor, all.size());
  }
  EXPECT_GT(all.size(), 15'000u);
  auto other = open_recording(options(2880, 120)).value();
  for (std::size_t i = 0; i < cursors.size(); i += 5) {
    ASSERT_TRUE(other->seek(cursors[i].first).ok());
    const auto rest = rest_of(*other, 3000);
    ASSERT_EQ(rest.size(), all.size() - cursors[i].second) << cursors[i].first;
    EXPECT_TRUE(std::equal(rest.begin(), rest.end(), all.begin() + static_cast<std::ptrdiff_t>(cursors[i].second)));
  }
}

TEST(Recording, KnowsHowManyRecordsComeAndHowFarItIs) {
  auto source = open_recording(options(2880, 20)).value();
  const std::uint64_t total = source->total_records().value();
  EXPECT_EQ(source->progress(), 0);
  std::uint64_t seen = 0;
  for (double before = 0;;) {
    const RawBatch batch = source->read(ProcessingTime::max(), 500).value();
    if (batch.empty()) break;
    seen += batch.records.size();
    EXPECT_GT(source->progress(), before);
    before = source->progress();
    EXPECT_DOUBLE_EQ(before, static_cast<double>(seen) / static_cast<double>(total));
  }
  EXPECT_EQ(seen, total);
  EXPECT_EQ(source->progress(), 1);
  EXPECT_EQ(source->next_arrival().value(), std::nullopt);
}

TEST(Recording, TransactionsHoldTogether) {
  const auto all = all_of(options(4000, 40));
  std::map<std::string, const Seen*> first_seen;
  std::size_t repeats = 0, whole = 0;
  ProcessingTime before = ProcessingTime::min();
  for (const Seen& seen : all) {
    ASSERT_GE(seen.arrival, before);
    before = seen.arrival;
    const auto [place, is_new] = first_seen.emplace(hash_of(seen), &seen);
    if (!is_new) {
      ++repeats;
      EXPECT_EQ(seen.text, place->second->text);
      EXPECT_EQ(seen.arrival - place->second->arrival, 5s);
      continue;
    }
    const json::value tx = parse_json(seen.text).value();
    if (!tx.at("fee").is_int64() || !tx.at("time").is_int64()) continue;
    ++whole;
    std::int64_t fee = 0;
    for (const auto& input : tx.at("inputs").as_array()) fee += input.at("prev_out").at("value").as_int64();
    for (const auto& out : tx.at("out").as_array()) fee -= out.at("value").as_int64();
    ASSERT_EQ(tx.at("fee").as_int64(), fee);
    const std::uint64_t first_64_bits = std::stoull(hash_of(seen).substr(0, 16), nullptr, 16);
    ASSERT_EQ(tx.at("tx_index").to_number<std::uint64_t>(), first_64_bits >> 11);
    ASSERT_LT(tx.at("time").as_int64() * 1000, seen.arrival.ms());
  }
  EXPECT_GT(repeats, all.size() / 40);
  EXPECT_GT(whole, all.size() * 8 / 10);
}

TEST(Recording, EveryDamagedTransactionIsOneThatADecoderRefuses) {
  auto recording = Recording::open(options(2880, 600)).value();
  std::vector<std::size_t> replies;
  std::vector<TimetableEntry> entries;
  for (std::size_t minute = 0; minute < 600; ++minute) recording->timetable().append_minute(minute, entries);
  for (const TimetableEntry& entry : entries) {
    if (entry.damage != Damage::kNone) replies.push_back(entry.reply);
  }
  ASSERT_FALSE(replies.empty());
  for (const std::size_t reply : replies) {
    recording->seek(reply);
    const auto parsed = parse_json(recording->next_reply());
    ASSERT_TRUE(parsed.ok()) << parsed.message();
    std::size_t damaged = 0;
    for (const json::value& tx : parsed->at("txs").as_array()) {
      damaged += !tx.at("fee").is_int64() || tx.at("time").is_null();
    }
    EXPECT_GE(damaged, 1u);
    EXPECT_LE(damaged, 2u);
  }
}

TEST(Recording, AConstantFeeLevelChangesNothingButFees) {
  RecordingOptions constant = options(2880, 10);
  constant.constant_fee_level = 1.0;
  const auto scheduled = all_of(options(2880, 10)), plain = all_of(constant);
  ASSERT_EQ(scheduled.size(), plain.size());
  std::size_t changed = 0;
  for (std::size_t i = 0; i < plain.size(); ++i) {
    EXPECT_EQ(hash_of(scheduled[i]), hash_of(plain[i]));
    EXPECT_EQ(scheduled[i].arrival, plain[i].arrival);
    changed += scheduled[i].text != plain[i].text;
  }
  EXPECT_GT(changed, plain.size() * 9 / 10);
}

TEST(Recording, APartHasTheTransactionsOfTheWhole) {
  std::set<std::string> whole, part;
  for (const Seen& seen : all_of(options(100, 30))) whole.insert(hash_of(seen));
  for (const Seen& seen : all_of(options(110, 10))) part.insert(hash_of(seen));
  EXPECT_TRUE(std::includes(whole.begin(), whole.end(), part.begin(), part.end()));
  EXPECT_LT(part.size(), whole.size());
}

TEST(Recording, TheFirstRoundHasTheRecordedHashesAndNoneComesTwice) {
  const auto all = all_of(options(0, 20));
  std::set<std::string> hashes, recorded;
  for (const Seen& seen : all) hashes.insert(hash_of(seen));
  const std::string bodies = read_unpacked(options(0, 20).bodies).value();
  for (std::size_t at = 0; (at = bodies.find("{\"hash\":\"", at)) != std::string::npos; at += 64) {
    recorded.insert(bodies.substr(at + 9, 64));
  }
  ASSERT_EQ(recorded.size(), 1020u);
  EXPECT_TRUE(std::includes(hashes.begin(), hashes.end(), recorded.begin(), recorded.end()));
  EXPECT_GT(hashes.size(), 2500u);  // 20 minutes of about 141.
}

TEST(Recording, ASourceReadsNothingBeforeItsTimeAndNeverCutsAReply) {
  auto source = open_recording(options(2880, 5)).value();
  const ProcessingTime first = source->next_arrival().value().value();
  EXPECT_TRUE(source->read(first - 1ms, 100).value().empty());
  EXPECT_EQ(source->next_arrival().value(), first);
  const RawBatch batch = source->read(ProcessingTime::max(), 1).value();
  for (const RawRecord& record : batch.records) EXPECT_EQ(record.arrival, first);
  EXPECT_GT(*source->next_arrival().value(), first);
}

TEST(Recording, RefusesACursorOfAnotherRecording) {
  auto source = open_recording(options(2880, 5)).value();
  const std::string cursor = source->read(ProcessingTime::max(), 1).value().cursor;
  ASSERT_TRUE(source->seek(cursor).ok());
  RecordingOptions other_seed = options(2880, 5), other_level = options(2880, 5), other_every = options(2880, 5);
  other_seed.seed = 8;
  other_level.constant_fee_level = 2;
  other_every.every = 6s;
  for (const auto& other : {other_seed, other_level, other_every, options(2881, 5), options(2880, 6)}) {
    const Status status = open_recording(other).value()->seek(cursor);
    EXPECT_EQ(status.code(), Code::kFailedPrecondition);
    EXPECT_NE(status.message().find("belongs to another recording"), std::string::npos) << status.message();
  }
  const std::string without_number = cursor.substr(0, cursor.rfind(' ') + 1);
  for (const std::string& wrong : {cursor + "x", cursor + "000000", without_number, std::string("x")}) {
    EXPECT_EQ(source->seek(wrong).code(), Code::kFailedPrecondition) << wrong;
  }
}

TEST(Recording, AReplyThatCannotBeSplitIsAnErrorThatStays) {
  RecordingOptions wrong = options(2880, 5);
  wrong.records = "/none";
  auto source = open_recording(wrong).value();
  const auto arrival = source->next_arrival().value();
  for (int again = 0; again < 2; ++again) {
    EXPECT_EQ(source->read(ProcessingTime::max(), 1).code(), Code::kInvalidArgument);
    EXPECT_EQ(source->next_arrival().value(), arrival);
  }
}

TEST(Recording, SaysWhichOptionIsOutOfRange) {
  const auto message = [](const RecordingOptions& wanted) { return open_recording(wanted).message(); };
  EXPECT_EQ(message(options(10'080, 0)), "recording: first_minute: 10080; the schedule has minutes 0 to 10079");
  EXPECT_EQ(message(options(-1, 0)), "recording: first_minute: -1; the schedule has minutes 0 to 10079");
  EXPECT_EQ(message(options(10'000, 81)), "recording: minutes: 81; 80 are left from first_minute on (0: all of them)");
  RecordingOptions wrong = options(0, 1);
  wrong.every = 1ms;
  EXPECT_EQ(message(wrong), "recording: every: 1ms; allowed are 100ms to 1h");
  wrong = options(0, 1);
  wrong.constant_fee_level = 0;
  EXPECT_EQ(message(wrong), "recording: constant_fee_level: 0; a number above 0 and up to 1000000 is needed");
  wrong = options(0, 1);
  wrong.records = "txs";
  EXPECT_EQ(message(wrong), "recording: records: 'txs' is no JSON Pointer; it begins with / or is empty");
  wrong = options(0, 1);
  wrong.bodies = shipped("missing");
  EXPECT_EQ(open_recording(wrong).code(), Code::kNotFound);
  wrong = options(0, 1);
  std::swap(wrong.bodies, wrong.schedule);
  EXPECT_EQ(open_recording(wrong).code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace tidecast
