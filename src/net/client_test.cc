#include "net/client.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <fstream>
#include <future>
#include <vector>

#include "net/gzip.h"
#include "net/raw_server_testing.h"
#include "net/url.h"
#include "storage/temporary_folder.h"

namespace tidecast {
namespace {

using Steady = std::chrono::steady_clock;

// Answers every request of every connection with the next of these; keeps what it was asked.
class Script {
 public:
  explicit Script(std::vector<std::string> answers, const TestCertificates* certificates = nullptr)
      : answers_(std::move(answers)),
        server_(0, certificates, [this](RawConnection& connection) { serve(connection); }) {}

  std::string url(std::string_view scheme = "http", std::string_view host = "127.0.0.1") const {
    return fmt::format("{}://{}:{}/txs?format=json", scheme, host, server_.port());
  }
  int connections() const { return server_.connections(); }
  std::string request(std::size_t i) {
    const std::lock_guard lock(mutex_);
    return i < requests_.size() ? requests_[i] : "";
  }
  void close_after_each() { close_after_each_ = true; }

 private:
  void serve(RawConnection& connection) {
    while (const auto request = connection.request()) {
      std::string answer;
      {
        const std::lock_guard lock(mutex_);
        requests_.push_back(*request);
        if (requests_.size() <= answers_.size()) answer = answers_[requests_.size() - 1];
      }
      const bool stall = answer.ends_with("STALL");
      if (stall) answer.resize(answer.size() - 5);
      const bool cut = answer.ends_with("CUT");
      if (cut) answer.resize(answer.size() - 3);
      if (!connection.send(answer)) return;
      if (stall) connection.stall();
      if (cut || close_after_each_) return;
    }
  }

