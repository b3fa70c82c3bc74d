// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/checkpoint/hub_cache.h"

#include <optional>
#include <string>

#include "core/base/error.h"
#include "core/base/mapped_file.h"

namespace intarsia {
namespace {

namespace fs = std::filesystem;

std::string commit_of_main(const fs::path& repository) {
  const fs::path file = repository / "refs" / "main";
  std::error_code none;
  if (!fs::is_regular_file(file, none)) return {};
  std::string commit = read_text_file(file, 4096);
  while (!commit.empty() && (commit.back() == '\n' || commit.back() == '\r')) commit.pop_back();
  return commit.find('/') == std::string::npos ? commit : std::string();
}

} // namespace

fs::path snapshot_of(const fs::path& folder) {
  const fs::path snapshots = folder / "snapshots";
  if (fs::exists(folder / "config.json") || !fs::is_directory(snapshots)) return folder;
  const std::string commit = commit_of_main(folder);
  if (!commit.empty() && commit != ".." && fs::is_directory(snapshots / commit)) return snapshots / commit;
  std::optional<fs::directory_entry> newest;
  for (const auto& entry : fs::directory_iterator(snapshots))
    if (entry.is_directory() && (!newest || entry.last_write_time() > newest->last_write_time()))
      newest = entry;
  if (!newest)
    throw input_error(folder.string() +
                      ": is a download cache of Hugging Face without a snapshot; download the "
                      "model again");
  return newest->path();
}

fs::path named_blob(const fs::path& file) {
  const fs::path blobs = fs::absolute(file).lexically_normal().parent_path();
  const fs::path snapshots = blobs.parent_path() / "snapshots";
  if (blobs.filename() != "blobs" || !fs::is_directory(snapshots)) return file;
  for (const auto& snapshot : fs::directory_iterator(snapshots)) {
    if (!snapshot.is_directory()) continue;
    for (const auto& entry : fs::directory_iterator(snapshot)) {
      std::error_code none;
      if (fs::equivalent(entry.path(), file, none)) return entry.path();
    }
  }
  return file;
}

} // namespace intarsia
