#include "training/program_model.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <system_error>

#include "base/rng.h"
#include "net/http.h"
#include "training/series_lines.h"

namespace tidecast {
namespace {

constexpr int kHistory = 4096;  // Values that it is sent; what the live loop keeps.
constexpr int kPathsMax = 10'000;
constexpr Milliseconds kBetweenPings{50};
constexpr std::array kLevels{"0.01", "0.05", "0.1", "0.2", "0.3",  "0.4", "0.5",
                             "0.6",  "0.7",  "0.8", "0.9", "0.95", "0.99"};

std::string shortened(std::string_view text) {
  constexpr std::size_t kLongest = 200;
  const std::string_view first = text.substr(0, text.find('\n'));
  return first.size() > kLongest ? as_utf8(first.substr(0, kLongest)) + "..." : as_utf8(first);
}

// A port that nobody has now; who is quick enough may still take it, and then the program fails and gets another.
Result<std::uint16_t> free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  const bool found = socket >= 0 && ::bind(socket, generic, size) == 0 && ::getsockname(socket, generic, &size) == 0;
  if (socket >= 0) ::close(socket);
  if (!found) return internal_error("no free port on 127.0.0.1");
  return ::ntohs(address.sin_port);
}

// The newest values that it is sent.
TimeSeries newest(const TimeSeries& history) {
  const std::size_t size = history.values.size(), seen = std::min<std::size_t>(size, kHistory);
  TimeSeries part{.start = history.time_of(size - seen),
                  .step = history.step,
                  .values = {history.values.end() - static_cast<std::ptrdiff_t>(seen), history.values.end()},
                  .categories = history.categories,
                  .static_reals = {},
                  .dynamic = {}};
  for (const auto& feature : history.dynamic)
    part.dynamic.emplace_back(feature.begin() + static_cast<std::ptrdiff_t>(size - seen), feature.end());
  return part;
}

json::object request_of(const TimeSeries& history, int paths, std::uint64_t seed) {
  json::object instance = series_record(history);
  for (json::value& value : instance.at("target").as_array())
    if (value.is_null()) value = "NaN";  // Of requests the documents name only this.
  return {{"instances", json::array{std::move(instance)}},
          {"configuration", json::object{{"num_samples", paths},
                                         {"output_types", json::array{"mean", "quantiles", "samples"}},
                                         {"quantiles", json::array(kLevels.begin(), kLevels.end())},
                                         {"seed", seed >> 11}}}};  // A whole number that a double holds.
}

// `horizon` finite numbers.
Result<std::vector<double>> read_steps(const json::value& value, int horizon) {
  const json::array* list = value.if_array();
  if (list == nullptr || list->size() != static_cast<std::size_t>(horizon))
    return internal_error("found {}; allowed: {} numbers",
                          list == nullptr ? shortened(to_text(value)) : fmt::format("{} of them", list->size()),
                          horizon);
  std::vector<double> steps;
  for (const json::value& item : *list) {
    boost::system::error_code error;
    const double number = item.is_number() ? item.to_number<double>(error) : std::nan("");
    if (error || !std::isfinite(number))
      return internal_error("[{}]: found {}; allowed: a number", steps.size(), shortened(to_text(item)));
    steps.push_back(number);
  }
  return steps;
}

Result<ForecastPaths> paths_of_samples(const json::value& samples, int paths, int horizon) {
  const json::array* list = samples.if_array();
  if (list == nullptr || list->size() != static_cast<std::size_t>(paths))
    return internal_error("samples: found {}; allowed: {} arrays",
                          list == nullptr ? shortened(to_text(samples)) : fmt::format("{} of them", list->size()),
                          paths);
  ForecastPaths result{.paths = paths, .horizon = horizon, .values = {}};
  for (std::size_t path = 0; path < list->size(); ++path)
    for (const double value : TRY(read_steps((*list)[path], horizon).in(fmt::format("samples: [{}]", path))))
      result.values.push_back(static_cast<float>(value));
  return result;
}

struct Quantile {
  double level;
  std::vector<double> steps;
};

Result<std::vector<Quantile>> read_quantiles(const json::value& value, int horizon) {
  const json::object* object = value.if_object();
  if (object == nullptr || object->empty())
    return internal_error("quantiles: found {}; allowed: an object of arrays by level", shortened(to_text(value)));
  std::vector<Quantile> quantiles;
  for (const auto& [name, steps] : *object) {
    double level = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), level);
    if (error != std::errc() || end != name.data() + name.size() || !(level > 0 && level < 1))
      return internal_error("quantiles: found the level '{}'; allowed: between 0 and 1", shortened(name));
    quantiles.push_back(
        {level, TRY(read_steps(steps, horizon).in(fmt::format("quantiles: {}", std::string_view(name))))});
  }
  std::ranges::sort(quantiles, {}, &Quantile::level);
  return quantiles;
}

