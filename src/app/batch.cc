#include "app/batch.h"

#include <unistd.h>

#include <algorithm>
#include <vector>

#include "base/workers.h"
#include "serving/answer.h"
#include "serving/forecast.h"
#include "sources/limits.h"
#include "sources/lines.h"
#include "storage/file.h"

namespace tidecast {
namespace {

constexpr std::int64_t kLinesAtOnce = 256;
constexpr std::int64_t kDrawsAtOnce = 10'000'000;  // Numbers: bounds what the answers of the lines at once hold.
constexpr std::size_t kBytesAtOnce = 8 << 20;

struct NumberedLine {
  std::uint64_t number = 0;  // From 1, empty ones counted.
  std::string text;
  std::uint64_t cut = 0;  // Bytes left out of a line that is too long.
};

// The lines of a file with their numbers, some at a time.
class NumberedLines {
 public:
  explicit NumberedLines(UnpackedFile file) : reader_(std::move(file)) {}

  // Up to `lines` and kBytesAtOnce, but one at least; none at the end.
  Result<std::vector<NumberedLine>> next(std::size_t lines) {
    std::vector<NumberedLine> read;
    for (std::size_t bytes = 0; read.size() < lines && bytes < kBytesAtOnce;) {
      const std::optional<Line> line = TRY(reader_.next(end_));
      if (!line) break;
      // What lies between two lines are line ends; before one that is cut, what lies there is gone.
      const std::string_view between = line->cut > 0 ? "\n" : reader_.text(end_, line->offset);
      number_ += static_cast<std::uint64_t>(std::ranges::count(between, '\n'));
      end_ = line->end();
      std::string_view text = reader_.text(*line).substr(0, line->length);
      if (line->offset == 0 && text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
      bytes += text.size();
      read.push_back({.number = number_, .text = std::string(text), .cut = line->cut});
    }
    return read;
  }

 private:
  LineReader reader_;
  std::uint64_t number_ = 1, end_ = 0;
};

Result<std::string> prediction_of(const Forecaster& model, std::uint64_t seed, const SeriesNeeds& needs,
                                  const Configuration& wanted, const NumberedLine& line) {
  if (line.cut > 0) return invalid_argument("found {} bytes; allowed: {}", line.text.size() + line.cut, kLongestLine);
  const Parsed<TimeSeries> series = parse_instance(line.text, needs);
  if (!series.ok()) return invalid_argument("{}", series.status().message());
  return prediction_text(TRY(sample_paths(model, series.value(), wanted.samples, seed)), wanted);
}

Status check_out(const BatchOptions& options) {
  std::error_code ignored;
  if (std::filesystem::exists(options.out, ignored) && !std::filesystem::is_regular_file(options.out, ignored))
    return invalid_argument("{}: no regular file; allowed: the name of a file to write", options.out.string());
  if (std::filesystem::equivalent(options.in, options.out, ignored))
    return invalid_argument("{}: it would overwrite what is read", options.out.string());
  return ok();
}

}  // namespace

Result<BatchResult> forecast_file(const Forecaster& model, std::uint64_t seed, const BatchOptions& options) {
  // Of this process alone: two that write one file must not mix.
  const std::filesystem::path temporary = fmt::format("{}.{}.part", options.out.string(), ::getpid());
  TRY(check_out(options));
  NumberedLines lines(TRY(UnpackedFile::open(options.in)));
  const auto write = [&]() -> Result<BatchResult> {
    FileWriter out = TRY(FileWriter::create(temporary));
    const Configuration& wanted = options.configuration;
    const SeriesNeeds needs = needs_of(model, SeriesNeeds().step);
    const auto at_once = static_cast<std::size_t>(
        std::clamp<std::int64_t>(kDrawsAtOnce / (std::int64_t{wanted.samples} * needs.horizon), 1, kLinesAtOnce));
    Workers workers(options.threads);
    BatchResult result;
    while (true) {
      const std::vector<NumberedLine> some = TRY(lines.next(at_once).in(options.in.string()));
      if (some.empty()) break;
      std::vector<Result<std::string>> made(some.size(), Result<std::string>(std::string()));
      workers.run(static_cast<int>(some.size()), [&](int i) {
        const auto at = static_cast<std::size_t>(i);
        made[at] = prediction_of(model, seed, needs, wanted, some[at]).in(fmt::format("line {}", some[at].number));
      });
      for (const Result<std::string>& line : made) {
        ++result.lines;
        if (!line.ok() && result.wrong++ == 0) result.first_error = line.message();
        TRY(out.write((line.ok() ? *line : to_text(json::object{{"error", line.message()}})) + "\n"));
      }
    }
    return result;
  };
  Result<BatchResult> result = write();
  Status published = result.ok() ? publish_file(temporary, options.out) : result.status();
  if (published.ok()) return result;
  std::error_code ignored;
  std::filesystem::remove(temporary, ignored);
  return published;
}

}  // namespace tidecast
