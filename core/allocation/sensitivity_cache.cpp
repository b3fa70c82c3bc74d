// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/allocation/sensitivity_cache.h"

#include <algorithm>
#include <fmt/format.h>

#include "core/base/crc32.h"
#include "core/checkpoint/content_identity.h"
#include "core/checkpoint/model_cache.h"

namespace intarsia {
namespace {

namespace fs = std::filesystem;

constexpr int estimator_version = 5; // raised whenever the same options give other numbers

} // namespace

SensitivityCache::SensitivityCache(const Checkpoint& checkpoint, std::span<const int> text_tokens,
                                   const SensitivityOptions& options) {
  const std::string settings =
      fmt::format("{} {} {} {} {:08x}", estimator_version, options.samples, options.sequence_length,
                  options.seed, crc32_of(std::as_bytes(text_tokens)));
  const std::string name = fmt::format("intarsia-sensitivity-{}-{:08x}.json", content_identity(checkpoint),
                                       crc32_of(std::as_bytes(std::span(settings))));
  if (const auto shipped = shipped_with_model(checkpoint, name)) read_only_.push_back(*shipped);
  places_ = model_cache_places(checkpoint, name);
  for (const LinearLayer* layer : checkpoint.graph().all_layers()) layers_.push_back(layer->name);
}

std::optional<Sensitivity> SensitivityCache::find() const {
  std::vector<fs::path> all = read_only_;
  all.insert(all.end(), places_.begin(), places_.end());
  for (const fs::path& place : all) try {
      if (!fs::exists(place)) continue;
      const Sensitivity kept = read_sensitivity(place);
      if (std::all_of(layers_.begin(), layers_.end(),
                      [&](const std::string& layer) { return kept.layers.contains(layer); }))
        return kept;
    } catch (const std::exception&) { // damaged: it is estimated again
    }
  return std::nullopt;
}

fs::path SensitivityCache::keep(const Sensitivity& sensitivity) const {
  return keep_in_cache(places_, to_json(sensitivity).dump(2) + "\n");
}

} // namespace intarsia
