#pragma once
// A server for tests that says any bytes, and none when it should: plain or TLS, a thread a connection.  What it says
// is the test's affair; here are sockets, and certificates made on the spot.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "base/result.h"

namespace tidecast {

// A certificate authority that nobody knows, and a certificate of it.
class TestCertificates {
 public:
  // names: as in a subjectAltName, "DNS:localhost,IP:127.0.0.1".
  explicit TestCertificates(const std::string& names) {
    ca_key_.reset(::EVP_EC_gen("P-256"));
    key_.reset(::EVP_EC_gen("P-256"));
    ca_ = certificate("Tidecast test CA", ca_key_.get(), nullptr, "critical,CA:TRUE", "");
    leaf_ = certificate("Tidecast test", key_.get(), ca_.get(), "critical,CA:FALSE", names);
  }

  // For the clients: whom to trust.
  std::string ca_pem() const {
    const std::unique_ptr<BIO, int (*)(BIO*)> out(::BIO_new(::BIO_s_mem()), ::BIO_free);
    ::PEM_write_bio_X509(out.get(), ca_.get());
    char* text = nullptr;
    const long size = ::BIO_get_mem_data(out.get(), &text);
    return {text, static_cast<std::size_t>(size)};
  }
  void use_in(SSL_CTX* context) const {
    CHECK(::SSL_CTX_use_certificate(context, leaf_.get()) == 1 && ::SSL_CTX_use_PrivateKey(context, key_.get()) == 1);
  }

 private:
  template <auto kFree>
  struct Freed {
    template <typename T>
    void operator()(T* it) const {
      kFree(it);
    }
  };
  using Key = std::unique_ptr<EVP_PKEY, Freed<::EVP_PKEY_free>>;
  using Certificate = std::unique_ptr<X509, Freed<::X509_free>>;

  // `issuer` null: by itself.
  Certificate certificate(const char* name, EVP_PKEY* key, X509* issuer, const char* constraints,
                          const std::string& names) {
    Certificate made(::X509_new());
    ::X509_set_version(made.get(), 2);
    ::ASN1_INTEGER_set(::X509_get_serialNumber(made.get()), issuer == nullptr ? 1 : 2);
    ::X509_gmtime_adj(::X509_getm_notBefore(made.get()), -3600);
    ::X509_gmtime_adj(::X509_getm_notAfter(made.get()), 86'400);
    X509_NAME* const subject = ::X509_get_subject_name(made.get());
    ::X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
    ::X509_set_issuer_name(made.get(), issuer == nullptr ? subject : ::X509_get_subject_name(issuer));
    ::X509_set_pubkey(made.get(), key);
    X509V3_CTX context;
    ::X509V3_set_ctx(&context, issuer == nullptr ? made.get() : issuer, made.get(), nullptr, nullptr, 0);
    const auto add = [&](int id, const char* value) {
      X509_EXTENSION* const extension = ::X509V3_EXT_conf_nid(nullptr, &context, id, value);
      CHECK(extension != nullptr);
      ::X509_add_ext(made.get(), extension, -1);
      ::X509_EXTENSION_free(extension);
    };
    add(NID_basic_constraints, constraints);
    if (!names.empty()) add(NID_subject_alt_name, names.c_str());
    CHECK(::X509_sign(made.get(), ca_key_.get(), ::EVP_sha256()) > 0);
    return made;
  }

  Key ca_key_, key_;
  Certificate ca_, leaf_;
};

class RawServer;

// One connection, for the thread that serves it.
class RawConnection {
 public:
  // The head of the next request, up to its empty line; nullopt: the client is gone, or the server ends.
  std::optional<std::string> request() {
    for (;;) {
      if (const std::size_t end = buffer_.find("\r\n\r\n"); end != std::string::npos) {
        std::string head = buffer_.substr(0, end + 4);
        buffer_.erase(0, end + 4);
        return head;
      }
      if (!receive()) return std::nullopt;
    }
  }
  // The next so many bytes; nullopt as above.
  std::optional<std::string> take(std::size_t size) {
    while (buffer_.size() < size)
      if (!receive()) return std::nullopt;
    std::string bytes = buffer_.substr(0, size);
    buffer_.erase(0, size);
    return bytes;
  }
  // Waits until the client has said something, or its end, or `timeout_ms` are over.
  bool readable(int timeout_ms) {
    if (!buffer_.empty() || (tls_ != nullptr && ::SSL_pending(tls_) > 0)) return true;
    pollfd wanted{.fd = fd_, .events = POLLIN, .revents = 0};
    return ::poll(&wanted, 1, timeout_ms) > 0;
  }
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = tls_ != nullptr ? static_cast<ssize_t>(::SSL_write(tls_, bytes.data(), int(bytes.size())))
                                        : ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  // Says nothing more, until the client is gone or the server ends.
  void stall() {
    char scrap[256];
    while (::recv(fd_, scrap, sizeof scrap, 0) > 0) continue;
  }
  // Ends it as if the machine had died: with a reset.
  void reset() {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }

