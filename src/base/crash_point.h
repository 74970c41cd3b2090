#pragma once
// Where tests let the program die.  TIDECAST_CRASH_AT=registry.db:3 ends it, as SIGKILL does, right after the third
// thing that it put on the disk at the crash point of that name: so that the moment between two stores' commits is met
// and not waited for.  Names: "state" (commits of the stream's store), "registry.db", "tracking.db" (their
// transactions), "publish" (files that got their name).  Without the variable it does nothing.

#include <string_view>

namespace tidecast {

// `name` may be a path, whose last part counts.  Any thread may call.
void crash_point(std::string_view name);

}  // namespace tidecast
