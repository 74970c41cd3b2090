#pragma once
// What every command gets: the global options, and how to print and fail.

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "api/commands.h"
#include "app/definition.h"
#include "app/init.h"
#include "app/offline.h"

namespace tidecast {

struct Context {
  std::filesystem::path definition = "tidecast.yaml";
  std::filesystem::path data;  // Empty: where the definition says.
  std::string server;          // "127.0.0.1:8080"; empty: the one that the data folder names, if one runs.
  bool json = false;
  bool quiet = false;
  std::string color = "auto";    // auto, always, never
  std::filesystem::path binary;  // Our own.

  bool use_color(std::FILE* stream) const;
};

// Exit code of an error.
int exit_code(const Status& status);

// The definition with the data folder that the command line says.  All its errors are in the message.
Result<Definition> load(const Context& context);

// Who does what was asked: the running server, or, where none runs, this process over the data folder, whose lock it
// then holds.  Commands that change something print what the loop says of it.
// Errors: kUnavailable - the folder is in use by a process whose server does not answer.
struct Connection {
  std::unique_ptr<Offline> offline;  // Null where a server does it.
  std::unique_ptr<Commands> client;
  Commands& commands() { return client ? *client : offline->commands(); }
};
Result<Connection> connect(const Context& context, const std::string& who);

// Writes what a command was told to: a regular file comes whole or not at all, behind a link where that leads; a pipe
// or a device is written to and never replaced.
Status write_output(const std::filesystem::path& file, std::string_view bytes);
bool is_special(const std::filesystem::path& file);  // A pipe, a device, a folder.

// Who acts: "cli:USER".
std::string actor();

// Times as people read them: "06 May 12:00" and "2026-05-06 12:00:00".
std::string short_time(std::int64_t ms);

// A table with right-aligned numbers; every row has as many cells as the head.
class Table {
 public:
  explicit Table(std::vector<std::string> head) : rows_{std::move(head)} {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// The commands; each returns what went wrong.
struct ReplayArguments {
  std::string from, until, speed = "max";
  std::filesystem::path report;
  bool serve = false;  // Keep the endpoint up at the end until Ctrl-C.
};
Status replay_command(const Context& context, const ReplayArguments& arguments);
Status run_command(const Context& context, const std::string& clock);
Status check_command(const Context& context, int records);
Status status_command(const Context& context);
Status train_command(const Context& context, const std::string& why, int warm_start);
Status runs_command(const Context& context, int id);
Status models_command(const Context& context, int version);
Status export_model_command(const Context& context, int version, const std::filesystem::path& out);
Status approve_command(const Context& context, int version, const std::string& stage, const std::string& why);
Status reject_command(const Context& context, int version, const std::string& why);
Status deploy_command(const Context& context, int version, const std::string& stage, const std::string& why);
struct BacktestArguments {
  std::filesystem::path file;
  std::string frequency;
  int horizon = 0, windows = 1, season = 0, context = 0, steps = 0, paths = 100;  // 0: as the recipe says.
  std::vector<std::uint64_t> seeds{1};
  std::vector<std::string> likelihoods;            // None: by the recipe.
  std::vector<std::string> beside{"npts", "ets"};  // Or "none".
  std::string recipe = "default";
  int epochs = 0, members = 0;
  bool calibrate = false;
};
Status backtest_command(const Context& context, const BacktestArguments& arguments);
struct TuneArguments {
  std::filesystem::path file;         // Empty: the project's own series, and then nothing of the next three lines.
  std::string frequency, likelihood;  // No likelihood: by the recipe.
  int horizon = 0, windows = 1, season = 0;
  int paths = 100;
  std::string budget;     // A duration; empty: 20 min, or as long as the trials take.
  int trials = 0;         // 0: as many as the budget holds.
  std::int64_t seed = 1;  // Of the search.
  bool apply = false;
  std::string why;
};
Status tune_command(const Context& context, const TuneArguments& arguments);
Status params_command(const Context& context);
Status params_set_command(const Context& context, const std::vector<std::string>& settings, const std::string& why);
Status params_rollback_command(const Context& context, int number, const std::string& why);
struct ExportArguments {
  std::filesystem::path out;
  int windows = 0;  // 0: the definition's validation.windows.
};
Status export_command(const Context& context, const ExportArguments& arguments);
struct ForecastArguments {
  std::string series, as_of, quantiles, format = "table";
  std::filesystem::path batch, out;  // A file of instances, not empty: none of the above counts then.
  std::string configuration;
  int model = 0;  // 0: the one in production.
};
Status forecast_file_command(const Context& context, const ForecastArguments& arguments);
Status forecast_command(const Context& context, const ForecastArguments& arguments);
struct FeaturesArguments {
  std::string group, from, until, as_of, format = "table";
  std::optional<std::string> key;
  int last = 20;
  bool history = false;
};
Status features_command(const Context& context, const FeaturesArguments& arguments);
struct EraseArguments {
  std::string group, from, until, why;
  std::optional<std::string> key;
  bool all = false;
};
Status erase_command(const Context& context, const EraseArguments& arguments);
struct JoinArguments {
  std::filesystem::path entities, output;
  std::string time_column = "event_time", max_age;
  std::vector<std::string> groups;
  bool known_now = false;
};
Status join_command(const Context& context, const JoinArguments& arguments);
Status init_command(const Context& context, const InitArguments& arguments);
Status dead_list_command(const Context& context, int last);
Status dead_show_command(const Context& context, std::int64_t number);
Status dead_replay_command(const Context& context, const std::vector<std::int64_t>& numbers);
struct BackfillArguments {
  std::string from, until, source;
  std::filesystem::path file;
};
Status backfill_command(const Context& context, const BackfillArguments& arguments);
Status verify_command(const Context& context, const std::string& from, const std::string& until);
// RFC 3339, a bare date, "now", or so long before now: "-3h".  nullopt where nothing was given.
Result<std::optional<ProcessingTime>> time_argument(std::string_view name, const std::string& text, ProcessingTime now);
Status check_range(std::int64_t from_ms, std::int64_t until_ms);  // --from is not after --until.
Status late_command(const Context& context, int last);
struct SqlArguments {
  std::string statement, format = "table";
  std::filesystem::path output;  // Empty: standard output.
};
Status sql_command(const Context& context, const SqlArguments& arguments);

}  // namespace tidecast