double value_at(const std::vector<Quantile>& quantiles, double level, std::size_t step) {
  const auto above = std::ranges::lower_bound(quantiles, level, {}, &Quantile::level);
  if (above == quantiles.begin()) return above->steps[step];
  const Quantile& below = *(above - 1);
  if (above == quantiles.end()) return below.steps[step];
  const double share = (level - below.level) / (above->level - below.level);
  return below.steps[step] + share * (above->steps[step] - below.steps[step]);
}

}  // namespace

std::string ProgramSpec::title() const { return fmt::format("{}", fmt::join(command, " ")); }

Result<ForecastPaths> paths_of_reply(std::string_view reply, int paths, int horizon, std::uint64_t seed) {
  const auto parsed = parse_json(reply);
  if (!parsed.ok()) return internal_error("found '{}'; allowed: JSON ({})", shortened(reply), parsed.message());
  const json::object* object = parsed->if_object();
  const json::value* predictions = object == nullptr ? nullptr : object->if_contains("predictions");
  const json::array* list = predictions == nullptr ? nullptr : predictions->if_array();
  if (list == nullptr || list->size() != 1 || !list->front().is_object())
    return internal_error("found {}; allowed: {{\"predictions\":[{{...}}]}} with one of them", shortened(reply));
  const json::object& prediction = list->front().get_object();
  if (const json::value* samples = prediction.if_contains("samples")) return paths_of_samples(*samples, paths, horizon);
  const json::value* given = prediction.if_contains("quantiles");
  if (given == nullptr) return internal_error("neither samples nor quantiles; one of them is needed");
  const std::vector<Quantile> quantiles = TRY(read_quantiles(*given, horizon));
  ForecastPaths result{.paths = paths, .horizon = horizon, .values = {}};
  for (std::uint32_t path = 0; path < static_cast<std::uint32_t>(paths); ++path)
    for (std::uint32_t step = 0; step < static_cast<std::uint32_t>(horizon); ++step) {
      const auto bits =
          philox4x32({path, step, 0, 0}, {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
      result.values.push_back(static_cast<float>(value_at(quantiles, (bits[0] + 0.5) * 0x1p-32, step)));
    }
  return result;
}

ProgramModel::ProgramModel(ProgramSpec spec, std::filesystem::path base, bool owned, std::string artefact,
                           ProgramLimits limits)
    : spec_(std::move(spec)),
      base_(std::move(base)),
      owned_(owned),
      artefact_(std::move(artefact)),
      limits_(limits),
      about_{{"algorithm", "program"},
             {"program", json::array(spec_.command.begin(), spec_.command.end())},
             {"step", to_text(spec_.step)},
             {"horizon", spec_.horizon}} {}

ProgramModel::~ProgramModel() {
  if (server_) server_->process->stop(limits_.stop);
  std::error_code ignored;
  if (owned_) std::filesystem::remove_all(base_, ignored);
}

int ProgramModel::history_needed() const { return kHistory; }

Result<ForecastPaths> ProgramModel::forecast(const TimeSeries& history, int paths, std::uint64_t seed) const {
  if (history.step != spec_.step)
    return invalid_argument("history has steps of {}; this model was trained for {}", to_text(history.step),
                            to_text(spec_.step));
  if (paths < 1 || paths > kPathsMax) return invalid_argument("{} paths; allowed: 1 to {}", paths, kPathsMax);
  const TimeSeries seen = newest(history);
  if (std::ranges::all_of(seen.values, [](double y) { return std::isnan(y); }))
    return invalid_argument("history: not one observed value among the last {}", seen.values.size());

  const HttpRequest request{.method = "POST",
                            .path = "/invocations",
                            .headers = {{"content-type", "application/json"}, {"accept", "application/json"}},
                            .body = to_text(request_of(seen, paths, seed))};
  const std::shared_ptr<Server> server = TRY(serving());
  const auto reply = http_call("127.0.0.1", server->port, request, static_cast<int>(limits_.answer.count()));
  if (!reply.ok()) return give_up(server, reply.message());
  const std::string who = spec_.title() + " serve";
  if (reply->status >= 400 && reply->status < 500)
    return invalid_argument("{}: answered {}: {}", who, reply->status, shortened(reply->body));
  if (reply->status != 200) return internal_error("{}: answered {}: {}", who, reply->status, shortened(reply->body));
  auto drawn = paths_of_reply(reply->body, paths, spec_.horizon, seed);
  if (!drawn.ok()) return internal_error("{}: its answer: {}", who, drawn.message());
  const std::lock_guard lock(mutex_);
  failures_ = 0;
  return drawn;
}

Result<std::shared_ptr<ProgramModel::Server>> ProgramModel::serving() const {
  const std::lock_guard lock(mutex_);
  if (server_ && server_->process->running()) return server_;
  if (server_) fail(server_->process->state());
  server_.reset();
  const auto now = std::chrono::steady_clock::now();
  if (failures_ > 0 && now < not_before_)
    return internal_error("{} serve: {}; it is started again in {} ms", spec_.title(), last_failure_,
                          std::chrono::ceil<Milliseconds>(not_before_ - now).count());
  auto started = start();
  if (!started.ok()) {
    fail(started.message());
    return internal_error("{} serve: {}", spec_.title(), started.message());
  }
  return server_ = std::move(started).value();
}

Result<std::shared_ptr<ProgramModel::Server>> ProgramModel::start() const {
  auto server = std::make_shared<Server>();
  server->port = TRY(free_port());
  std::vector<std::string> command = spec_.command;
  command.push_back("serve");
  server->process = TRY(Process::start(
      {.command = std::move(command),
       .environment = {"SAGEMAKER_BASE_DIR=" + base_.string(), "SM_MODEL_DIR=" + (base_ / "model").string(),
                       fmt::format("SAGEMAKER_BIND_TO_PORT={}", server->port)},
       .folder = spec_.folder}));
  const auto until = std::chrono::steady_clock::now() + limits_.start;
  const HttpRequest ping{.method = "GET", .path = "/ping"};
  for (std::string last = "no answer";;) {
    if (server->process->wait(kBetweenPings)) return internal_error("{}", server->process->state());
    const auto reply = http_call("127.0.0.1", server->port, ping, static_cast<int>(limits_.ping.count()));
    if (reply.ok() && reply->status == 200) return server;
    last = reply.ok() ? fmt::format("status {}", reply->status) : reply.message();
    if (std::chrono::steady_clock::now() < until) continue;
    const std::string state = server->process->state();
    server->process->stop(limits_.stop);
    return internal_error("GET /ping was not answered with 200 within {}: {}; it {}", to_text(limits_.start), last,
                          state);
  }
}

void ProgramModel::fail(std::string what) const {
  last_failure_ = std::move(what);
  const auto pause =
      std::min<Milliseconds>(limits_.first_pause * (std::int64_t{1} << std::min(failures_, 20)), limits_.longest_pause);
  ++failures_;
  not_before_ = std::chrono::steady_clock::now() + pause;
}

// It does not answer: it may have died of the request, or hang.
Status ProgramModel::give_up(const std::shared_ptr<Server>& server, const std::string& what) const {
  constexpr Milliseconds kForItsEnd{1'000};
  const bool died = server->process->wait(kForItsEnd);
  const std::string why = died ? server->process->state() : fmt::format("{}; it {}", what, server->process->state());
  {
    const std::lock_guard lock(mutex_);
    if (server_ == server) {  // Else somebody else has seen it already.
      server_.reset();
      fail(why);
    }
  }
  server->process->stop(limits_.stop);
  return internal_error("{} serve: {}", spec_.title(), why);
}

}  // namespace tidecast
