// A hyperparameter search, and the parameters that it may end in.
#include <sys/resource.h>

#include <algorithm>

#include "app/tuning.h"
#include "cli/context.h"
#include "cli/signals.h"
#include "training/series_file.h"

namespace tidecast {
namespace {

constexpr Milliseconds kUsualBudget = 20min;
constexpr std::size_t kRows = 20;  // Of the table.

std::string differs_text(const Trial& trial) {
  std::string text;
  for (const auto& [name, value] : trial.differs)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", std::string_view(name), to_text(value));
  return trial.number == 1 ? "the defaults" : text;
}

std::string number_text(double value, int digits) {
  return std::isfinite(value) ? fmt::format("{:.{}f}", value, digits) : "-";
}

std::string to_table(const Tuning& tuning, double confidence) {
  Table table({"rank", "trial", "held-out loss", "mean wQL", "MASE", fmt::format("within {:g} %", confidence), "steps",
               "seconds", "what differs"});
  for (std::size_t i = 0; i < tuning.ranked.size(); ++i) {
    const Trial& trial = tuning.ranked[i];
    if (i >= kRows && trial.number != 1) continue;
    const bool diverged = !trial.diverged.empty();
    const TrialAccuracy none{.mean_wql = std::nan(""), .mase = std::nan(""), .coverage = std::nan("")};
    const TrialAccuracy accuracy = diverged ? none : trial.result.accuracy.value_or(none);
    table.add({std::to_string(i + 1), std::to_string(trial.number),
               diverged ? "-" : number_text(trial.result.held_out_loss, 4), number_text(accuracy.mean_wql, 4),
               number_text(accuracy.mase, 3), number_text(accuracy.coverage * 100, 1),
               std::to_string(trial.result.steps), number_text(trial.seconds, 1),
               diverged ? fmt::format("{}; diverged: {}", differs_text(trial), trial.diverged) : differs_text(trial)});
  }
  return table.text();
}

std::string set_text(const Trial& trial) {
  std::string text = "tidecast params set";
  for (const auto& [name, value] : trial.differs) text += fmt::format(" {}={}", std::string_view(name), to_text(value));
  return text + " -m WHY";
}

// What was found, and what to do next.
std::string summary(const Tuning& tuning, const TuneArguments& arguments) {
  std::string text = fmt::format("{} {} begun", tuning.ranked.size(), tuning.ranked.size() == 1 ? "trial" : "trials");
  if (tuning.stopped)
    text += " and ended; then stopped";
  else if (tuning.not_begun > 0)
    text += fmt::format(", {} not: they would not have ended within the budget", tuning.not_begun);
  text += tuning.ranked.size() > kRows ? fmt::format("; shown are the best {}, --json has all.\n", kRows) : ".\n";
  const Trial *best = tuning.best(), *defaults = tuning.defaults();
  if (best == nullptr) return text + "No trial came to its end.\n";
  if (best == defaults) return text + "The defaults are best of those trained in full.\n";
  text += fmt::format("Best is trial {}: {}", best->number, differs_text(*best));
  if (defaults != nullptr && defaults->diverged.empty()) {
    text += fmt::format("; its held-out loss is {:.4f}, the defaults' {:.4f}", best->result.held_out_loss,
                        defaults->result.held_out_loss);
    const double gain = 1 - best->result.accuracy->mean_wql / defaults->result.accuracy->mean_wql;
    text += fmt::format(", and its mean wQL is {:.1f} % {}", std::abs(gain) * 100, gain < 0 ? "higher" : "lower");
  }
  text += ".\n";
  if (!arguments.file.empty() || arguments.apply) return text;
  return text + fmt::format("Take it for the next training: {}\n", set_text(*best));
}

// The best by held-out loss may be so by luck; the back-test, which it was not chosen by, must not speak against it.
Status check_backtest(const Trial& best, const Trial* defaults) {
  if (defaults == nullptr || !defaults->diverged.empty()) return ok();
  const double loss = best.result.accuracy->mean_wql, before = defaults->result.accuracy->mean_wql;
  if (loss <= before) return ok();
  return failed_precondition(
      "not applied: in the back-test trial {} has a mean wQL of {:.4f}, the defaults {:.4f}; "
      "take it all the same: {}",
      best.number, loss, before, set_text(best));
}

Status check(const TuneArguments& a) {
  if (a.apply && !a.file.empty())
    return invalid_argument("found --apply with --file; allowed: --apply for the project's own series");
  if (a.apply && a.why.empty()) return invalid_argument("found --apply without -m; allowed: -m WHY, for the record");
  if (a.file.empty() == (a.frequency.empty() && a.horizon == 0)) return ok();
  return invalid_argument("found {}; allowed: --file with --freq and --horizon, or none of them",
                          a.file.empty() ? "--freq or --horizon without --file" : "--file without --freq or --horizon");
}

class Tuner {
 public:
  Tuner(const Context& context, const TuneArguments& arguments) : context_(context), arguments_(arguments) {
    const bool shows = !context.quiet && !context.json && context.use_color(stderr);  // A terminal.
    progress_ = [shows](const Trial& trial, std::string_view what, double share) {
      if (shows) {
        fmt::print(stderr, "\r\033[Ktrial {}, {}: {} {:.0f} %", trial.number, differs_text(trial), what, share * 100);
        std::fflush(stderr);
      }
      return !stop_is_wanted();
    };
    erase_ = shows ? "\r\033[K" : "";
  }

