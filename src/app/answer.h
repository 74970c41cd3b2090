#pragma once
// One sentence that answers: is it healthy, what is it doing, what does it need?  And one more of detail.  The same for
// `tidecast status`, the API and the console.  Pure; a table of states is its test.

#include <string>

#include "app/situation.h"

namespace tidecast {

struct Answer {
  std::string state;  // "healthy", "alarm", ...: docs/status.md lists them.
  std::string sentence;
  std::string emphasis;  // A part of the sentence that matters most; empty: none.
  std::string tone;      // Its colour: "ok", "warn", "alarm", "none".
  std::string detail;
};

Answer answer_of(const Situation& at);

}  // namespace tidecast
