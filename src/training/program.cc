#include "training/program.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <system_error>

#include "storage/file.h"
#include "training/archive.h"
#include "training/program_model.h"
#include "training/series_lines.h"

namespace tidecast {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFormat = "tidecast-program";
constexpr int kVersion = 1;
constexpr const char* kAbout = "tidecast.json";
constexpr std::string_view kModel = "model/";
constexpr int kHorizonMax = 10'000;

// SageMaker writes hours with a capital.
std::string time_freq(const Frequency& step) {
  std::string text = to_text(step);
  if (text.ends_with('h')) text.back() = 'H';
  return text;
}

Status write_json(const fs::path& file, const json::object& object) {
  return write_file_atomically(file, to_text(object) + "\n");
}

// /opt/ml/input and the folders that `train` writes to, below `base`.
Status lay_out(const fs::path& base, const json::object& hyperparameters, std::span<const TimeSeries> series) {
  std::error_code error;
  fs::remove_all(base, error);
  if (error) return unavailable("{}: cannot remove: {}", base.string(), error.message());
  const fs::path config = base / "input" / "config";
  for (const fs::path& folder : {config, base / "input/data/train", base / "model", base / "output/data"})
    TRY(make_folders(folder));
  TRY(write_json(config / "hyperparameters.json", hyperparameters));
  TRY(write_json(config / "inputdataconfig.json", {{"train", json::object{{"ContentType", "application/jsonlines"},
                                                                          {"TrainingInputMode", "File"},
                                                                          {"S3DistributionType", "FullyReplicated"},
                                                                          {"RecordWrapperType", "None"}}}}));
  TRY(write_json(config / "resourceconfig.json",
                 {{"current_host", "algo-1"}, {"hosts", json::array{"algo-1"}}, {"network_interface_name", "lo"}}));
  std::string lines;
  for (const TimeSeries& each : series) lines += series_line(each);
  return write_file_atomically(base / "input/data/train/series.json", lines);
}

// As sagemaker-training-toolkit names them.
std::vector<std::string> environment_of(const fs::path& base, const json::object& hyperparameters) {
  std::vector<std::string> environment{"SAGEMAKER_BASE_DIR=" + base.string(),
                                       "SM_MODEL_DIR=" + (base / "model").string(),
                                       "SM_CHANNELS=[\"train\"]",
                                       "SM_CHANNEL_TRAIN=" + (base / "input/data/train").string(),
                                       "SM_INPUT_DIR=" + (base / "input").string(),
                                       "SM_INPUT_CONFIG_DIR=" + (base / "input/config").string(),
                                       "SM_OUTPUT_DIR=" + (base / "output").string(),
                                       "SM_OUTPUT_DATA_DIR=" + (base / "output/data").string(),
                                       "SM_CURRENT_HOST=algo-1",
                                       "SM_HOSTS=[\"algo-1\"]",
                                       "SM_HPS=" + to_text(hyperparameters)};
  for (const auto& [name, value] : hyperparameters) {
    std::string variable(name);
    std::ranges::transform(variable, variable.begin(),
                           [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    environment.push_back(fmt::format("SM_HP_{}={}", variable, std::string_view(value.get_string())));
  }
  return environment;
}

Status run_training(const ProgramOptions& program, const std::string& who, const fs::path& base,
                    const json::object& hyperparameters, const ProgramLimits& limits) {
  std::vector<std::string> command = program.command;
  command.push_back("train");
  const auto process = TRY(Process::start({.command = std::move(command),
                                           .environment = environment_of(base, hyperparameters),
                                           .folder = program.folder,
                                           .echo = true}));
  if (!process->wait(program.train_at_most)) {
    const std::string state = process->state();
    process->stop(limits.stop_training);
    return internal_error("{} did not end within {} and was stopped; it {}", who, to_text(program.train_at_most),
                          state);
  }
  if (process->succeeded()) return ok();
  constexpr std::size_t kReason = 1024;  // Characters that SageMaker takes of it.
  const auto failure = read_file(base / "output/failure");
  if (!failure.ok()) return internal_error("{} {}", who, process->state());
  return internal_error("{} says: {}; it {}", who, last_lines(as_utf8(std::string_view(*failure).substr(0, kReason))),
                        process->state());
}

Result<std::vector<std::string>> read_command(const json::object& about) {
  const json::value* list = about.if_contains("command");
  std::vector<std::string> command;
  if (list != nullptr && list->is_array())
    for (const json::value& word : list->get_array()) {
      if (!word.is_string()) return invalid_argument("command: found {}; allowed: a text", to_text(word));
      command.emplace_back(word.get_string());
    }
  if (command.empty()) return invalid_argument("command: missing, or not a list of texts");
  return command;
}

Result<std::string> read_text(const json::object& about, std::string_view key) {
  const json::value* value = about.if_contains(key);
  if (value == nullptr || !value->is_string()) return invalid_argument("{}: missing, or no text", key);
  return std::string(value->get_string());
}

Result<ProgramSpec> read_spec(const std::string& text) {
  const json::value parsed = TRY(parse_json(text));
  if (!parsed.is_object()) return invalid_argument("no object");
  const json::object& about = parsed.get_object();
  if (const std::string format = TRY(read_text(about, "format")); format != kFormat)
    return invalid_argument("format: found '{}'; allowed: {}", format, kFormat);
  const auto whole = [&](std::string_view key, int most) -> Result<int> {
    const json::value* value = about.if_contains(key);
    if (value == nullptr || !value->is_int64() || value->get_int64() < 1 || value->get_int64() > most)
      return invalid_argument("{}: found {}; allowed: 1 to {}", key, value == nullptr ? "nothing" : to_text(*value),
                              most);
    return static_cast<int>(value->get_int64());
  };
  TRY(whole("version", kVersion));
  ProgramSpec spec;
  spec.command = TRY(read_command(about));
  spec.folder = TRY(read_text(about, "folder"));
  spec.step = TRY(parse_frequency(TRY(read_text(about, "step"))).in("step"));
  spec.horizon = TRY(whole("horizon", kHorizonMax));
  return spec;
}

}  // namespace

Result<std::shared_ptr<const Forecaster>> train_program(const ProgramOptions& program,
                                                        std::span<const TimeSeries> series, int horizon,
                                                        const fs::path& work, const ProgramLimits& limits) {
  if (program.command.empty()) return invalid_argument("no program");
  if (series.empty()) return invalid_argument("no series");
  const Frequency step = series.front().step;
  if (step.unit() == StepUnit::kMillisecond)
    return invalid_argument("steps of {}; allowed: whole seconds and more, as `start` is written", to_text(step));
  const ProgramSpec spec{.command = program.command, .folder = program.folder, .step = step, .horizon = horizon};
  const std::string who = spec.title() + " train";
  json::object hyperparameters{{"time_freq", time_freq(step)}, {"prediction_length", std::to_string(horizon)}};
  for (const Hyperparameter& each : program.hyperparameters) hyperparameters[each.name] = each.value;

  std::error_code error;
  const fs::path base = fs::absolute(work / "ml", error);
  TRY(lay_out(base, hyperparameters, series));
  TRY(run_training(program, who, base, hyperparameters, limits));
  Files model = TRY(read_folder(base / "model").in(who));
  if (model.empty()) return internal_error("{} ended well but left nothing in {}", who, (base / "model").string());
  Files files;
  for (auto& [path, file] : model) files[std::string(kModel) + path] = std::move(file);
  files[kAbout].bytes = to_text(json::object{{"format", kFormat},
                                             {"version", kVersion},
                                             {"command", json::array(spec.command.begin(), spec.command.end())},
                                             {"folder", spec.folder},
                                             {"step", to_text(step)},
                                             {"horizon", horizon},
                                             {"hyperparameters", hyperparameters}}) +
                        "\n";
  return std::make_shared<const ProgramModel>(spec, base, /*owned=*/false, TRY(pack(files).in(who)), limits);
}

Result<std::shared_ptr<const Forecaster>> load_program(std::string_view artefact, const fs::path& work,
                                                       const ProgramLimits& limits) {
  Files files = TRY(unpack(artefact));
  const auto about = files.find(kAbout);
  if (about == files.end()) return invalid_argument("{}: not in the archive: not a model of ours", kAbout);
  ProgramSpec spec = TRY(read_spec(about->second.bytes).in(kAbout));
  files.erase(about);
  for (const auto& [path, file] : files)
    if (!path.starts_with(kModel)) return invalid_argument("{}: allowed are {} and {}", path, kAbout, kModel);
  TRY(make_folders(work));
  std::error_code error;
  std::string base = (fs::absolute(work, error) / "XXXXXX").string();
  if (error || ::mkdtemp(base.data()) == nullptr) return unavailable("{}: no folder can be made there", work.string());
  auto model =
      std::make_shared<const ProgramModel>(std::move(spec), base, /*owned=*/true, std::string(artefact), limits);
  TRY(make_folders(fs::path(base) / "model"));
  TRY(write_folder(files, base));
  return model;
}

}  // namespace tidecast
