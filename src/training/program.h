#pragma once
// A model that is a program of somebody's own, which keeps to the contract of SageMaker's containers
// (docs/own-model.md):
//
//   PROGRAM train   reads config and channels, writes the model's folder, ends with 0; else says why in output/failure
//   PROGRAM serve   listens on a port of 127.0.0.1: GET /ping, POST /invocations with DeepAR's request and reply
//
// The layout of /opt/ml lies in a folder of ours, which environment variables name as SageMaker's own toolkits read
// them (sagemaker-training-toolkit, sagemaker-inference-toolkit).  The model's folder, packed with what the program is
// called by, is the artefact: docs/formats/program.md.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "flow/forecaster.h"

namespace tidecast {

struct Hyperparameter {
  std::string name, value;
};

struct ProgramOptions {
  std::vector<std::string> command;             // By its path or as PATH finds it, and its first arguments.
  std::string folder = ".";                     // It runs there.
  std::vector<Hyperparameter> hyperparameters;  // Passed on as they are, beside time_freq and prediction_length.
  Milliseconds train_at_most{86'400'000};       // SageMaker's default.
};

// SageMaker's limits; tests have shorter ones.
struct ProgramLimits {
  Milliseconds start{240'000};          // Until /ping answers 200.
  Milliseconds ping{2'000};             // One such answer.
  Milliseconds answer{60'000};          // To an invocation.
  Milliseconds stop{30'000};            // Between SIGTERM and SIGKILL, of serve and
  Milliseconds stop_training{120'000};  // of train.
  Milliseconds first_pause{1'000},
      longest_pause{60'000};  // Before it is started again; doubled from failure to failure.
};

// Runs `train` on `series` in `work`, which is emptied; the model serves from there, so `work` must outlive it.
// Errors: kInvalidArgument - no command, series without steps of whole seconds;  kInternal - it cannot be started,
// ended with another code than 0, went on for too long, left no model: the program, how it ended, what it said;
// kUnavailable - the disk said no.
Result<std::shared_ptr<const Forecaster>> train_program(const ProgramOptions& program,
                                                        std::span<const TimeSeries> series, int horizon,
                                                        const std::filesystem::path& work,
                                                        const ProgramLimits& limits = {});

// Unpacks the model into a folder of its own below `work`, gone with the model.  The program is started by the first
// forecast, again by the next one after it has died or not answered, but not before a pause, and stopped with the
// model. A forecast's errors, besides those of the history: kInvalidArgument - it refused the request (4xx);  kInternal
// - it does not run, does not answer, or its answer is none: the program, how it ended, what it said. Errors:
// kInvalidArgument - no artefact of a program;  kUnavailable - the disk said no.
Result<std::shared_ptr<const Forecaster>> load_program(std::string_view artefact, const std::filesystem::path& work,
                                                       const ProgramLimits& limits = {});

}  // namespace tidecast
