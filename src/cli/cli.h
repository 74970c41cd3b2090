#pragma once
// The command line: docs/cli.md.  One function a command; each prints for people, or JSON with --json.

namespace tidecast {

// Returns the exit code: 0 done, 1 failed, 2 wrong usage or definition, 3 not found, 4 refused by the present state,
// 5 not reachable (locked by another process, disk or port unavailable).
int run_cli(int argc, char** argv);

}  // namespace tidecast
