#pragma once
// Raw records to columns, strictly by the mapping: what does not fit becomes a dead letter with a reason that says
// where, what was found and what is expected.  A record's fate depends on itself and its arrival alone.  One thread.
// Rules: docs/windows.md.

#include <optional>
#include <string>
#include <vector>

#include "stream/event_batch.h"
#include "stream/json_scanner.h"
#include "stream/pipeline.h"

namespace tidecast {

class Decoder {
 public:
  // Errors: kInvalidArgument - a pointer is no JSON Pointer.
  static Result<Decoder> compile(const EventMapping& event);

  // Replaces what is in `events`.
  void decode(const RawBatch& batch, EventBatch& events);

 private:
  Decoder(EventMapping event, JsonScanner scanner) : event_(std::move(event)), scanner_(std::move(scanner)) {}

  // Each returns false with `reason_` set if the record is dead.
  bool decode_record(const RawBatch& batch, std::size_t i, EventBatch& events);
  bool read_key(RecordKey& key);
  bool read_time(ProcessingTime arrival, EventTime& time);
  bool read_field(std::size_t field, EventColumn& column, std::size_t i);

  std::size_t slot_of_time() const { return event_.id.size(); }  // Slots: the ids, the time, the fields.
  std::size_t slot_of_field(std::size_t field) const { return event_.id.size() + 1 + field; }

  EventMapping event_;
  JsonScanner scanner_;
  std::string id_parts_;
  std::string reason_;
  bool by_guard_ = false;
};

}  // namespace tidecast
