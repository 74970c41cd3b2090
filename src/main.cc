#include <csignal>

#include "cli/cli.h"

int main(int argc, char** argv) {
  std::signal(SIGXFSZ, SIG_IGN);  // A file that may not grow further is a write that fails, as on a full disk.
  return tidecast::run_cli(argc, argv);
}
