#include "cli/signals.h"

#include <csignal>

namespace tidecast {
namespace {

volatile std::sig_atomic_t stop_wanted = 0;
void on_signal(int) { stop_wanted = 1; }

}  // namespace

void catch_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

bool stop_is_wanted() { return stop_wanted != 0; }

}  // namespace tidecast