  std::mutex mutex_;
  std::vector<std::string> answers_, requests_;
  std::atomic<bool> close_after_each_ = false;
  RawServer server_;
};

std::unique_ptr<HttpClient> client(HttpClientOptions options = {}) {
  auto made = HttpClient::make(std::move(options));
  EXPECT_TRUE(made.ok()) << made.message();
  return std::move(made).value();
}

// The error of one call, with the port, which is another each time, as PORT.
std::string error_of(const Result<HttpAnswer>& answer) {
  if (answer.ok()) return fmt::format("no error but {} {}", answer->status, answer->body);
  std::string text = answer.message();
  const std::size_t colon = text.find(':'), end = text.find_first_not_of("0123456789", colon + 1);
  if (colon != text.npos && end > colon + 1) text.replace(colon + 1, end - colon - 1, "PORT");
  return text;
}
std::string error_of(const std::string& answer, HttpClientOptions options = {}) {
  Script server({answer});
  return error_of(client(std::move(options))->get(server.url()));
}

std::string gzip(std::string_view text) {
  z_stream stream{};
  EXPECT_EQ(::deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string packed(::deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  EXPECT_EQ(::deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(stream.total_out);
  ::deflateEnd(&stream);
  return packed;
}

TEST(Url, IsTakenApart) {
  const Url url = parse_url("https://Blockchain.info/unconfirmed-transactions?format=json").value();
  EXPECT_TRUE(url.tls);
  EXPECT_EQ(url.host, "blockchain.info");
  EXPECT_EQ(url.port, 443);
  EXPECT_EQ(url.target, "/unconfirmed-transactions?format=json");
  EXPECT_EQ(url.authority(), "blockchain.info");
  EXPECT_EQ(parse_url("HTTP://x").value().target, "/");
  EXPECT_EQ(parse_url("http://x?a=1").value().target, "/?a=1");
  EXPECT_EQ(parse_url("http://x:8080/").value().authority(), "x:8080");
  EXPECT_EQ(parse_url("http://[::1]:80/a").value().host, "::1");
  EXPECT_EQ(parse_url("https://[2001:db8::7]/").value().authority(), "[2001:db8::7]");
}

TEST(Url, ThatIsNoneIsRefusedWithTheReason) {
  const auto why = [](const char* text) { return parse_url(text).status().message(); };
  EXPECT_EQ(why("blockchain.info/txs"),
            "'blockchain.info/txs' is no address: it has no https://; allowed: https://host[:port]/path?query, http:// "
            "too");
  for (const auto& [text, word] : {std::pair("ftp://x/", "scheme is ftp"),
                                   {"https:///x", "host is missing"},
                                   {"https://a b/", "space"},
                                   {"https://x/\xc3\xa9", "ASCII"},
                                   {"https://u:p@x/", "password"},
                                   {"https://x/#top", "#"},
                                   {"https://x:0/", "'0' is no port"},
                                   {"https://x:65536/", "no port"},
                                   {"https://x:/", "'' is no port"},
                                   {"https://x:8o/", "no port"},
                                   {"https://[::1/", "bracket"},
                                   {"https://[x]/", "no IPv6"},
                                   {"https://[::1]x/", "between"},
                                   {"https://a,b/", "'a,b' is no host"},
                                   {"https://x/{id}", "%xx"},
                                   {"", "https"}})
    EXPECT_NE(why(text).find(word), std::string::npos) << text << ": " << why(text);
}

TEST(HttpClient, AsksAsItShouldAndKeepsItsConnection) {
  Script server({http_answer(200, "[1]", "ETag: \"a\"\r\nX-Two: 1\r\nx-two: 2\r\n"), http_answer(404, "none")});
  const auto http = client();
  const HttpAnswer first = http->get(server.url(), {{"If-None-Match", "\"b\""}}).value();
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(first.body, "[1]");
  EXPECT_EQ(first.bytes, 3u);
  EXPECT_EQ(first.headers.at("etag"), "\"a\"");
  EXPECT_EQ(first.headers.at("x-two"), "1, 2");
  EXPECT_EQ(http->get(server.url())->status, 404);
  EXPECT_EQ(server.connections(), 1);
  const std::string request = server.request(0);
  EXPECT_TRUE(request.starts_with("GET /txs?format=json HTTP/1.1\r\nHost: 127.0.0.1:")) << request;
  for (const char* line :
       {"\r\nUser-Agent: tidecast/0.1.0\r\n", "\r\nAccept-Encoding: gzip\r\n", "\r\nIf-None-Match: \"b\"\r\n"})
    EXPECT_NE(request.find(line), std::string::npos) << request;
}

TEST(HttpClient, ConnectsAnewOnceWhenTheServerHasClosedMeanwhile) {
  Script server({http_answer(200, "1"), http_answer(200, "2"), "", http_answer(200, "4")});
  server.close_after_each();
  const auto http = client();
  EXPECT_EQ(http->get(server.url())->body, "1");
  EXPECT_EQ(http->get(server.url())->body, "2");
  EXPECT_EQ(server.connections(), 2);
  // A new connection that says nothing either is an error, and the next call starts afresh.
  EXPECT_EQ(error_of(http->get(server.url())), "127.0.0.1:PORT: the connection was closed before an answer came");
  EXPECT_EQ(http->get(server.url())->body, "4");
}

TEST(HttpClient, TakesBodiesOfAllForms) {
  const auto body_of = [](const std::string& answer) {
    Script server({answer});
    const auto got = client()->get(server.url());
    return got.ok() ? got->body : got.message();
  };
  EXPECT_EQ(body_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), "abcde");
  EXPECT_EQ(body_of("HTTP/1.0 200 OK\r\n\r\nto the endCUT"), "to the end");
  EXPECT_EQ(body_of("HTTP/1.1 100 Continue\r\n\r\n" + http_answer(200, "past it")), "past it");
  EXPECT_EQ(body_of("HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n"), "");
  EXPECT_EQ(body_of(http_answer(200, gzip("unpacked"), "Content-Encoding: gzip\r\n")), "unpacked");
  EXPECT_EQ(body_of(http_answer(200, gzip("one ") + gzip("two"), "Content-Encoding: x-gzip\r\n")), "one two");
  EXPECT_EQ(body_of(http_answer(200, "", "Content-Encoding: gzip\r\n")), "");
}

TEST(HttpClient, SaysWhatIsWrongWithAnAnswer) {
  EXPECT_EQ(error_of("CUT"), "127.0.0.1:PORT: the connection was closed before an answer came");
  EXPECT_EQ(error_of("HTTP/1.1 200CUT"), "127.0.0.1:PORT: the connection was closed before an answer came");
  EXPECT_EQ(error_of("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1234CUT"),
            "127.0.0.1:PORT: the body was cut after 4 of 9 bytes");
  EXPECT_EQ(error_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nCUT"),
            "127.0.0.1:PORT: the body was cut after 3 bytes");
  EXPECT_EQ(error_of("SSH-2.0-OpenSSH_9.2\r\n"), "127.0.0.1:PORT: no HTTP answer: bad version");
  EXPECT_EQ(error_of("STALL", {.timeout = 400ms}), "127.0.0.1:PORT: no answer within 400 ms");
  EXPECT_EQ(error_of("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1234STALL", {.timeout = 400ms}),
            "127.0.0.1:PORT: only 4 of 9 bytes of the body within 400 ms");
  EXPECT_EQ(error_of(http_answer(200, "12345"), {.body_max = 4}), "127.0.0.1:PORT: the body has 5 bytes; allowed: 4");
  EXPECT_EQ(error_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n", {.body_max = 4}),
            "127.0.0.1:PORT: the body is larger than 4 bytes");
  EXPECT_EQ(error_of("HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x')),
            "127.0.0.1:PORT: the header is larger than 65536 bytes");
  const std::string packed = gzip(std::string(100'000, ' '));
  EXPECT_EQ(error_of(http_answer(200, packed, "Content-Encoding: gzip\r\n"), {.body_max = 99'999}),
            "127.0.0.1:PORT: the gzip body unpacks to more than 99999 bytes");
  EXPECT_EQ(error_of(http_answer(200, packed.substr(0, 50), "Content-Encoding: gzip\r\n")),
            "127.0.0.1:PORT: the gzip body is cut short");
  EXPECT_EQ(error_of(http_answer(200, "no gzip", "Content-Encoding: gzip\r\n")),
            "127.0.0.1:PORT: the gzip body is damaged: incorrect header check");
  EXPECT_EQ(error_of(http_answer(200, "x", "Content-Encoding: br\r\n")),
            "127.0.0.1:PORT: the body is packed as br, which was not asked for");
}

TEST(HttpClient, SaysThatNobodyIsThere) {
  const std::string closed = Script({}).url();
  EXPECT_EQ(error_of(client()->get(closed)), "127.0.0.1:PORT: cannot connect: Connection refused");
  const std::string nowhere = client()->get("http://nowhere.invalid/").status().message();
  EXPECT_TRUE(nowhere.starts_with("nowhere.invalid:80: cannot find nowhere.invalid: ")) << nowhere;
  EXPECT_EQ(client()->get("nowhere").code(), Code::kInvalidArgument);
}

// A listener with a full queue drops what comes, as a firewall does.
TEST(HttpClient, DoesNotWaitLongForAMachineThatDoesNotAnswer) {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener, 0), 0);
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  std::vector<int> crowd;
  for (int i = 0; i < 4; ++i) {
    crowd.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    ::connect(crowd.back(), reinterpret_cast<const sockaddr*>(&address), size);
  }
  const std::string url = fmt::format("http://127.0.0.1:{}/", ntohs(address.sin_port));
  EXPECT_EQ(error_of(client({.connect_timeout = 400ms})->get(url)), "127.0.0.1:PORT: no connection within 400 ms");
  for (const int fd : crowd) ::close(fd);
  ::close(listener);
}

class HttpClientTls : public testing::Test {
 protected:
  std::filesystem::path ca_of(const TestCertificates& certificates) {
    const std::filesystem::path path = folder_.path() / fmt::format("ca{}.pem", ++files_);
    std::ofstream(path) << certificates.ca_pem();
    return path;
  }

  TemporaryFolder folder_;
  int files_ = 0;
  const TestCertificates certificates_{"DNS:localhost,IP:127.0.0.1"};
};

TEST_F(HttpClientTls, TalksToWhomItsAuthorityVouchesFor) {
  Script server({http_answer(200, "1"), http_answer(200, "2"), http_answer(200, "3")}, &certificates_);
  const auto http = client({.ca_file = ca_of(certificates_)});
  EXPECT_EQ(http->get(server.url("https", "localhost"))->body, "1");
  EXPECT_EQ(http->get(server.url("https", "localhost"))->body, "2");
  EXPECT_EQ(server.connections(), 1);
  EXPECT_EQ(http->get(server.url("https", "127.0.0.1"))->body, "3");
}

TEST_F(HttpClientTls, RefusesAnUnknownAuthority) {
  Script server({http_answer(200, "1")}, &certificates_);
  const TestCertificates others("DNS:localhost");
  for (const HttpClientOptions& options : {HttpClientOptions{}, HttpClientOptions{.ca_file = ca_of(others)}}) {
    const std::string error = error_of(client(options)->get(server.url("https", "localhost")));
    EXPECT_TRUE(error.starts_with("localhost:PORT: certificate of localhost: ")) << error;
  }
  EXPECT_EQ(server.request(0), "");
}

TEST_F(HttpClientTls, RefusesTheCertificateOfAnotherHost) {
  const TestCertificates others("DNS:example.org,IP:127.0.0.2");
  Script server({http_answer(200, "1")}, &others);
  const auto http = client({.ca_file = ca_of(others)});
  EXPECT_EQ(error_of(http->get(server.url("https", "localhost"))),
            "localhost:PORT: certificate of localhost: hostname mismatch");
  EXPECT_EQ(error_of(http->get(server.url("https", "127.0.0.1"))),
            "127.0.0.1:PORT: certificate of 127.0.0.1: IP address mismatch");
  EXPECT_EQ(server.request(0), "");
}

TEST_F(HttpClientTls, SaysWhenThereIsNone) {
  RawServer plain(0, nullptr, [](RawConnection& connection) { connection.send(http_answer(400, "no TLS here")); });
  const std::string error = error_of(client()->get(fmt::format("https://localhost:{}/", plain.port())));
  EXPECT_TRUE(error.starts_with("localhost:PORT: no TLS")) << error;
  RawServer silent(0, nullptr, [](RawConnection& connection) { connection.stall(); });
  EXPECT_EQ(error_of(client({.timeout = 400ms})->get(fmt::format("https://127.0.0.1:{}/", silent.port()))),
            "127.0.0.1:PORT: no TLS within 400 ms");
}

TEST_F(HttpClientTls, NoticesABodyThatIsCut) {
  Script server({"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1234CUT", "HTTP/1.0 200 OK\r\n\r\n1234CUT"},
                &certificates_);
  const auto http = client({.ca_file = ca_of(certificates_)});
  EXPECT_EQ(error_of(http->get(server.url("https", "localhost"))),
            "localhost:PORT: the body was cut after 4 of 9 bytes");
  // Without a length, only a proper end of TLS says that this was all.
  EXPECT_EQ(error_of(http->get(server.url("https", "localhost"))), "localhost:PORT: the body was cut after 4 bytes");
}

TEST_F(HttpClientTls, SaysThatItsFileIsNone) {
  EXPECT_EQ(HttpClient::make({.ca_file = folder_.path() / "none.pem"}).code(), Code::kNotFound);
  std::ofstream(folder_.path() / "text.pem") << "no certificate";
  EXPECT_EQ(HttpClient::make({.ca_file = folder_.path() / "text.pem"}).code(), Code::kInvalidArgument);
  EXPECT_EQ(HttpClient::make({.timeout = 0ms}).code(), Code::kInvalidArgument);
}

TEST(HttpClient, IsCancelledWhateverItWaitsFor) {
  const TestCertificates certificates("DNS:localhost");
  for (const std::string answer : {"STALL", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1234STALL"}) {
    std::promise<void> asked;
    RawServer server(0, nullptr, [&](RawConnection& connection) {
      connection.request();
      connection.send(answer.substr(0, answer.size() - 5));
      asked.set_value();
      connection.stall();
    });
    const auto http = client();
    auto outcome =
        std::async(std::launch::async, [&] { return http->get(fmt::format("http://127.0.0.1:{}/", server.port())); });
    asked.get_future().wait();
    const auto began = Steady::now();
    http->cancel();
    EXPECT_EQ(outcome.get().code(), Code::kCancelled);
    EXPECT_LT(Steady::now() - began, 1s);  // Not the ten of the timeout.
    EXPECT_EQ(http->get("http://127.0.0.1:1/").code(), Code::kCancelled);
    EXPECT_EQ(http->get("http://nowhere.invalid/").code(), Code::kCancelled);
  }
}

// Damage of every kind at every place: an error or an answer, never a crash, and the right answer comes through.
TEST(HttpClient, SurvivesAnyCutOfAnAnswer) {
  const std::string whole = http_answer(200, gzip("a body that is packed"), "Content-Encoding: gzip\r\n");
  std::vector<std::string> answers;
  for (std::size_t length = 0; length < whole.size(); ++length) answers.push_back(whole.substr(0, length) + "CUT");
  answers.push_back(whole);
  Script server(answers);
  const auto http = client();
  for (std::size_t i = 0; i + 1 < answers.size(); ++i)
    EXPECT_EQ(http->get(server.url()).code(), Code::kUnavailable) << i;
  EXPECT_EQ(http->get(server.url())->body, "a body that is packed");
}

}  // namespace
}  // namespace tidecast
