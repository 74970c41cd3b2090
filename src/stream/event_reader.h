#pragma once
// One mapping's reading of a record that has been scanned: key, time, fields.  Part of the decoder.

#include <span>
#include <string>
#include <vector>

#include "stream/event_batch.h"
#include "stream/event_time_reader.h"
#include "stream/json_scanner.h"
#include "stream/pipeline.h"

namespace tidecast {

class EventReader {
 public:
  // Appends to `pointers` those that it needs; their places are its slots of the scanner.
  // Errors: kInvalidArgument - a time format or zone is none, or a pointer of else_plus or else_minus.
  static Result<EventReader> compile(const EventMapping& event, std::vector<std::string>& pointers);

  void resize(std::size_t n, EventBatch& events) const;  // For n records, forgetting what was there.

  // Where a record is written to: index `i` of the columns, its key, and the list that keeps texts which had escapes.
  struct Place {
    EventBatch& events;
    std::size_t i;
    RecordKey& key;
    std::deque<std::string>& unescaped;
  };
  // False if the record is dead; then the two below say why.
  bool read(JsonScanner& scanner, ProcessingTime arrival, const Place& to);
  const std::string& reason() const { return reason_; }
  bool by_guard() const { return by_guard_; }  // Only the time is wrong, and that only now.

 private:
  // A pointer of else_plus or else_minus: a slot to its first '*', and the path below.
  struct Part {
    std::string pointer;
    std::size_t slot;
    std::vector<std::string> path;
    int sign;
  };

  bool read_key(JsonScanner& scanner, RecordKey& key);
  bool read_time(JsonScanner& scanner, ProcessingTime arrival, EventTime& time);
  bool read_field(JsonScanner& scanner, std::size_t field, const Place& to);
  bool read_text(JsonScanner& scanner, JsonValue value, std::size_t field, const Place& to);
  bool compute(JsonScanner& scanner, std::size_t field, EventColumn& column, std::size_t i);
  bool refuse(std::size_t field, JsonValue value);

  EventMapping event_;
  RecordKey salt_{};                      // All zero if the mapping has no name.
  std::size_t first_slot_ = 0;            // Slots: the ids, the time, the fields.
  std::vector<std::vector<Part>> parts_;  // By field.
  TimeParser time_;
  std::string id_parts_;
  std::vector<JsonValue> found_;
  std::string missing_;  // The part for which a field could not be computed.
  std::string reason_;
  bool by_guard_ = false;
};

}  // namespace tidecast
