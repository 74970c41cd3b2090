#pragma once
// Keeps replaced files where they are as long as somebody may still read them.
//
// Time is cut into epochs, each ended by a replacement of files.  A reader holds the epoch in which it began; an epoch
// holds the next one, so the files replaced at its end go only when nobody is left in it or in an earlier one.

#include <filesystem>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace tidecast {

class FileEpochs {
 public:
  // To be taken before the look at the manifest.
  std::shared_ptr<const void> hold() const {
    const std::lock_guard lock(mutex_);
    return now_;
  }

  // The manifest no longer names these files: removed when the last who may have seen them there has gone.
  void retire(std::vector<std::filesystem::path> files) {
    auto next = std::make_shared<Epoch>();
    std::shared_ptr<Epoch> last;  // If nobody holds it, it goes at the end, when nobody waits for the lock.
    const std::lock_guard lock(mutex_);
    now_->retired = std::move(files);
    now_->next = next;
    last = std::exchange(now_, std::move(next));
  }

 private:
  struct Epoch {
    std::vector<std::filesystem::path> retired;
    std::shared_ptr<Epoch> next;
    ~Epoch() {
      std::error_code ignored;  // What stays is removed at the next open.
      for (const auto& file : retired) std::filesystem::remove(file, ignored);
    }
  };

  mutable std::mutex mutex_;
  std::shared_ptr<Epoch> now_ = std::make_shared<Epoch>();
};

}  // namespace tidecast
