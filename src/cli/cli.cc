#include "cli/cli.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <limits>

#include "base/log.h"
#include "base/version.h"
#include "cli/context.h"
#include "nn/instruction_sets.h"
#include "training/child.h"
#include "training/tune.h"

namespace tidecast {
namespace {

std::filesystem::path own_binary() {
  std::error_code error;
  std::filesystem::path path = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? std::filesystem::path("tidecast") : path;
}

int finish(Status status) {
  // What was printed must have arrived, or a script would take half a table for a whole one.
  if ((std::fflush(stdout) != 0 || std::ferror(stdout) != 0) && status.ok())
    status = unavailable("the output could not be written: {}", std::strerror(errno));
  if (status.ok()) return 0;
  fmt::print(stderr, "{}\n", status.message());
  return exit_code(status);
}

// The first word that is neither an option nor a command, where one was expected.
std::optional<std::string> unknown_command(const CLI::App& app, int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') return std::nullopt;
  for (const CLI::App* command : app.get_subcommands({}))
    if (command->get_name() == argv[1]) return std::nullopt;
  return argv[1];
}

}  // namespace

int run_cli(int argc, char** argv) {
  if (Status status = nn::check_kernels_choice(); !status.ok()) return finish(std::move(status));
  Context context;
  context.binary = own_binary();
  bool verbose = false;

  CLI::App app{"Tidecast: an event stream in, trustworthy forecasts out, in one program.", "tidecast"};
  app.require_subcommand(1);
  app.fallthrough();
  app.set_version_flag("--version", fmt::format("tidecast {}", kVersion));
  app.add_option("-c,--config", context.definition, "The definition file")->capture_default_str();
  app.add_option("--data", context.data, "The data folder, instead of the definition's");
  app.add_option("--server", context.server, "Ask the server there, like 127.0.0.1:8080, instead of the data folder's");
  app.add_flag("--json", context.json, "Print JSON");
  app.add_flag("-q,--quiet", context.quiet, "Print less");
  app.add_flag("-v,--verbose", verbose, "Log what happens to standard error");
  app.add_option("--color", context.color, "auto, always or never")->check(CLI::IsMember({"auto", "always", "never"}));
  app.footer(
      "Examples:\n"
      "  tidecast check -c examples/bitcoin-fees/tidecast.yaml\n"
      "  tidecast replay -c examples/bitcoin-fees/tidecast.yaml --data demo-data --report report.json\n"
      "  tidecast sql \"SELECT * FROM tx_metrics ORDER BY event_time DESC LIMIT 5\"\n"
      "Exit codes: 0 done, 1 failed, 2 wrong usage or definition, 3 not found, 4 refused by the present state,\n"
      "5 not reachable.");

  Status status;
  const auto command = [&app](const char* name, const char* help, const char* example) {
    CLI::App* sub = app.add_subcommand(name, help);
    sub->footer(std::string("Example:\n  ") + example);
    return sub;
  };

  std::string clock;
  CLI::App* sub = command("run", "Run the loop on the live source, until stopped; console and API at server.listen",
                          "tidecast run -c examples/bitcoin-live/tidecast.yaml");
  sub->add_option("--clock", clock)->group("");  // Hidden: START,ANCHOR,SPEED, for tests in fast motion.
  sub->callback([&] { status = run_command(context, clock); });

  ReplayArguments replay;
  sub = command("replay", "Run the whole loop on the recorded source under a simulated clock",
                "tidecast replay -c examples/bitcoin-fees/tidecast.yaml --data demo-data --report report.json");
  sub->add_option("--from", replay.from, "Pass over records that arrive before this time");
  sub->add_option("--until", replay.until, "Stop at this time; a later replay goes on");
  sub->add_option("--speed", replay.speed, "max, or simulated seconds a second like 60x")->capture_default_str();
  sub->add_option("--report", replay.report, "Write the report there, as JSON");
  sub->add_flag("--serve", replay.serve, "Keep console and API up at the end, until Ctrl-C");
  sub->callback([&] { status = replay_command(context, replay); });

  InitArguments init;
  sub = command("init", "Look at the first records of a file or URL and write a definition file for it",
                "tidecast init --from trips.csv");
  sub->add_option("--from", init.from, "A file of NDJSON, CSV or Parquet, or an http(s) address")->required();
  sub->add_option("--to", init.to, "The definition file to write")->capture_default_str();
  sub->callback([&] { status = init_command(context, init); });

  int records = 3;
  sub = command("check", "Validate the definition file and show what it does with the first records",
                "tidecast check -c tidecast.yaml");
  sub->add_option("--records", records, "How many records of the source to show")->capture_default_str();
  sub->callback([&] { status = check_command(context, records); });

  sub = command("status", "One screen: what stands where, and what needs you", "tidecast status");
  sub->callback([&] { status = status_command(context); });

  std::string why;
  sub = command("train", "Train, back-test, gate and register a model now",
                "tidecast train --why \"after the fee change\"");
  sub->add_option("--why", why, "Recorded with the run");
  int warm_start = 0;
  sub->add_option("--warm-start", warm_start, "Begin with the weights of this model version")
      ->check(CLI::Range(1, std::numeric_limits<int>::max()));
  sub->callback([&] { status = train_command(context, why, warm_start); });

  int run_id = 0;
  sub = command("runs", "All training runs, or one in full", "tidecast runs 2");
  sub->add_option("id", run_id, "The run");
  sub->callback([&] { status = runs_command(context, run_id); });

  int version = 0;
  CLI::App* models = command("models", "All model versions, one in full, or its file: export",
                             "tidecast models export 1 --out model.safetensors");
  models->add_option("version", version, "The model version");
  models->require_subcommand(0, 1);
  models->callback([&, models] {
    if (models->get_subcommands().empty()) status = models_command(context, version);
  });
  std::filesystem::path model_file;
  sub = models->add_subcommand("export", "The model's file as it was registered");
  sub->add_option("version", version, "The model version")->required();
  sub->add_option("--out", model_file, "Where it is written to")->required();
  sub->callback([&] { status = export_model_command(context, version, model_file); });

  std::string stage = "staging";
  sub = command("approve", "Approve a version and deploy it to a stage",
                "tidecast approve 3 --for production -m \"beats 2 by a third\"");
  sub->add_option("version", version, "The model version")->required();
  sub->add_option("--for", stage, "staging, or production by way of staging")
      ->check(CLI::IsMember({"staging", "production"}))
      ->capture_default_str();
  sub->add_option("-m,--message", why, "Why");
  sub->callback([&] { status = approve_command(context, version, stage, why); });

  sub = command("reject", "Reject a version", "tidecast reject 3 -m \"too wide at night\"");
  sub->add_option("version", version, "The model version")->required();
  sub->add_option("-m,--message", why, "Why")->required();
  sub->callback([&] { status = reject_command(context, version, why); });

  sub = command("deploy", "Deploy an approved version to a stage", "tidecast deploy 2 --to production");
  sub->add_option("version", version, "The model version")->required();
  sub->add_option("--to", stage, "The stage")->check(CLI::IsMember({"staging", "production"}))->required();
  sub->add_option("-m,--message", why, "Why");
  sub->callback([&] { status = deploy_command(context, version, stage, why); });

  ForecastArguments forecast;
  sub = command("forecast", "The production model's forecast of a series, or of a file of series",
                "tidecast forecast --quantiles .05,.5,.95\n"
                "  tidecast forecast --batch series.jsonl.gz --configuration '{\"num_samples\": 200}'");
  sub->add_option("--series", forecast.series, "group.column; the definition's target by default");
  sub->add_option("--as-of", forecast.as_of, "From windows that ended by then; the newest by default");
  sub->add_option("--quantiles", forecast.quantiles, "Between 0 and 1, with commas");
  sub->add_option("--format", forecast.format, "table, csv or json")->check(CLI::IsMember({"table", "csv", "json"}));
  CLI::Option* batch = sub->add_option(
      "--batch", forecast.batch, "A file of series, one a line as JSON: {\"start\", \"target\"}; .gz and .zst too");
  for (const char* alone : {"--series", "--as-of", "--quantiles", "--format"}) batch->excludes(alone);
  sub->add_option("--out", forecast.out, "Where the batch's predictions go; its name with .out by default")
      ->needs(batch);
  sub->add_option("--configuration", forecast.configuration,
                  "JSON as the endpoint takes it; DEEPAR_INFERENCE_CONFIG, or mean and deciles of 100 paths by default")
      ->needs(batch);
  sub->add_option("--model", forecast.model, "The model version; the one in production by default")->needs(batch);
  sub->callback([&] { status = forecast_command(context, forecast); });

  BacktestArguments backtest;
  sub = command("backtest", "How accurate DeepAR is on a file of series, beside baselines",
                "tidecast backtest --file F.csv --freq 1h --horizon 24 --windows 7 --seeds 1,2,3");
  sub->add_option(
         "--file", backtest.file,
         "CSV or Parquet of series,time,value; or JSON Lines as SageMaker has them: .json, .jsonl, with .gz or without")
      ->required();
  sub->add_option("--freq", backtest.frequency, "The step of the series: 10s, 5min, 1h, 1D, 1B, 1W, 1M, 1Q, 1Y")
      ->required();
  sub->add_option("--horizon", backtest.horizon, "Steps to forecast")->required();
  sub->add_option("--windows", backtest.windows, "Windows at the end of each series, one after the other")
      ->capture_default_str();
  sub->add_option("--seeds", backtest.seeds, "A model each, with commas")->delimiter(',')->capture_default_str();
  sub->add_option(
         "--likelihood", backtest.likelihoods,
         "student-T, gaussian, laplace, negative-binomial, poisson, beta, gamma or deterministic-L1; of several, "
         "with commas, a member each; by the recipe by default")
      ->delimiter(',');
  sub->add_option("--season", backtest.season, "In steps; by the step's width by default");
  sub->add_option("--context", backtest.context, "Context length; by the recipe by default");
  sub->add_option("--steps", backtest.steps, "Training steps; by the recipe by default")
      ->check(CLI::Range(1, 10'000'000));
  sub->add_option("--epochs", backtest.epochs, "The same in SageMaker's unit")->check(CLI::Range(1, 100'000));
  sub->add_option("--recipe", backtest.recipe,
                  "default or gluonts, and parts that differ: \"default copy_gate=off lags=many\"")
      ->capture_default_str();
  sub->add_option("--members", backtest.members,
                  "Networks in a model, whose paths are pooled; by the recipe by default, two or more")
      ->check(CLI::Range(1, 32));
  sub->add_flag("--calibrate", backtest.calibrate, "Stretch the paths until held-out windows are covered");
  sub->add_option("--paths", backtest.paths, "Sampled futures a forecast")->capture_default_str();
  sub->add_option("--beside", backtest.beside, "npts, ets, with commas, besides the naive forecasts; or none")
      ->delimiter(',')
      ->check(CLI::IsMember({"npts", "ets", "none"}))
      ->capture_default_str();
  sub->callback([&] { status = backtest_command(context, backtest); });

  TuneArguments tune;
  sub = command("tune", "Search for better hyperparameters of the project's forecast, or on a file of series",
                "tidecast tune --budget 20min --apply -m \"the fee market has changed\"\n"
                "  tidecast tune --trials 33 --file F.csv --freq 1h --horizon 24 --windows 7");
  sub->add_option("--budget", tune.budget, "Begin no trial that would end later: a duration; 20min by default");
  sub->add_option("--trials", tune.trials, "So many at most, the defaults among them; alone, without a budget")
      ->check(CLI::Range(1, kMostTrials));
  sub->add_option("--seed", tune.seed, "Of the search: the same one gives the same trials")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  sub->add_flag("--apply", tune.apply,
                "Take the best for trainings from now on, if the back-test does not speak against it");
  sub->add_option("-m,--message", tune.why, "Why, with --apply");
  sub->add_option("--file", tune.file, "CSV or Parquet of series,time,value in place of the project's series");
  sub->add_option("--freq", tune.frequency, "The file's step: 10s, 5min, 1h, 1D, 1B, 1W, 1M, 1Q, 1Y");
  sub->add_option("--horizon", tune.horizon, "Steps to forecast of the file's series");
  sub->add_option("--windows", tune.windows, "Back-test windows at the end of each of them")->capture_default_str();
  sub->add_option("--season", tune.season, "Of them, in steps; by the step's width by default");
  sub->add_option("--likelihood", tune.likelihood, "Of their values; by the recipe by default");
  sub->add_option("--paths", tune.paths, "Sampled futures a forecast of them")->capture_default_str();
  sub->callback([&] { status = tune_command(context, tune); });

  CLI::App* params = command("params", "Hyperparameters in force, and every change of them: set, rollback",
                             "tidecast params set num_cells=60 -m \"tuned\"");
  params->require_subcommand(0, 1);
  params->callback([&, params] {
    if (params->get_subcommands().empty()) status = params_command(context);
  });
  std::vector<std::string> settings;
  sub = params->add_subcommand("set", "Values in place of the definition's, for trainings from now on");
  sub->add_option("settings", settings, "NAME=NUMBER, like learning_rate=0.002")->required();
  sub->add_option("-m,--message", why, "Why")->required();
  sub->callback([&] { status = params_set_command(context, settings, why); });
  int change = 0;
  sub = params->add_subcommand("rollback", "Back to the values of an earlier change; 0: to the definition's");
  sub->add_option("number", change, "The change's number")->required()->check(CLI::NonNegativeNumber);
  sub->add_option("-m,--message", why, "Why")->required();
  sub->callback([&] { status = params_rollback_command(context, change, why); });
  ExportArguments channels;
  sub = command("export", "The target as SageMaker's channels: train and test, gzipped JSON Lines",
                "tidecast export --out channels");
  sub->add_option("--out", channels.out, "The folder")->required();
  sub->add_option("--windows", channels.windows, "Test windows of a horizon each; validation.windows by default")
      ->check(CLI::Range(1, 10'000));
  sub->callback([&] { status = export_command(context, channels); });

  FeaturesArguments features;
  sub = command("features", "Rows of a feature group", "tidecast features tx_metrics --last 10 --format csv");
  sub->add_option("group", features.group, "The feature group; the first by default");
  sub->add_option("--from", features.from, "Windows that ended at or after");
  sub->add_option("--until", features.until, "Windows that ended before");
  sub->add_option("--last", features.last, "Only the newest so many; 0: all")->capture_default_str();
  sub->add_option("--as-of", features.as_of, "As known at this time");
  sub->add_option("--format", features.format, "table, csv or json")->check(CLI::IsMember({"table", "csv", "json"}));
  constexpr const char* kKeyHelp =
      "One series, like JC014 or JC014,true: keys in their order, with commas; a comma inside a text is \\,, a "
      "backslash \\\\, a null \\N";
  std::string key;
  const CLI::Option* of_features = sub->add_option("--key", key, kKeyHelp);
  sub->add_flag("--history", features.history, "Every revision and tombstone");
  sub->require_subcommand(0, 1);
  CLI::App* rows = sub;
  sub->callback([&, rows, of_features] {
    if (of_features->count() > 0) features.key = key;
    if (rows->get_subcommands().empty()) status = features_command(context, features);
  });

  EraseArguments erase;
  sub = rows->add_subcommand("erase", "Take rows out of a group for good");
  sub->footer("Example:\n  tidecast features erase stations --key JC014 -m \"asked to be forgotten\"");
  sub->add_option("group", erase.group, "The feature group")->required();
  const CLI::Option* of_erase = sub->add_option("--key", key, kKeyHelp);
  sub->add_option("--from", erase.from, "Of windows that ended at or after");
  sub->add_option("--until", erase.until, "Of windows that ended before");
  sub->add_flag("--all", erase.all, "All rows of the group");
  sub->add_option("-m,--message", erase.why, "Why")->required();
  sub->callback([&, of_erase] {
    if (of_erase->count() > 0) erase.key = key;
    status = erase_command(context, erase);
  });

  JoinArguments join;
  sub =
      rows->add_subcommand("join", "To each row of a CSV or Parquet file the features as they were known at its time");
  sub->footer("Example:\n  tidecast features join --entities labels.csv --time paid_at -o training.parquet");
  sub->add_option("--entities", join.entities, "CSV or Parquet with a time, and the keys of groups that have some")
      ->required();
  sub->add_option("--time", join.time_column, "The column with the time")->capture_default_str();
  sub->add_option("--groups", join.groups, "Feature groups, with commas; all by default")->delimiter(',');
  sub->add_option("--max-age", join.max_age, "Older features do not count: a duration like 1h");
  sub->add_flag("--known-now", join.known_now, "As they are known today, later corrections included");
  sub->add_option("-o,--output", join.output, "A .csv or .parquet; standard output, as CSV, by default");
  sub->callback([&] { status = join_command(context, join); });

  CLI::App* dead = command("dead", "Records that could not be taken: list, show, replay", "tidecast dead list");
  dead->require_subcommand(1);
  int last_dead = 20;
  sub = dead->add_subcommand("list", "The newest, with the reason of each");
  sub->add_option("--last", last_dead, "So many")->capture_default_str();
  sub->callback([&] { status = dead_list_command(context, last_dead); });
  std::int64_t letter = 0;
  sub = dead->add_subcommand("show", "One, with its bytes");
  sub->add_option("number", letter, "Its number")->required();
  sub->callback([&] { status = dead_show_command(context, letter); });
  std::vector<std::int64_t> letters;
  sub = dead->add_subcommand("replay", "Try them again, by the definition as it is now");
  sub->add_option("numbers", letters, "Which; by default all that were not taken yet, the oldest first");
  sub->callback([&] { status = dead_replay_command(context, letters); });

  BackfillArguments history;
  sub = command("backfill", "Read history before the first start, from a source's own or from a file",
                "tidecast backfill --from -2d --until now");
  sub->add_option("--from", history.from, "Events from this time on: RFC 3339, a date, -3h");
  sub->add_option("--until", history.until, "Events before this time; now, for instance");
  sub->add_option("--source", history.source, "Whose history; the first that has one by default");
  sub->add_option("--file", history.file, "A file of its records: NDJSON, CSV or Parquet");
  sub->callback([&] { status = backfill_command(context, history); });

  std::string verify_from, verify_until;
  sub = command("verify", "Compute rows anew from the raw archive and compare them with those that are stored",
                "tidecast verify --from 2026-05-06 --until 2026-05-07");
  sub->add_option("--from", verify_from, "Windows that ended at or after");
  sub->add_option("--until", verify_until, "Windows that ended before");
  sub->callback([&] { status = verify_command(context, verify_from, verify_until); });

  int last_late = 20;
  sub = command("late", "Records whose window had closed, with the reason of each", "tidecast late --last 50");
  sub->add_option("--last", last_late, "So many")->capture_default_str();
  sub->callback([&] { status = late_command(context, last_late); });

  SqlArguments sql;
  sub = command("sql",
                "One SELECT over feature groups, raw, late, dead_letters, runs, models, forecasts, scores, alarms, ...",
                "tidecast sql \"SELECT avg(avg_fee_1min) FROM tx_metrics\"\n"
                "  tidecast sql \"FROM tx_metrics\" --format parquet -o tx_metrics.parquet");
  sub->add_option("statement", sql.statement, "The SQL, in DuckDB's dialect")->required();
  sub->add_option("--format", sql.format, "table, csv, json, ndjson or parquet")
      ->check(CLI::IsMember({"table", "csv", "json", "ndjson", "parquet"}));
  sub->add_option("-o,--output", sql.output, "Write to this file instead of standard output");
  sub->callback([&] { status = sql_command(context, sql); });

  std::string folder;
  int child = -1;
  sub = app.add_subcommand("train-job", "")->group("");  // Hidden: the child process of a run.
  sub->add_option("folder", folder)->required();
  sub->callback([&] { child = train_job_main(folder); });

  app.parse_complete_callback([&] {
    if (verbose) set_log_level(LogLevel::kInfo);
  });
  if (const std::optional<std::string> unknown = unknown_command(app, argc, argv))
    return finish(invalid_argument("there is no command '{}'; tidecast --help lists them", *unknown));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  } catch (const std::exception& error) {  // A library's, which no adapter caught: a bug of ours, but not a crash.
    return finish(internal_error("{}", error.what()));
  }
  return child >= 0 ? child : finish(status);
}

}  // namespace tidecast
