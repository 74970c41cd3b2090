// The files of job.h: docs/formats/training.md.

#include <system_error>

#include "base/hash.h"
#include "storage/file.h"
#include "training/job.h"
#include "training/json_fields.h"

namespace tidecast {

// The formats, each once for both directions.  S is the struct, const when it is written.

template <typename Fields, typename S>
requires std::is_same_v<std::remove_const_t<S>, TimeSeries> Status fields_of(Fields& fields, S& series) {
  TRY(fields("start_ms", series.start));
  TRY(fields("step", series.step));
  return fields("values", series.values);
}

template <typename Fields, typename S>
requires std::is_same_v<std::remove_const_t<S>, DeepArOptions> Status fields_of(Fields& fields, S& options) {
  TRY(fields("horizon", options.horizon));
  TRY(fields("season", options.season));
  TRY(fields("context", options.context));
  TRY(fields("steps", options.steps));
  TRY(fields("select", options.select));
  TRY(fields("batch", options.batch));
  TRY(fields("cells", options.cells));
  TRY(fields("layers", options.layers));
  TRY(fields("learning_rate", options.learning_rate));
  TRY(fields("dropout", options.dropout));
  TRY(fields("zoneout", options.zoneout));
  TRY(fields("epochs", options.epochs));
  TRY(fields("patience", options.patience));
  TRY(fields("members", options.members));
  TRY(fields("calibrate", options.calibrate));
  std::vector<std::string> likelihoods;
  for (const nn::Head head : options.likelihoods) likelihoods.emplace_back(name_of(head));
  TRY(fields("likelihoods", likelihoods));
  std::string recipe = deepar::text_of(options.recipe);
  TRY(fields("recipe", recipe));
  if constexpr (!std::is_const_v<S>) {
    options.likelihoods.clear();
    for (const std::string& likelihood : likelihoods) {
      const auto head = nn::head_of(likelihood);
      if (!head.ok()) return data_loss("{}: likelihoods: {}", fields.path(), head.message());
      options.likelihoods.push_back(*head);
    }
    auto read = deepar::parse_recipe(recipe);
    if (!read.ok()) return data_loss("{}: recipe: {}", fields.path(), read.message());
    options.recipe = *read;
  }
  TRY(fields("embedding_dimension", options.embedding_dimension));
  TRY(fields("seed", options.seed));
  return fields("threads", options.threads);
}

template <typename Fields, typename S>
requires std::is_same_v<std::remove_const_t<S>, Hyperparameter> Status fields_of(Fields& fields, S& parameter) {
  TRY(fields("name", parameter.name));
  return fields("value", parameter.value);
}

template <typename Fields, typename S>
requires std::is_same_v<std::remove_const_t<S>, ProgramOptions> Status fields_of(Fields& fields, S& program) {
  TRY(fields("command", program.command));
  TRY(fields("folder", program.folder));
  TRY(fields("hyperparameters", program.hyperparameters));
  return fields("train_at_most_ms", program.train_at_most);
}

template <typename Fields, typename S>
requires std::is_same_v<std::remove_const_t<S>, Algorithm> Status fields_of(Fields& fields, S& algorithm) {
  std::string name(name_of(algorithm));
  TRY(fields("name", name));
  TRY(fields("program", algorithm.program));
  if constexpr (!std::is_const_v<S>) {
    algorithm.baseline = baseline_of(name);
    if (name_of(algorithm) != name)
      return data_loss("{}: name: found \"{}\", allowed is deepar, naive, seasonal_naive, npts, ets or program",
                       fields.path(), name);
  }
  return ok();
}

template <typename Fields, typename S>
requires std::is_same_v<std::remove_const_t<S>, QuantileForecast> Status fields_of(Fields& fields, S& forecast) {
  TRY(fields("actual", forecast.actual));
  TRY(fields("quantiles", forecast.quantiles));
  return fields("mean", forecast.mean);
}

template <typename Fields, typename S>
requires std::is_same_v<std::remove_const_t<S>, BacktestWindow> Status fields_of(Fields& fields, S& window) {
  TRY(fields("origin_ms", window.origin));
  TRY(fields("model", window.model));
  TRY(fields("naive", window.naive));
  TRY(fields("seasonal_naive", window.seasonal_naive));
  TRY(fields("npts", window.npts));
  TRY(fields("ets", window.ets));
  return fields("production", window.production);
}

template <typename Fields, typename S>
requires std::is_same_v<std::remove_const_t<S>, Interval> Status fields_of(Fields& fields, S& interval) {
  TRY(fields("low", interval.low));
  return fields("up", interval.up);
}

template <typename Fields, typename S>
requires std::is_same_v<std::remove_const_t<S>, Backtest> Status fields_of(Fields& fields, S& backtest) {
  TRY(fields("taus", backtest.taus));
  TRY(fields("loss", backtest.loss));
  TRY(fields("loss_interval", backtest.loss_interval));
  TRY(fields("loss_point_90", backtest.loss_point_90));
  TRY(fields("naive", backtest.naive));
  TRY(fields("seasonal_naive", backtest.seasonal_naive));
  TRY(fields("npts", backtest.npts));
  TRY(fields("ets", backtest.ets));
  TRY(fields("production", backtest.production));
  TRY(fields("challenger", backtest.challenger));
  TRY(fields("production_windows", backtest.production_windows));
  TRY(fields("rmse", backtest.rmse));
  TRY(fields("coverage", backtest.coverage));
  return fields("windows", backtest.windows);
}

namespace {

namespace fs = std::filesystem;

constexpr int kFormat = 1;
constexpr std::string_view kResultFile = "result.json", kBacktestFile = "backtest.json";
constexpr std::string_view kArtefactFile = "model";

// What the JSON files hold; text stands for what JSON cannot hold.
struct JobFile {
  std::string kind;
  TrainingJob job;
  std::string production_hex, judged_hex, warm_start_hex;
};
template <typename Fields, typename S>
requires std::is_same_v<std::remove_const_t<S>, JobFile> Status fields_of(Fields& fields, S& file) {
  TRY(fields("kind", file.kind));
  TRY(fields("run", file.job.run));
  TRY(fields("series_name", file.job.series_name));
  TRY(fields("windows", file.job.windows));
  TRY(fields("confidence", file.job.confidence));
  TRY(fields("paths", file.job.paths));
  TRY(fields("algorithm", file.job.algorithm));
  TRY(fields("options", file.job.options));
  TRY(fields("production_data_end_ms", file.job.production_data_end));
  TRY(fields("production_artefact", file.production_hex));
  TRY(fields("judged_artefact", file.judged_hex));
  TRY(fields("warm_start_artefact", file.warm_start_hex));
  return fields("series", file.job.series);
}

struct ResultFile {
  std::string kind;
  JobResult result;
};
template <typename Fields, typename S>
requires std::is_same_v<std::remove_const_t<S>, ResultFile> Status fields_of(Fields& fields, S& file) {
  TRY(fields("kind", file.kind));
  TRY(fields("steps", file.result.steps));
  TRY(fields("best_step", file.result.best_step));
  TRY(fields("train_loss", file.result.train_loss));
  TRY(fields("held_out_loss", file.result.held_out_loss));
  TRY(fields("data_hash", file.result.data_hash));
  TRY(fields("artefact_hash", file.result.artefact_hash));
  return fields("seconds", file.result.seconds);
}

template <typename S>
Status write_json(const S& value, const fs::path& path) {
  FieldWriter writer;
  TRY(writer("format", kFormat));
  TRY(fields_of(writer, value).in(path.string()));
  return write_file_atomically(path, to_text(json::value(std::move(writer).take())) + "\n");
}

template <typename S>
Result<S> read_json(const fs::path& path) {
  const simdjson::padded_string text(TRY(read_file(path)));
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  simdjson::ondemand::object object;
  auto error = parser.iterate(text).get(document);
  if (!error) error = document.get_object().get(object);
  if (error) return data_loss("{}: no JSON object: {}", path.string(), simdjson::error_message(error));
  FieldReader reader(object, path.string());
  int format = 0;
  TRY(reader("format", format));
  if (format != kFormat) return data_loss("{}: format: found {}, allowed is {}", path.string(), format, kFormat);
  S value;
  TRY(fields_of(reader, value));
  return value;
}

Result<JobKind> kind_of(std::string_view name, const fs::path& path) {
  for (const JobKind kind : {JobKind::kJudge, JobKind::kRefit})
    if (name == name_of(kind)) return kind;
  return data_loss("{}: kind: found \"{}\", allowed is \"judge\" or \"refit\"", path.string(), name);
}

Result<std::string> from_hex(std::string_view text, std::string_view key, const fs::path& path) {
  const auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; };
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = digit(text[i]), low = i + 1 < text.size() ? digit(text[i + 1]) : -1;
    if (high < 0 || low < 0)
      return data_loss("{}: {}: no pair of hexadecimal digits at character {}", path.string(), key, i);
    bytes += static_cast<char>(high * 16 + low);
  }
  return bytes;
}

}  // namespace

