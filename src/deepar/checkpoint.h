#pragma once
// The state of a training between two steps: with it, the series and the options, the rest is determined.

#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tidecast::deepar {

struct TrainingState {
  int step = 0;       // Taken,
  int best_step = 0;  // and after so many were the kept weights taken; 0: none are kept yet.
  double best_loss = std::numeric_limits<double>::quiet_NaN();
  bool ended = false;    // For want of a better look, or the loss left the numbers.
  int diverged = 0;      // 0, or the step at which it did.
  double epoch_sum = 0;  // Of the losses of the epoch that goes on.
  double rate = 1;       // Of Schedule::kPlateau: the factor,
  double least_epoch = std::numeric_limits<double>::infinity();  // the best epoch's loss,
  int bad_epochs = 0;                                            // and the epochs since then.
  std::vector<float> parameters, average, kept;                  // [parameters]; kept is empty where there is none.
  std::vector<float> first_moment, second_moment;
  std::vector<float> losses;  // Of the newest steps, oldest first.
};

// `identity`: what the training is of; a checkpoint of another is refused.
std::string write_checkpoint(const TrainingState& state, std::string_view identity);
// Errors: kInvalidArgument - damaged;  kFailedPrecondition - of another training.
Result<TrainingState> read_checkpoint(std::string_view bytes, std::string_view identity, std::size_t parameters);

}  // namespace tidecast::deepar
