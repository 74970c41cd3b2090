#pragma once
// SIGINT and SIGTERM as a wish to end, which the loop sees between two steps, where stopping loses nothing.

namespace tidecast {

void catch_signals();  // From now on; once.
bool stop_is_wanted();

}  // namespace tidecast