  Status on_file() {
    const Frequency step = TRY(parse_frequency(arguments_.frequency).in("--freq"));
    const std::vector<NamedSeries> series = TRY(read_series_file(arguments_.file, step));
    DatasetBacktestOptions options{.deepar = {.horizon = arguments_.horizon, .season = arguments_.season},
                                   .windows = arguments_.windows,
                                   .seeds = {},
                                   .paths = arguments_.paths};
    if (!arguments_.likelihood.empty())
      options.deepar.likelihoods = {TRY(nn::head_of(arguments_.likelihood).in("--likelihood"))};
    constexpr double kWithin = 80;  // Of .1 to .9, the levels that a data set's back-test has.
    const std::string file = arguments_.file.string();
    Trials trials = TRY(trials_on(series, options, progress_).in(file));
    const Tuning tuning = TRY(search(trials).in(file));
    return tell(tuning, trials, kWithin, {});
  }

  Status on_project() {
    Connection connection = TRY(connect(context_, "tidecast tune"));
    Commands& commands = connection.commands();
    const json::object said = TRY(commands.definition());
    const Definition definition =
        TRY(parse_definition(std::string(said.at("text").as_string()), std::string(said.at("file").as_string())));
    const json::object data = TRY(commands.training_data());
    const TrainingJob job = TRY(job_of(definition, data));
    Trials trials = TRY(trials_on(job, progress_));
    const Tuning tuning = TRY(search(trials));
    json::object also;
    if (!tuning.ranked.empty()) {
      TrialRecords records{.as_of = std::string(data.at("as_of").as_string()),
                           .seed = arguments_.seed,
                           .trials = by_number(tuning, trials)};
      also["runs"] = TRY(commands.record_trials(records)).at("runs");
    }
    TRY(tell(tuning, trials, job.confidence, also));
    const Trial* best = tuning.best();
    if (!arguments_.apply || best == nullptr || best->differs.empty()) return ok();
    TRY(check_backtest(*best, tuning.defaults()));
    json::object values = data.at("parameters").as_object();
    for (const auto& [name, value] : best->differs) values[name] = value;
    TRY(commands.set_parameters(values, arguments_.why, actor()));
    if (!context_.quiet && !context_.json)
      fmt::print("The next training takes it: tidecast train; the way back: tidecast params\n");
    return ok();
  }

 private:
  Result<Tuning> search(Trials& trials) {
    trials.search.seed = static_cast<std::uint64_t>(arguments_.seed);
    trials.search.trials = arguments_.trials;
    if (!arguments_.budget.empty()) trials.search.budget = TRY(parse_duration(arguments_.budget).in("--budget"));
    if (!trials.search.budget && arguments_.trials == 0) trials.search.budget = kUsualBudget;
    ::setpriority(PRIO_PROCESS, 0, 10);  // The stream's process, if one runs, comes first.
    catch_signals();
    auto tuning = tune(trials.search, SystemClock(), trials.train);
    fmt::print(stderr, "{}", erase_);
    return tuning;
  }

