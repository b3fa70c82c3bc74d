// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/checkpoint/model_cache.h"

#include <unistd.h>

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/resources.h"
#include "core/base/user_cache.h"

namespace intarsia {
namespace {

namespace fs = std::filesystem;

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

std::vector<fs::path> model_cache_places(const Checkpoint& checkpoint, const std::string& name) {
  std::vector<fs::path> places;
  const fs::path model = fs::absolute(checkpoint.path());
  if (!is_our_own(model)) places.push_back((fs::is_directory(model) ? model : model.parent_path()) / name);
  if (const fs::path folder = user_cache_folder(); !folder.empty()) places.push_back(folder / name);
  return places;
}

std::optional<fs::path> shipped_with_model(const Checkpoint& checkpoint, const std::string& name) {
  const fs::path model = fs::absolute(checkpoint.path());
  if (!is_our_own(model)) return std::nullopt;
  const fs::path file = (fs::is_directory(model) ? model : model.parent_path()) / name;
  return fs::exists(file) ? std::optional(file) : std::nullopt;
}

fs::path keep_in_cache(const std::vector<fs::path>& places, std::string_view content) {
  for (const fs::path& place : places) try {
      if (&place != &places.front() || places.size() == 1) fs::create_directories(place.parent_path());
      if (::access(place.parent_path().c_str(), W_OK) != 0) continue;
      write_file_atomically(place, content);
      return place;
    } catch (const std::exception&) { // a full disk: go on without
    }
  return {};
}

} // namespace intarsia
