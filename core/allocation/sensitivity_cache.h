// SPDX-License-Identifier: GPL-3.0-or-later
// Estimated once: a sensitivity is kept beside its model, or in the user's cache folder where the model's
// cannot be written to or is Intarsia's own (which comes with its sensitivities).
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include "core/allocation/sensitivity.h"
#include "core/checkpoint/checkpoint.h"

namespace intarsia {

class SensitivityCache {
 public:
  // For what estimate_sensitivity() would give with these: another model, text or options has another entry.
  SensitivityCache(const Checkpoint& checkpoint, std::span<const int> text_tokens,
                   const SensitivityOptions& options);

  // Nothing when there is none, or what is there cannot be read.
  std::optional<Sensitivity> find() const;
  // Where it was kept; empty when no folder could be written to, which is no error.
  std::filesystem::path keep(const Sensitivity& sensitivity) const;

  const std::vector<std::filesystem::path>& places() const { return places_; } // in the order of preference

 private:
  std::vector<std::filesystem::path> places_;
  std::vector<std::filesystem::path> read_only_; // looked at first, never written to
  std::vector<std::string> layers_;              // that an entry must have
};

} // namespace intarsia
