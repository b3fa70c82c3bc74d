// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/checkpoint/mapped_checkpoint.h"

namespace intarsia {
namespace {

namespace fs = std::filesystem;

// The first bytes say what a file is; its name may not (cached blobs have none).
bool is_gguf(const fs::path& file) {
  std::error_code code;
  if (!fs::is_regular_file(file, code)) return false;
  std::array<char, 4> magic{};
  std::ifstream(file, std::ios::binary).read(magic.data(), magic.size());
  return std::string_view(magic.data(), magic.size()) == "GGUF";
}

std::unique_ptr<Checkpoint> open_folder(const fs::path& folder) {
  std::vector<fs::path> ggufs;
  bool safetensors = false;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().filename().string().starts_with("._")) continue; // left behind by macOS
    safetensors = safetensors || entry.path().extension() == ".safetensors";
    std::string extension = entry.path().extension().string();
    std::ranges::transform(extension, extension.begin(),
                           [](unsigned char c) { return char(std::tolower(c)); });
    if (extension == ".gguf" && entry.path().filename().string().find("mmproj") == std::string::npos)
      ggufs.push_back(entry.path());
  }
  if (fs::exists(folder / "config.json") && (safetensors || ggufs.empty()))
    return open_hugging_face_folder(folder);
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
    if (extension == ".gguf" || is_gguf(path)) return open_gguf_file(path);
    if (extension == ".json") return open_bare_config(path);
  } catch (const fs::filesystem_error& error) {
    throw Error(ErrorKind::resource, path.string() + ": cannot be read: " + error.code().message());
  }
  throw Error(ErrorKind::unsupported,
              path.string() +
                  ": is no model; expected a Hugging Face folder, a .safetensors, a .gguf or a config.json");
}

} // namespace intarsia