 private:
  friend class RawServer;
  RawConnection(int fd, SSL* tls) : fd_(fd), tls_(tls) {}
  bool receive() {
    char part[4096];
    const auto got =
        tls_ != nullptr ? static_cast<ssize_t>(::SSL_read(tls_, part, sizeof part)) : ::recv(fd_, part, sizeof part, 0);
    if (got > 0) buffer_.append(part, static_cast<std::size_t>(got));
    return got > 0;
  }

  int fd_;
  SSL* tls_;  // Null: plain.
  std::string buffer_;
};

class RawServer {
 public:
  // Serves a connection until it returns, which closes it.  Several run at once.
  using Serve = std::function<void(RawConnection&)>;
  // Asked for each connection before a word is said, also before TLS: false leaves the client waiting.
  using Welcome = std::function<bool()>;

  // On 127.0.0.1; port 0: any free one.  `certificates` null: plain.
  RawServer(std::uint16_t port, const TestCertificates* certificates, Serve serve, Welcome welcome = {})
      : serve_(std::move(serve)), welcome_(std::move(welcome)) {
    if (certificates != nullptr) {
      context_ = ::SSL_CTX_new(::TLS_server_method());
      certificates->use_in(context_);
    }
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    const int yes = 1;
    ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_, 64) != 0) return;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept(); });
  }
  ~RawServer() {
    stopping_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    if (acceptor_.joinable()) acceptor_.join();
    {
      const std::lock_guard lock(mutex_);
      for (Talk& talk : talks_)
        if (talk.fd >= 0) ::shutdown(talk.fd, SHUT_RDWR);
    }
    for (Talk& talk : talks_) talk.thread.join();
    ::close(listener_);
    if (context_ != nullptr) ::SSL_CTX_free(context_);
  }
  RawServer(const RawServer&) = delete;

  std::uint16_t port() const { return port_; }      // 0: the wanted one is taken.
  int connections() const { return connections_; }  // So far.

 private:
  struct Talk {
    int fd;  // -1: over.
    std::thread thread;
  };

  void accept() {
    sigset_t broken_pipe;  // OpenSSL writes as to a file.
    ::sigemptyset(&broken_pipe);
    ::sigaddset(&broken_pipe, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);  // Of the threads it begins, too.
    while (!stopping_) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) continue;
      ++connections_;
      const int yes = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
      const std::lock_guard lock(mutex_);
      for (auto talk = talks_.begin(); talk != talks_.end();) {
        if (talk->fd < 0) talk->thread.join();
        talk = talk->fd < 0 ? talks_.erase(talk) : std::next(talk);
      }
      talks_.push_back({fd, {}});
      talks_.back().thread = std::thread([this, &talk = talks_.back()] { converse(talk); });
    }
  }

  void converse(Talk& talk) {
    SSL* tls = nullptr;
    bool good = !welcome_ || welcome_();
    RawConnection connection(talk.fd, nullptr);
    if (!good) connection.stall();
    if (good && context_ != nullptr) {
      tls = ::SSL_new(context_);
      ::SSL_set_fd(tls, talk.fd);
      good = ::SSL_accept(tls) == 1;
      connection.tls_ = tls;
    }
    if (good) serve_(connection);
    if (tls != nullptr) ::SSL_free(tls);
    const std::lock_guard lock(mutex_);
    ::close(talk.fd);
    talk.fd = -1;
  }

  Serve serve_;
  Welcome welcome_;
  SSL_CTX* context_ = nullptr;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> connections_ = 0;
  std::mutex mutex_;
  std::list<Talk> talks_;
  std::thread acceptor_;
};

// An answer with Content-Length.
inline std::string http_answer(int status, std::string_view body, std::string_view headers = "") {
  return fmt::format("HTTP/1.1 {} Whatever\r\nContent-Length: {}\r\n{}\r\n{}", status, body.size(), headers, body);
}

}  // namespace tidecast
