// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "cuda/launch/cublas_folders.h"

#include <algorithm>
#include <cstdlib>

namespace intarsia::cuda {
namespace {

namespace fs = std::filesystem;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

// lib/python3.N of a Python installed below `prefix`.
std::vector<fs::path> python_libraries(const fs::path& prefix) {
  std::vector<fs::path> found;
  std::error_code code;
  for (fs::directory_iterator entry(prefix / "lib", code), end; !code && entry != end; entry.increment(code))
    if (entry->path().filename().string().starts_with("python3")) found.push_back(entry->path());
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<fs::path> prefixes(const Surroundings& around) {
  std::vector<fs::path> result;
  const auto add = [&](const fs::path& prefix) {
    if (prefix.is_absolute() && std::find(result.begin(), result.end(), prefix) == result.end())
      result.push_back(prefix);
  };
  add(around.virtual_environment);
  add(around.conda_prefix);
  for (std::size_t begin = 0; begin < around.path.size();) {
    const std::size_t end = std::min(around.path.find(':', begin), around.path.size());
    const fs::path folder = around.path.substr(begin, end - begin);
    if (folder.filename() == "bin") add(folder.parent_path());
    begin = end + 1;
  }
  if (!around.home.empty()) add(fs::path(around.home) / ".local");
  add("/usr/local");
  add("/usr");
  return result;
}

} // namespace

Surroundings surroundings() {
  return {variable("PATH"), variable("HOME"), variable("VIRTUAL_ENV"), variable("CONDA_PREFIX")};
}

std::vector<fs::path> cublas_folders(const Surroundings& around) {
  std::vector<fs::path> result;
  const auto add = [&](const fs::path& folder) {
    std::error_code code;
    if (fs::is_directory(folder, code)) result.push_back(folder);
  };
  for (const fs::path& prefix : prefixes(around))
    for (const fs::path& library : python_libraries(prefix))
      for (const char* packages : {"site-packages", "dist-packages"})
        for (const char* package : {"nvidia/cu13/lib", "nvidia/cublas/lib"})
          add(library / packages / package);
  add("/usr/local/cuda/lib64");
  return result;
}

} // namespace intarsia::cuda
