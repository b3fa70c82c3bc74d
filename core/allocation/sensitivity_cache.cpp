// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/allocation/sensitivity_cache.h"

#include <algorithm>
#include <fmt/format.h>
#include <unistd.h>

#include "core/base/atomic_file.h"
#include "core/base/crc32.h"
#include "core/base/error.h"
#include "core/base/resources.h"
#include "core/base/user_cache.h"
#include "core/checkpoint/content_identity.h"

namespace intarsia {
namespace {

namespace fs = std::filesystem;

constexpr int estimator_version = 4; // raised whenever the same options give other numbers

bool inside(const fs::path& path, const fs::path& folder) {
  const auto relative = fs::weakly_canonical(path).lexically_relative(fs::weakly_canonical(folder));
  return !relative.empty() && *relative.begin() != "..";
}

bool is_our_own(const fs::path& model) {
  try {
    return inside(model, resource("demo-model"));
  } catch (const Error&) { // not installed
    return false;
  }
}

} // namespace

SensitivityCache::SensitivityCache(const Checkpoint& checkpoint, std::span<const int> text_tokens,
                                   const SensitivityOptions& options) {
  const std::string settings =
      fmt::format("{} {} {} {} {:08x}", estimator_version, options.samples, options.sequence_length,
                  options.seed, crc32_of(std::as_bytes(text_tokens)));
  const std::string name = fmt::format("intarsia-sensitivity-{}-{:08x}.json", content_identity(checkpoint),
                                       crc32_of(std::as_bytes(std::span(settings))));
  const fs::path model = fs::absolute(checkpoint.path());
  const fs::path beside = (fs::is_directory(model) ? model : model.parent_path()) / name;
  (is_our_own(model) ? read_only_ : places_).push_back(beside);
  if (const fs::path folder = user_cache_folder(); !folder.empty()) places_.push_back(folder / name);
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
  for (const fs::path& place : places_) try {
      if (&place != &places_.front() || places_.size() == 1) fs::create_directories(place.parent_path());
      if (::access(place.parent_path().c_str(), W_OK) != 0) continue;
      write_file_atomically(place, to_json(sensitivity).dump(2) + "\n");
      return place;
    } catch (const std::exception&) { // a full disk: go on without
    }
  return {};
}

} // namespace intarsia
