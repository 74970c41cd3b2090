#include "api/events.h"

#include <gtest/gtest.h>

#include <vector>

namespace tidecast {
namespace {

using namespace std::chrono_literals;

class EventHubTest : public testing::Test {
 protected:
  EventHubTest() {
    hub_.on_news([this](std::chrono::milliseconds delay) { wakes_.push_back(static_cast<int>(delay.count())); });
  }
  void status(const std::string& line) { hub_.set_status(std::make_shared<const std::string>(line)); }
  void add(int first, int last) {
    for (int i = first; i <= last; ++i) hub_.add(i, fmt::format("{{\"number\":{}}}", i));
  }
  static std::string item(int number) {
    return fmt::format("id: {0}\nevent: timeline\ndata: {{\"number\":{0}}}\n\n", number);
  }
  static std::string items(int first, int last) {
    std::string text;
    for (int i = first; i <= last; ++i) text += item(i);
    return text;
  }
  static std::string status_event(const std::string& line) { return "event: status\ndata: " + line + "\n\n"; }
  // All that a reader gets who takes it at once.
  static std::string drain(HttpStream& stream) {
    std::string text;
    for (std::string next = stream.next(false); !next.empty(); next = stream.next(false)) text += next;
    return text;
  }

  EventHub::Time now_{};
  std::vector<int> wakes_;
  EventHub hub_{[this] { return now_; }};
};

TEST_F(EventHubTest, TellsTheStatusFirstAndThenWhatHappens) {
  status("{\"a\":1}");
  add(1, 3);
  const auto stream = hub_.stream(std::nullopt);
  EXPECT_EQ(drain(*stream), status_event("{\"a\":1}")) << "no item of before";
  EXPECT_EQ(stream->next(false), "");
  add(4, 5);
  EXPECT_EQ(drain(*stream), items(4, 5));
}

TEST_F(EventHubTest, ResumesAfterTheLastItemThatAReaderHas) {
  add(1, 10);
  EXPECT_EQ(drain(*hub_.stream(7)), items(8, 10));
  EXPECT_EQ(drain(*hub_.stream(10)), "");
  EXPECT_EQ(drain(*hub_.stream(0)), items(1, 10));
}

TEST_F(EventHubTest, SaysSoWhereTooMuchWasMissed) {
  add(1, 300);
  EXPECT_EQ(drain(*hub_.stream(44)), items(45, 300)) << "all 256 that are kept";
  EXPECT_EQ(drain(*hub_.stream(43)), "id: 300\nevent: reset\ndata: {}\n\n");
  EXPECT_EQ(drain(*hub_.stream(301)), "id: 300\nevent: reset\ndata: {}\n\n") << "of another data folder's history";
}

TEST_F(EventHubTest, KnowsThatTheFirstItemAddedIsNotTheFirstThereWas) {
  add(745, 800);
  EXPECT_EQ(drain(*hub_.stream(744)), items(745, 800));
  EXPECT_EQ(drain(*hub_.stream(700)), "id: 800\nevent: reset\ndata: {}\n\n");
}

TEST_F(EventHubTest, PassesOverAnItemWhoseNumberDoesNotGrow) {
  add(3, 4);
  add(2, 4);
  EXPECT_EQ(drain(*hub_.stream(2)), items(3, 4));
}

TEST_F(EventHubTest, TellsOnlyTheLastOfManyStatusesWithin250Milliseconds) {
  status("{\"n\":0}");
  const auto stream = hub_.stream(std::nullopt);
  EXPECT_EQ(drain(*stream), status_event("{\"n\":0}"));
  now_ += 100ms;
  for (int i = 1; i <= 5; ++i) status(fmt::format("{{\"n\":{}}}", i));
  EXPECT_EQ(drain(*stream), "");
  EXPECT_EQ(wakes_, (std::vector{0, 150, 150, 150, 150, 150}));
  now_ += 149ms;
  EXPECT_EQ(drain(*stream), "");
  now_ += 1ms;
  EXPECT_EQ(drain(*stream), status_event("{\"n\":5}"));
  now_ += 1s;
  status("{\"n\":6}");
  EXPECT_EQ(drain(*stream), status_event("{\"n\":6}"));
}

TEST_F(EventHubTest, TellsNoStatusTwice) {
  status("{}");
  const auto stream = hub_.stream(std::nullopt);
  drain(*stream);
  now_ += 1s;
  status("{}");
  EXPECT_EQ(drain(*stream), "");
  EXPECT_EQ(wakes_.size(), 1u);
}

TEST_F(EventHubTest, GivesASlowReaderTheNewestStatusAndWhatIsKept) {
  status("{\"n\":0}");
  const auto stream = hub_.stream(std::nullopt);
  drain(*stream);
  for (int i = 1; i <= 1000; ++i) {
    now_ += 1s;
    status(fmt::format("{{\"n\":{}}}", i));
    if (i <= 200) add(i, i);
  }
  EXPECT_EQ(drain(*stream), status_event("{\"n\":1000}") + items(1, 200));
  add(201, 600);
  EXPECT_EQ(drain(*stream), "id: 600\nevent: reset\ndata: {}\n\n");
}

TEST_F(EventHubTest, GivesLittleAtOnceAndACommentIntoSilence) {
  add(1, 200);
  const auto stream = hub_.stream(0);
  EXPECT_EQ(stream->next(false), items(1, 64));
  EXPECT_EQ(stream->next(true), items(65, 128)) << "no comment where there is something to say";
  drain(*stream);
  EXPECT_EQ(stream->next(true), ":\n\n");
}

TEST(EventHub, HasStreamsThatOutliveIt) {
  std::shared_ptr<HttpStream> stream;
  {
    EventHub hub;
    hub.add(1, "{}");
    stream = hub.stream(0);
  }
  EXPECT_EQ(stream->next(false), "id: 1\nevent: timeline\ndata: {}\n\n");
}

}  // namespace
}  // namespace tidecast
