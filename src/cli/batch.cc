#include "app/batch.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/workers.h"
#include "cli/context.h"
#include "training/algorithm.h"

namespace tidecast {
namespace {

// What is wanted of each line: by the command line, else by the variable of Amazon's batch transform, else its default.
Result<Configuration> configuration_of(const ForecastArguments& arguments) {
  constexpr const char* kVariable = "DEEPAR_INFERENCE_CONFIG";
  const char* text = std::getenv(kVariable);
  const bool given = !arguments.configuration.empty();
  if (!given && (text == nullptr || *text == '\0')) return Configuration();
  const Parsed<Configuration> parsed = parse_configuration(given ? arguments.configuration : text);
  if (!parsed.ok()) return invalid_argument("{}: {}", given ? "--configuration" : kVariable, parsed.status().message());
  return parsed.value();
}

// Where the model of a program of one's own is unpacked while it is asked.
struct WorkFolder {
  std::filesystem::path path;
  ~WorkFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
};

// The folder is free again, or the server left alone, before the work begins.
Result<std::string> fetch_artefact(const Context& context, int& version) {
  Connection connection = TRY(connect(context, "tidecast forecast"));
  if (version == 0) {
    const json::object status = TRY(connection.commands().status());
    if (status.at("production").is_null())
      return failed_precondition("no model is in production yet; see: tidecast models");
    version = status.at("production").to_number<int>();
  }
  return connection.commands().artefact(version);
}

}  // namespace

Status forecast_file_command(const Context& context, const ForecastArguments& arguments) {
  BatchOptions options{
      .in = arguments.batch,
      .out = arguments.out.empty() ? std::filesystem::path(arguments.batch.string() + ".out") : arguments.out,
      .configuration = TRY(configuration_of(arguments)),
      .threads = usable_processors()};
  int version = arguments.model;
  const std::string artefact = TRY(fetch_artefact(context, version));
  const WorkFolder work{fmt::format("{}.{}.program", options.out.string(), ::getpid())};
  const auto model = TRY(load_forecaster(artefact, work.path).in(fmt::format("model {}", version)));
  const json::value* seed = model->describe().if_contains("seed");
  const BatchResult result =
      TRY(forecast_file(*model, seed ? seed->to_number<std::uint64_t>() : 0, options).in("--batch"));
  if (context.json)
    fmt::print("{}\n", to_text(json::object{{"model_version", version},
                                            {"out", options.out.string()},
                                            {"lines", result.lines},
                                            {"wrong", result.wrong}}));
  else if (!context.quiet)
    fmt::print("{} lines forecast by model {}: {}\n", result.lines - result.wrong, version, options.out.string());
  if (result.wrong == 0) return ok();
  return invalid_argument("{} of {} lines could not be forecast; an error stands in their place; the first: {}",
                          result.wrong, result.lines, result.first_error);
}

}  // namespace tidecast
