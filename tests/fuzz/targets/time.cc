// Times: a format and a zone that somebody wrote into a definition, and what stands in a record; durations.

#include "base/time.h"

#include "fuzz.h"
#include "stream/event_time_reader.h"

namespace tidecast::fuzz {
namespace {

// A format, a zone and a value, one a line.
void read(std::string_view bytes) {
  const std::size_t first = std::min(bytes.find('\n'), bytes.size());
  const std::size_t second = std::min(bytes.find('\n', first + 1), bytes.size());
  const auto line = [&](std::size_t from, std::size_t until) {
    return std::string(from < until ? bytes.substr(from, until - from) : "");
  };
  const std::string value = line(second + 1, bytes.size());
  auto reader = EventTimeReader::compile("/t", {TimeUnit::kFormat, line(0, first), line(first + 1, second)});
  if (!reader.ok())
    CHECK(reader.code() == Code::kInvalidArgument && !reader.message().empty());
  else if (const auto time = reader->read("{\"t\":\"" + value + "\"}"))
    CHECK(time->ms() >= kCalendarBeginMs && time->ms() < kCalendarEndMs);

  if (const auto ms = parse_rfc3339(value); ms.ok()) CHECK(parse_rfc3339(to_rfc3339(*ms)).value() == *ms);
  const auto duration = parse_duration(value);
  CHECK(duration.ok() || duration.code() == Code::kInvalidArgument);
}

const Target target{
    "time",
    read,
    {"%d/%m/%Y %H:%M:%S\nAmerica/New_York\n05/05/2026 17:00:00", "%Y%m%d%H%M%E*S%z\nUTC\n202605051700.5+0300",
     "%s\n+03:00\n1778000400", "%a %b %e %H:%M:%S %Y\n\nTue May  5 17:00:00 2026",
     "\n\n2026-05-05T17:00:00.123456+02:00", "\n\n10min"}};

}  // namespace
}  // namespace tidecast::fuzz
