// SPDX-License-Identifier: GPL-3.0-or-later
#include <vector>

#include "core/base/error.h"
#include "core/checkpoint/mapped_checkpoint.h"

namespace intarsia {
namespace {

namespace fs = std::filesystem;

std::unique_ptr<Checkpoint> open_folder(const fs::path& folder) {
  if (fs::exists(folder / "config.json")) return open_hugging_face_folder(folder);
  std::vector<fs::path> ggufs;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".gguf") ggufs.push_back(entry.path());
  if (ggufs.size() == 1) return open_gguf_file(ggufs[0]);
  if (ggufs.size() > 1)
    throw input_error(folder.string() + ": holds " + std::to_string(ggufs.size()) +
                      " GGUF files; name one of them");
  throw input_error(folder.string() + ": holds no model: neither a config.json nor a .gguf file");
}

} // namespace

std::unique_ptr<Checkpoint> open_checkpoint(const fs::path& path) {
  std::error_code code;
  const auto status = fs::status(path, code);
  if (!fs::exists(status)) throw Error(ErrorKind::resource, path.string() + ": no such file or folder");
  try {
    if (fs::is_directory(status)) return open_folder(path);
    const std::string extension = path.extension().string();
    if (extension == ".safetensors") return open_safetensors_file(path);
    if (extension == ".gguf") return open_gguf_file(path);
    if (extension == ".json") return open_bare_config(path);
  } catch (const fs::filesystem_error& error) {
    throw Error(ErrorKind::resource, path.string() + ": cannot be read: " + error.code().message());
  }
  throw Error(ErrorKind::unsupported,
              path.string() +
                  ": is no model; expected a Hugging Face folder, a .safetensors, a .gguf or a config.json");
}

} // namespace intarsia
