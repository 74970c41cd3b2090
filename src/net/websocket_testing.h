#pragma once
// The server's side of a WebSocket (RFC 6455) for tests: it says any frame, right or wrong.

#include <openssl/evp.h>

#include "net/raw_server_testing.h"

namespace tidecast {

enum class FrameKind : unsigned char { kText = 1, kBinary = 2, kClose = 8, kPing = 9, kPong = 10 };

struct Frame {
  FrameKind kind;
  std::string payload;
};

// A whole message as one frame.  A close's payload begins with its code, two bytes.
inline std::string frame_bytes(FrameKind kind, std::string_view payload) {
  std::string bytes(1, static_cast<char>(0x80 | static_cast<int>(kind)));
  if (payload.size() < 126) {
    bytes += static_cast<char>(payload.size());
  } else {
    const int width = payload.size() < 65'536 ? 2 : 8;
    bytes += static_cast<char>(width == 2 ? 126 : 127);
    for (int i = width - 1; i >= 0; --i) bytes += static_cast<char>(payload.size() >> (8 * i));
  }
  return bytes.append(payload);
}

inline std::string close_payload(int code, std::string_view reason) {
  return std::string{static_cast<char>(code >> 8), static_cast<char>(code)}.append(reason);
}

// The next frame of the client; nullopt: it is gone.
inline std::optional<Frame> read_frame(RawConnection& connection) {
  const auto head = connection.take(2);
  if (!head) return std::nullopt;
  std::size_t size = static_cast<unsigned char>((*head)[1]) & 0x7f;
  if (size >= 126) {
    const auto more = connection.take(size == 126 ? 2 : 8);
    if (!more) return std::nullopt;
    size = 0;
    for (const unsigned char c : *more) size = size << 8 | c;
  }
  const auto mask = connection.take(4);
  auto payload = mask ? connection.take(size) : std::nullopt;
  if (!payload) return std::nullopt;
  for (std::size_t i = 0; i < size; ++i) (*payload)[i] = static_cast<char>((*payload)[i] ^ (*mask)[i % 4]);
  return Frame{static_cast<FrameKind>((*head)[0] & 0x0f), std::move(*payload)};
}

// The value of a header of a request's head.
inline std::string request_header(const std::string& head, std::string_view name) {
  const std::size_t at = head.find(fmt::format("\r\n{}: ", name));
  if (at == std::string::npos) return "";
  const std::size_t from = at + name.size() + 4;
  return head.substr(from, head.find("\r\n", from) - from);
}

// The answer to the head of a WebSocket's request.
inline std::string websocket_accepted(const std::string& head) {
  const std::string key = request_header(head, "Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  unsigned char hash[EVP_MAX_MD_SIZE], text[64];
  unsigned size = 0;
  CHECK(::EVP_Digest(key.data(), key.size(), hash, &size, ::EVP_sha1(), nullptr) == 1);
  ::EVP_EncodeBlock(text, hash, static_cast<int>(size));
  return fmt::format(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: {}\r\n\r\n",
      reinterpret_cast<const char*>(text));
}

}  // namespace tidecast