Status write_job(const TrainingJob& job, const fs::path& file) {
  return write_json(JobFile{std::string(name_of(job.kind)), job, to_hex(job.production_artefact),
                            to_hex(job.judged_artefact), to_hex(job.warm_start_artefact)},
                    file);
}

Result<TrainingJob> read_job(const fs::path& file) {
  JobFile read = TRY(read_json<JobFile>(file));
  read.job.kind = TRY(kind_of(read.kind, file));
  read.job.production_artefact = TRY(from_hex(read.production_hex, "production_artefact", file));
  read.job.judged_artefact = TRY(from_hex(read.judged_hex, "judged_artefact", file));
  read.job.warm_start_artefact = TRY(from_hex(read.warm_start_hex, "warm_start_artefact", file));
  return std::move(read.job);
}

Status write_result(const JobResult& result, const fs::path& folder) {
  TRY(make_folders(folder));
  TRY(write_file_atomically(folder / kArtefactFile, result.artefact));
  if (result.backtest) TRY(write_json(*result.backtest, folder / kBacktestFile));
  return write_json(ResultFile{std::string(name_of(result.kind)), result}, folder / kResultFile);
}

Result<JobResult> read_result(const fs::path& folder) {
  const fs::path path = folder / kResultFile;
  ResultFile read = TRY(read_json<ResultFile>(path));
  JobResult result = std::move(read.result);
  result.kind = TRY(kind_of(read.kind, path));
  if (result.kind == JobKind::kJudge) result.backtest = TRY(read_json<Backtest>(folder / kBacktestFile));
  result.artefact = TRY(read_file(folder / kArtefactFile));
  if (const std::string hash = sha256_hex(result.artefact); hash != result.artefact_hash)
    return data_loss("{}: found SHA-256 {}, {} says {}", (folder / kArtefactFile).string(), hash, kResultFile,
                     result.artefact_hash);
  return result;
}

}  // namespace tidecast
