#pragma once
// For tests of what speaks HTTP: a client that may say anything, byte by byte, and reads what comes.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <string_view>

namespace tidecast {

// Reads give up after ten seconds, so that a broken server fails a test.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const timeval patience{.tv_sec = 10, .tv_usec = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~RawClient() { ::close(fd_); }
  RawClient(const RawClient&) = delete;

  bool connected() const { return connected_; }
  void send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;  // The server has closed; what it said last is still to be read.
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  void end_sending() { ::shutdown(fd_, SHUT_WR); }

  // One whole response: head and as much body as Content-Length says.  What came before the connection closed, if it
  // did.
  std::string response() {
    while (true) {
      const std::size_t head = buffer_.find("\r\n\r\n");
      if (head != buffer_.npos) {
        const std::size_t at = buffer_.find("Content-Length: ");
        const std::size_t body = at < head ? std::stoul(buffer_.substr(at + 16)) : 0;
        if (buffer_.size() >= head + 4 + body) return take(head + 4 + body);
      }
      if (!read()) return take(buffer_.size());
    }
  }
  // What has come once `text` is among it; all up to that text's end.  What came before the connection closed, if it
  // did.
  std::string until(std::string_view text) {
    while (true) {
      if (const std::size_t at = buffer_.find(text); at != buffer_.npos) return take(at + text.size());
      if (!read()) return take(buffer_.size());
    }
  }
  std::string until_closed() {
    while (read()) {
    }
    return take(buffer_.size());
  }

 private:
  bool read() {
    char chunk[4096];
    const ssize_t count = ::recv(fd_, chunk, sizeof chunk, 0);
    if (count > 0)
      buffer_.append(chunk, static_cast<std::size_t>(count));
    else if (count < 0 && errno == EAGAIN)
      ADD_FAILURE() << "the server neither answered nor closed";
    return count > 0;
  }
  std::string take(std::size_t size) {
    std::string out = buffer_.substr(0, size);
    buffer_.erase(0, size);
    return out;
  }

  int fd_;
  bool connected_ = false;
  std::string buffer_;
};

inline std::string status_line(const std::string& response) { return response.substr(0, response.find("\r\n")); }
inline std::string body_of(const std::string& response) {
  const std::size_t head = response.find("\r\n\r\n");
  return head == response.npos ? "" : response.substr(head + 4);
}
inline constexpr std::string_view kGet = "GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n";

}  // namespace tidecast
