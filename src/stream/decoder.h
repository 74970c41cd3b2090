#pragma once
// Raw records to columns, strictly by the mappings: a record goes to the first whose rule it meets; what does not fit
// that becomes a dead letter with a reason that says where, what was found and what is expected.  A record's fate
// depends on itself, its source and its arrival alone, so a large batch is decoded by two threads, half each.  One
// thread calls.  Rules: docs/windows.md.

#include <array>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/workers.h"
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
  // What one thread needs for itself.
  struct Half {
    std::vector<EventReader> readers;  // One a mapping.
    JsonScanner scanner;
    std::vector<DecodedBatch::Rejection> rejected{};
  };

  Decoder(std::vector<Rule> rules, Half first, Half second)
      : rules_(std::move(rules)), halves_{std::move(first), std::move(second)} {}

  void decode(const RawBatch& batch, std::size_t source, std::size_t first, std::size_t last, std::size_t half,
              DecodedBatch& decoded);
  // The mapping that the scanned record goes to; the number of mappings: none.
  std::size_t route(std::size_t source, JsonScanner& scanner) const;

  std::vector<Rule> rules_;
  std::array<Half, 2> halves_;
  std::unique_ptr<Workers> workers_;  // From the first large batch on.
};

}  // namespace tidecast
