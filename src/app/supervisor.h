#pragma once
// What we tell the supervisor that started us, if it wants to know: systemd's sd_notify protocol (a datagram of lines
// to the socket in NOTIFY_SOCKET; see sd_notify(3)).

#include <string_view>

namespace tidecast {

// "READY=1\nSTATUS=...", "STOPPING=1".  Without NOTIFY_SOCKET nothing happens; what cannot be sent is logged.
void tell_supervisor(std::string_view lines);

}  // namespace tidecast
