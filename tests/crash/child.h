#pragma once
// Runs something in a process of its own, so that whatever becomes of it can be told: the parent opens no store itself
// and has no threads, without which a child could not go on from where it stands.

#include <functional>
#include <string>

namespace tidecast::crash {

struct Ended {
  bool well = false;  // It came to its end.
  std::string text;   // What it gave, or how else it ended: "signal 6", "not ended after 120 s".
};

Ended in_child(const std::function<std::string()>& work, unsigned seconds = 120);

}  // namespace tidecast::crash
