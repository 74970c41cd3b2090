#include "sources/poller.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "net/websocket_testing.h"

namespace tidecast {
namespace {

// Answers by path; keeps what it was asked.
class Server {
 public:
  explicit Server(std::map<std::string, std::string> answers)
      : answers_(std::move(answers)), server_(0, nullptr, [this](RawConnection& connection) {
          while (const auto head = connection.request()) {
            const std::string path = head->substr(4, head->find(' ', 4) - 4);
            const std::lock_guard lock(mutex_);
            asked_.push_back(*head);
            if (!connection.send(answers_.contains(path) ? answers_.at(path) : http_answer(404, ""))) return;
          }
        }) {}
  std::string url(std::string_view path) const { return fmt::format("http://127.0.0.1:{}{}", server_.port(), path); }
  void set(const std::string& path, std::string answer) {
    const std::lock_guard lock(mutex_);
    answers_[path] = std::move(answer);
  }
  std::vector<std::string> asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::string> answers_;
  std::vector<std::string> asked_;
  RawServer server_;
};

std::string moved(std::string_view to) { return http_answer(302, "", fmt::format("Location: {}\r\n", to)); }

std::string polled(Poller& poller) {
  const Poller::Reply reply = poller.poll(ProcessingTime::epoch());
  return reply.failure ? reply.failure->text : fmt::format("{} records", reply.batch.records.size());
}

TEST(Poller, GivesAListThatDidNotMoveOutOnce) {
  Server server({{"/a", http_answer(200, R"({"now":1,"txs":[{"n":1},{"n":2}]})")}});
  Poller poller = Poller::make({.url = server.url("/a"), .records = "/txs"}).value();
  EXPECT_EQ(polled(poller), "2 records");
  EXPECT_EQ(polled(poller), "0 records");
  server.set("/a", http_answer(200, R"({"now":2,"txs":[{"n":1},{"n":2}]})"));  // What moves is no record.
  EXPECT_EQ(polled(poller), "0 records");
  server.set("/a", http_answer(200, R"({"now":2,"txs":[{"n":3},{"n":2}]})"));
  EXPECT_EQ(polled(poller), "2 records");
  server.set("/a", http_answer(200, R"({"now":1,"txs":[{"n":1},{"n":2}]})"));
  EXPECT_EQ(polled(poller), "2 records");
}

TEST(Poller, FollowsThreeRedirectsOnTheSameHostAndNoMore) {
  Server server({{"/a", moved("/b")},
                 {"/b", moved("/c")},
                 {"/c", moved("/d")},
                 {"/d", http_answer(200, "[1]")},
                 {"/0", moved("/a")},
                 {"/away", moved("http://elsewhere.example/x")},
                 {"/loop", moved("/loop")}});
  Poller poller = Poller::make({.url = server.url("/a")}).value();
  EXPECT_EQ(polled(poller), "1 records");
  EXPECT_EQ(server.asked().size(), 4u);
  poller = Poller::make({.url = server.url("/0")}).value();
  EXPECT_EQ(polled(poller), "HTTP 302, moved to /d (write that as url)");
  poller = Poller::make({.url = server.url("/away")}).value();
  EXPECT_EQ(polled(poller), "HTTP 302, moved to http://elsewhere.example/x (write that as url)");
  poller = Poller::make({.url = server.url("/loop")}).value();
  EXPECT_EQ(polled(poller), "HTTP 302, moved to /loop (write that as url)");
}

TEST(Poller, SendsHeadersFromFilesAndTheEnvironmentAsTheyAreNow) {
  const auto file = std::filesystem::path(testing::TempDir()) / fmt::format("token-{}", ::getpid());
  std::ofstream(file) << "first\n";
  ::setenv("TIDECAST_TEST_TOKEN", "from the environment", 1);
  Server server({{"/a", http_answer(200, "[1]")}});
  Poller poller = Poller::make({.url = server.url("/a"),
                                .headers = {{.name = "X-Plain", .value = "plain"},
                                            {.name = "Authorization", .file = file},
                                            {.name = "X-Key", .environment = "TIDECAST_TEST_TOKEN"}}})
                      .value();
  polled(poller);
  std::ofstream(file) << "second";
  polled(poller);
  const auto asked = server.asked();
  EXPECT_EQ(request_header(asked[0], "X-Plain"), "plain");
  EXPECT_EQ(request_header(asked[0], "X-Key"), "from the environment");
  EXPECT_EQ(request_header(asked[0], "Authorization"), "first");
  EXPECT_EQ(request_header(asked[1], "Authorization"), "second");
  std::filesystem::remove(file);
  EXPECT_EQ(polled(poller), fmt::format("header Authorization: {}: cannot be read, or is empty", file.string()));
}

TEST(Headers, AreRefusedWithoutTellingTheirValues) {
  const auto why = [](SourceHeader header) { return headers_of({std::move(header)}).message(); };
  EXPECT_EQ(why({.name = "a b"}), "header 'a b': allowed: letters, digits, - and _");
  EXPECT_EQ(why({.name = "A", .value = "secret\r\nHost: x"}),
            "header A: its value has a line break or a letter that is not ASCII");
  EXPECT_EQ(why({.name = "A", .environment = "TIDECAST_TEST_NONE"}),
            "header A: the variable TIDECAST_TEST_NONE is not set");
}

}  // namespace
}  // namespace tidecast
