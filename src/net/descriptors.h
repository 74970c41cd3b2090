#pragma once
// How many files and sockets the process may have open, and a server's share of them.  Private to this room.

#include <cstddef>

namespace tidecast {

// Raises the soft limit of open files (often 1024) so far that `connections`, `streams` and `more` sockets leave 256
// for everybody else: a store that cannot open its next file is worse than a client that waits.  Where the hard limit
// stands in the way, lowers the two numbers to what is left, and says so in the log.
void fit_descriptors(std::size_t& connections, std::size_t& streams, std::size_t more);

}  // namespace tidecast
