#pragma once
// Tuning as the project knows it: what is trained on, the trials as runs, and the parameters in force.  The search
// itself is training/tune.h, in the process that was asked for it; what it needs and what it found travel as JSON,
// because a server may hold the stores (api/commands.h).
//
// A trial is a run whose `why` is "tune": its hyperparameters, held-out loss and, of those in full, the back-test's
// loss as a training run would have it.  It makes no model, so it is none of the runs that the loop's state speaks of.

#include "api/commands.h"
#include "app/project.h"
#include "training/tune_trials.h"

namespace tidecast {

bool is_trial(const Run& run);

// What a training that starts now would take: {"series", "as_of", "start", "step_ms", "season", "values" (null where
// missing), "parameters" (in force)}.  kFailedPrecondition: the definition has no forecast.
Result<json::object> training_data_json(const Project& project, ProcessingTime now);
// The same as a job to judge.  Errors: kInvalidArgument - the parameters are none of this program.
Result<TrainingJob> job_of(const Definition& definition, const json::object& training_data);

// One trial, as `tidecast tune --json` prints it and record_trials() takes it.
json::object trial_json(const Trial& trial, const Trials& of);
// Each as a run that has ended: {"runs": [ids]}.  All or none.
Result<json::object> record_trials(Project& project, const TrialRecords& records, ProcessingTime now);

// {"values": those in force, "hyperparameters": with the definition's, "history": [{"number", "at", "actor", "why",
// "values"}], newest first}; `number` is the registry log's.
Result<json::object> parameters_json(Project& project, ProcessingTime now);

}  // namespace tidecast
