// SPDX-License-Identifier: GPL-3.0-or-later
// Where the jobs of the chosen device run. Its worker is looked for when the first job asks, on that job's
// thread: what fails then is the job's failure, told where the job is shown.
#pragma once

#include <mutex>
#include <optional>

#include "core/worker/place.h"

namespace intarsia::ui {

class Workplace {
 public:
  explicit Workplace(Device device)
      : device_(std::move(device)) {}

  const Device& device() const { return device_; }
  // Thread-safe. Throws Error{resource} when there is no worker program.
  Place get() {
    const std::lock_guard lock(mutex_);
    if (!place_) place_ = place_on(device_);
    return *place_;
  }

 private:
  const Device device_;
  std::mutex mutex_;
  std::optional<Place> place_;
};

} // namespace intarsia::ui
