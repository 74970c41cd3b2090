#pragma once
// Raw records to columns, strictly by the mappings: a record goes to the first whose rule it meets; what does not fit
// that becomes a dead letter with a reason that says where, what was found and what is expected.  A record's fate
// depends on itself, its source and its arrival alone.  One thread.  Rules: docs/windows.md.

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "stream/event_batch.h"
#include "stream/event_reader.h"
#include "stream/json_scanner.h"
#include "stream/pipeline.h"

namespace tidecast {

class Decoder {
 public:
  // Errors: kInvalidArgument - a pointer is no JSON Pointer, a time format or zone is none.
  static Result<Decoder> compile(std::span<const EventMapping> events);
  static Result<Decoder> compile(const EventMapping& event) { return compile(std::span(&event, 1)); }

  // Replaces what is in `decoded`.  `source` is an index into PipelineOptions::sources; kNoSource is none of them.
  static constexpr std::size_t kNoSource = SIZE_MAX;
  void decode(const RawBatch& batch, std::size_t source, DecodedBatch& decoded);

 private:
  // When a record goes to mapping `e`: all matches hold (slots into the scanner), and its source is one of these.
  struct Rule {
    std::vector<std::pair<std::size_t, EventMatch>> when;
    std::vector<std::size_t> sources;
  };

  Decoder(std::vector<EventReader> readers, std::vector<Rule> rules, JsonScanner scanner)
      : readers_(std::move(readers)), rules_(std::move(rules)), scanner_(std::move(scanner)) {}

  // The mapping that the scanned record goes to; readers_.size(): none.
  std::size_t route(std::size_t source);
  bool holds(std::size_t slot, const EventMatch& match);

  std::vector<EventReader> readers_;  // One a mapping.
  std::vector<Rule> rules_;
  JsonScanner scanner_;
};

}  // namespace tidecast
