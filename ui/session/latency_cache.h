// SPDX-License-Identifier: GPL-3.0-or-later
// Measured once: a latency table that was measured on a device of this machine is kept in the user's cache
// folder.
#pragma once

#include <filesystem>
#include <optional>

#include "core/artifact/open_model.h"
#include "core/device/device.h"
#include "core/device/latency_table.h"

namespace intarsia::ui {

class LatencyCache {
 public:
  // Another device, driver, model or palette has another entry. The model is a checkpoint.
  LatencyCache(const Device& device, const OpenedModel& opened);

  std::optional<LatencyTable> find() const;   // nothing also when what is there cannot be read
  void keep(const LatencyTable& table) const; // a folder that cannot be written to is no error

 private:
  std::filesystem::path place_;
};

} // namespace intarsia::ui
