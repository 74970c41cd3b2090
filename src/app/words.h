#pragma once
// How times, numbers and names are said to people: in the answer, the stages, the timeline.  Pure.

#include <string>

#include "base/time.h"
#include "sources/source.h"

namespace tidecast {

// "42 s", "12 min", "2 h 7 min", "3 days 4 h": the two largest units, the smaller one only where it matters.
std::string spoken(Milliseconds duration);
// The same, roughly, as a sentence says it: "5 hours", "12 minutes", "1 day".
std::string spoken_long(Milliseconds duration);
// "03:00", with the day where it is not that of `now`: "22 Nov 21:52".
std::string clock_text(ProcessingTime time, ProcessingTime now);
std::string clock_text(EventTime time, ProcessingTime now);
std::string exact_text(EventTime time, ProcessingTime now);  // "03:00:41", likewise.
// "1 window", "3,120 windows".
std::string counted(std::int64_t count, std::string_view noun);
std::string loss_text(double loss);  // Three decimals.

// It has not answered for longer than a hiccup lasts.
bool is_down(const SourceHealth& health, ProcessingTime now);

}  // namespace tidecast
