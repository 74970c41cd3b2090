#include "cli/signals.h"

#include <semaphore.h>

#include <csignal>

namespace tidecast {
namespace {

// A handler may set a flag and post a semaphore, whatever thread it interrupts.
volatile std::sig_atomic_t stop_wanted = 0;
sem_t stop_posted;
void on_signal(int) {
  stop_wanted = 1;
  ::sem_post(&stop_posted);
}

}  // namespace

void catch_signals() {
  ::sem_init(&stop_posted, 0, 0);
  struct sigaction action {};
  action.sa_handler = on_signal;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

bool stop_is_wanted() { return stop_wanted != 0; }

void wait_for_stop() {
  while (stop_wanted == 0) ::sem_wait(&stop_posted);
}

}  // namespace tidecast
