#include "child.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "base/result.h"

namespace tidecast::crash {

Ended in_child(const std::function<std::string()>& work, unsigned seconds) {
  int ends[2];
  CHECK(::pipe(ends) == 0);
  const pid_t child = ::fork();
  CHECK(child >= 0);
  if (child == 0) {
    ::close(ends[0]);
    ::alarm(seconds);
    const std::string text = work();
    for (std::size_t sent = 0; sent < text.size();) {
      const ssize_t count = ::write(ends[1], text.data() + sent, text.size() - sent);
      if (count <= 0) ::_exit(1);
      sent += static_cast<std::size_t>(count);
    }
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t count; (count = ::read(ends[0], buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(count));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFSIGNALED(status))
    return {false, WTERMSIG(status) == SIGALRM ? fmt::format("not ended after {} s", seconds)
                                               : fmt::format("signal {}", WTERMSIG(status))};
  if (WEXITSTATUS(status) != 0) return {false, fmt::format("exit code {}", WEXITSTATUS(status))};
  return {true, text};
}

}  // namespace tidecast::crash