  static json::array by_number(const Tuning& tuning, const Trials& trials) {
    std::vector<Trial> ordered = tuning.ranked;
    std::ranges::sort(ordered, {}, &Trial::number);
    json::array list;
    for (const Trial& trial : ordered) list.push_back(trial_json(trial, trials));
    return list;
  }

  Status tell(const Tuning& tuning, const Trials& trials, double confidence, json::object also) const {
    if (context_.json) {
      json::array ranked;
      for (const Trial& trial : tuning.ranked) ranked.push_back(trial_json(trial, trials));
      json::object answer{{"seed", arguments_.seed},
                          {"defaults", trials.search.defaults},
                          {"trials", std::move(ranked)},
                          {"not_begun", tuning.not_begun},
                          {"stopped", tuning.stopped}};
      if (const json::value* runs = also.if_contains("runs")) answer["runs"] = *runs;
      fmt::print("{}\n", to_text(answer));
      return ok();
    }
    fmt::print("{}", to_table(tuning, confidence));
    if (!context_.quiet) fmt::print("\n{}", summary(tuning, arguments_));
    return ok();
  }

  const Context& context_;
  const TuneArguments& arguments_;
  TuneProgress progress_;
  std::string_view erase_;
};

Status print_parameters(const Context& context, const json::object& answer) {
  if (context.json) {
    fmt::print("{}\n", to_text(answer));
    return ok();
  }
  Table values({"parameter", "value", "from"});
  for (const auto& [name, value] : answer.at("hyperparameters").as_object())
    values.add(
        {std::string(name), to_text(value), answer.at("values").as_object().contains(name) ? "params" : "definition"});
  fmt::print("{}", values.text());
  const json::array& history = answer.at("history").as_array();
  if (history.empty() || context.quiet) return ok();
  Table changes({"number", "when", "who", "why", "set"});
  for (const json::value& each : history) {
    const json::object& change = each.as_object();
    const auto text = [&](const char* key) { return std::string(change.at(key).as_string()); };
    const json::object& set = change.at("values").as_object();
    changes.add({to_text(change.at("number")), short_time(TRY(parse_rfc3339(text("at")))), text("actor"), text("why"),
                 set.empty() ? "nothing" : to_text(set)});
  }
  fmt::print("\n{}", changes.text());
  return ok();
}

}  // namespace

Status tune_command(const Context& context, const TuneArguments& arguments) {
  TRY(check(arguments));
  Tuner tuner(context, arguments);
  return arguments.file.empty() ? tuner.on_project() : tuner.on_file();
}

Status params_command(const Context& context) {
  Connection connection = TRY(connect(context, "tidecast params"));
  return print_parameters(context, TRY(connection.commands().parameters()));
}

Status params_set_command(const Context& context, const std::vector<std::string>& settings, const std::string& why) {
  json::object set;
  for (const std::string& setting : settings) {
    const std::size_t equals = setting.find('=');
    const auto value = equals == std::string::npos ? Result<json::value>(invalid_argument("no ="))
                                                   : parse_json(setting.substr(equals + 1));
    if (!value.ok() || !value->is_number())
      return invalid_argument("found '{}', allowed: NAME=NUMBER like num_cells=60", setting);
    set[setting.substr(0, equals)] = *value;
  }
  Connection connection = TRY(connect(context, "tidecast params set"));
  json::object values = TRY(connection.commands().parameters()).at("values").as_object();
  for (const auto& [name, value] : set) values[name] = value;
  return print_parameters(context, TRY(connection.commands().set_parameters(values, why, actor())));
}

Status params_rollback_command(const Context& context, int number, const std::string& why) {
  Connection connection = TRY(connect(context, "tidecast params rollback"));
  json::object values;
  if (number != 0) {
    const json::object now = TRY(connection.commands().parameters());
    const json::array& history = now.at("history").as_array();
    const auto found =
        std::ranges::find_if(history, [&](const json::value& change) { return change.at("number") == number; });
    if (found == history.end())
      return not_found("there is no change {}; tidecast params lists them, 0 is the definition alone", number);
    values = found->at("values").as_object();
  }
  return print_parameters(context, TRY(connection.commands().set_parameters(values, why, actor())));
}

}  // namespace tidecast
