#pragma once
// Model versions, their approvals, where they are deployed, the threshold and the parameters in force.  One SQLite file
// (registry.db) and the artefacts beside it (models/<version>.safetensors, written once, checked by hash when loaded).
// Status and placement are two things: a version is PendingManualApproval, Approved or Rejected, whatever stages it
// stands in.
//
// Every change is one row of an append-only log, each row's hash covering the one before (SHA-256), so that a changed
// history shows.  A change and its row are one transaction, on the disk when the call returns; asking for what is
// already so changes nothing and adds no row, so that a repeat after a crash is safe.  Format: docs/registry.md.
//
// One writer; any number of readers.  Threads: any; calls take turns.  All times are of the clock that the caller has.
// Errors: kUnavailable - the disk said no;  kDataLoss - damaged, the file is named.

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/time.h"

namespace tidecast {

enum class Approval { kPendingManualApproval, kApproved, kRejected };
std::string_view name_of(Approval approval);  // "PendingManualApproval", "Approved", "Rejected".

struct ModelVersion {
  int version = 0;  // 1, 2, 3, ...
  std::string run;  // The run that made it.
  ProcessingTime created_at;
  EventTime data_end;  // End of the data it was trained on.
  std::string artefact_hash;
  double loss = 0;           // Of the gate's back-test (mean wQL).
  double loss_point_90 = 0;  // 90 % point of that loss, bootstrapped: the threshold is never set below it.
  Approval approval = Approval::kPendingManualApproval;
  json::object metrics;  // Everything the gate and the back-test measured.
};

struct Transition {  // One row of the log.
  std::int64_t number = 0;
  ProcessingTime at;
  std::string actor;  // "auto", "scheduler", "cli:anna"
  std::string what;   // "register", "approve", "reject", "deploy", "rollback", "threshold", "parameters"
  int version = 0;    // 0 where it concerns none.
  std::string stage;  // "staging", "production", "".
  std::string why;
  json::object details;
  std::string hash;
};

class Registry {
 public:
  // Errors: kFailedPrecondition - written by a newer program;  kDataLoss - damaged.
  static Result<std::unique_ptr<Registry>> open(const std::filesystem::path& directory);
  virtual ~Registry() = default;

  // The next version, PendingManualApproval.  The artefact is durable before its row is.
  // `model`'s version, approval and, if empty, artefact_hash are given here.  Metrics are kept as JSON: a whole double
  // comes back as an integer.  kInvalidArgument - a loss that is no number, or another artefact_hash than its own.
  virtual Result<int> add(ModelVersion model, std::string_view artefact, const std::string& actor) = 0;
  virtual Result<ModelVersion> get(int version) const = 0;      // kNotFound.
  virtual Result<std::vector<ModelVersion>> list() const = 0;   // Newest first.
  virtual Result<std::string> artefact(int version) const = 0;  // kDataLoss if gone or of another hash.

  // kFailedPrecondition if the version is not pending (the same decision again is no error and changes nothing), but
  // that an approved one may still be rejected as long as it does not stand in `production`.  A rejected one keeps its
  // place in any other stage until something else takes it.
  virtual Status approve(int version, ProcessingTime at, const std::string& actor, const std::string& why) = 0;
  virtual Status reject(int version, ProcessingTime at, const std::string& actor, const std::string& why) = 0;

  // Moves the alias `stage` to `version`; the one that stood there becomes "previous" of that stage.
  // With it, in the same transaction, the threshold is set, if one is given; if the version stands there already,
  // neither changes.  kFailedPrecondition unless the version is Approved.  In the log it is a "rollback" if the older
  // version stood there before, else a "deploy".
  virtual Status place(const std::string& stage, int version, ProcessingTime at, const std::string& actor,
                       const std::string& why, std::optional<double> threshold = std::nullopt) = 0;
  virtual Result<std::optional<int>> placed(const std::string& stage) const = 0;
  virtual Result<std::optional<int>> previous(const std::string& stage) const = 0;

  // The threshold in force (kNotFound before there is one); set_threshold_if_absent gives it its initial value once and
  // never overwrites.  kInvalidArgument - not a number from 0 on.
  virtual Result<double> threshold() const = 0;
  virtual Status set_threshold_if_absent(double value, ProcessingTime at) = 0;
  virtual Status set_threshold(double value, ProcessingTime at, const std::string& actor, const std::string& why) = 0;

  // Hyperparameters that count in the definition's place, as they stood at `at`: {"num_cells": 60}; empty where none
  // were set.  All of them are set at once, and each set is kept in the log ("parameters", details "from" and "to").
  virtual Result<json::object> parameters(ProcessingTime at) const = 0;
  virtual Status set_parameters(const json::object& values, ProcessingTime at, const std::string& actor,
                                const std::string& why) = 0;

  virtual Result<std::vector<Transition>> log() const = 0;  // Oldest first.
  // That no row of the log was edited, removed, added or moved, and that approvals, placements, threshold and what is
  // kept of each version are what the log tells.  It cannot show a change by someone who made all hashes anew: keep the
  // last row's hash elsewhere for that.  kDataLoss - "log row 17: ...", "model 2: ...".
  virtual Status verify_log() const = 0;
};

// The threshold when traffic moves to a model: thr - update_rate * (thr - loss) if the loss is lower, never below
// `loss_point_90`, never raised.
double updated_threshold(double threshold, double update_rate, double loss, double loss_point_90);

}  // namespace tidecast
