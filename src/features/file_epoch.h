#pragma once
// Keeps replaced files where they are as long as somebody may still read them.
//
// Time is cut into epochs, each ended by a replacement of files.  A reader holds the epoch in which it began; an epoch
// holds the next one, so the files replaced at its end go only when nobody is left in it or in an earlier one.  They
// are removed by who next replaces some, not by the reader that left last: a removal can wait long for the disk.

#include <filesystem>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace tidecast {

class FileEpochs {
 public:
  FileEpochs() = default;
  FileEpochs(const FileEpochs&) = delete;
  ~FileEpochs() {
    now_.reset();
    remove_left();
  }

  // To be taken before the look at the manifest.
  std::shared_ptr<const void> hold() const {
    const std::lock_guard lock(mutex_);
    return now_;
  }

  // The manifest no longer names these files: to be removed when the last who may have seen them there has gone.
  void retire(std::vector<std::filesystem::path> files) {
    auto next = std::make_shared<Epoch>(left_);
    {
      std::shared_ptr<Epoch> last;  // If nobody holds it, it goes here.
      const std::lock_guard lock(mutex_);
      now_->retired = std::move(files);
      now_->next = next;
      last = std::exchange(now_, std::move(next));
    }
    remove_left();
  }

  // Removes the files of epochs in which nobody is left.
  void remove_left() {
    std::error_code ignored;  // What stays is removed at the next open.
    for (const auto& file : left_->take()) std::filesystem::remove(file, ignored);
  }

 private:
  // Files that nobody may read any more; epochs may outlive the store.
  struct Left {
    std::mutex mutex;
    std::vector<std::filesystem::path> files;
    std::vector<std::filesystem::path> take() {
      const std::lock_guard lock(mutex);
      return std::exchange(files, {});
    }
  };
  struct Epoch {
    explicit Epoch(std::shared_ptr<Left> to) : left(std::move(to)) {}
    Epoch(const Epoch&) = delete;
    ~Epoch() {
      const std::lock_guard lock(left->mutex);
      left->files.insert(left->files.end(), retired.begin(), retired.end());
    }
    std::shared_ptr<Left> left;
    std::vector<std::filesystem::path> retired;
    std::shared_ptr<Epoch> next;
  };

  const std::shared_ptr<Left> left_ = std::make_shared<Left>();
  mutable std::mutex mutex_;
  std::shared_ptr<Epoch> now_ = std::make_shared<Epoch>(left_);
};

}  // namespace tidecast
