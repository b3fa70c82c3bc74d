// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include <algorithm>
#include <cctype>
#include <fstream>
#include <set>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/base/foreign_content.h"
#include "core/checkpoint/hub_cache.h"
#include "core/checkpoint/mapped_checkpoint.h"
#include "core/checkpoint/part_name.h"
#include "core/checkpoint/weight_files.h"

namespace intarsia {
namespace {

namespace fs = std::filesystem;

// The first bytes say what a file is; its name may not (cached blobs have none).
std::string first_bytes(const fs::path& file) {
  std::error_code code;
  if (!fs::is_regular_file(file, code)) return {};
  std::string bytes(1024, '\0');
  std::ifstream stream(file, std::ios::binary);
  stream.read(bytes.data(), std::streamsize(bytes.size()));
  bytes.resize(std::size_t(stream.gcount()));
  return bytes;
}

bool is_gguf(std::string_view bytes) { return bytes.starts_with("GGUF"); }

// Eight bytes of the header's length, then the header as JSON.
bool is_safetensors(std::string_view bytes) {
  return bytes.size() > 9 && bytes[8] == '{' && (bytes[9] == '"' || bytes[9] == ' ' || bytes[9] == '}') &&
         bytes.substr(4, 4) == std::string_view("\0\0\0\0", 4);
}

std::string lower_case_extension(const fs::path& file) {
  std::string extension = file.extension().string();
  std::ranges::transform(extension, extension.begin(), [](unsigned char c) { return char(std::tolower(c)); });
  return extension;
}

struct FolderContent {
  std::vector<fs::path> ggufs; // of a model in several files the first
  bool weights = false;        // .safetensors
};

FolderContent content_of(const fs::path& folder) {
  FolderContent content;
  std::vector<fs::path> nameless;
  std::set<fs::path> ggufs;
  const auto add = [&](const fs::path& file) {
    const auto part = part_name(file);
    ggufs.insert(part ? part_path(folder, *part, 1) : file);
  };
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("._")) continue; // left behind by macOS
    content.weights = content.weights || is_weight_file(entry.path());
    if (name.find("mmproj") != std::string::npos) continue; // of a model that sees: what feeds it pictures
    if (lower_case_extension(entry.path()) == ".gguf")
      add(entry.path());
    else if (!entry.path().has_extension())
      nameless.push_back(entry.path());
  }
  if (ggufs.empty() && !content.weights)
    for (const fs::path& file : nameless)
      if (is_gguf(first_bytes(file))) add(file);
  content.ggufs.assign(ggufs.begin(), ggufs.end());
  return content;
}

std::unique_ptr<Checkpoint> open_folder(const fs::path& named) {
  const fs::path folder = snapshot_of(named);
  const FolderContent content = content_of(folder);
  const bool config = fs::exists(fs::symlink_status(folder / "config.json"));
  if (config && (content.weights || content.ggufs.empty())) return open_hugging_face_folder(folder);
  if (content.ggufs.size() == 1) return open_gguf_file(content.ggufs[0]);
  if (content.ggufs.size() > 1)
    throw input_error(folder.string() + ": holds " + std::to_string(content.ggufs.size()) +
                      " GGUF models; name one of them, as \"" + content.ggufs[0].filename().string() + "\"");
  if (content.weights)
    throw input_error(folder.string() + ": holds weights but no config.json; download that too");
  const std::string other = other_content_of(folder);
  throw input_error(folder.string() + ": holds no model: " +
                    (other.empty() ? "neither a config.json nor a .gguf file" : "it " + other));
}

std::unique_ptr<Checkpoint> open_file(const fs::path& named) {
  const fs::path file = named_blob(named);
  const std::string extension = lower_case_extension(file), bytes = first_bytes(named);
  if (extension == ".gguf" || is_gguf(bytes)) return open_gguf_file(file);
  if (extension == ".safetensors" || is_safetensors(bytes)) return open_safetensors_file(file);
  if (extension == ".json") return open_bare_config(file);
  if (fs::is_regular_file(file))
    if (const std::string content = foreign_content(bytes); !content.empty())
      throw Error(ErrorKind::unsupported, file.string() + ": " + content);
  throw Error(ErrorKind::unsupported,
              file.string() +
                  ": is no model; expected a Hugging Face folder, a .safetensors, a .gguf or a config.json");
}

} // namespace

std::unique_ptr<Checkpoint> open_checkpoint(const fs::path& path) {
  std::error_code code;
  const auto status = fs::status(path, code);
  if (code == std::errc::permission_denied)
    throw Error(ErrorKind::resource, path.string() + ": cannot be read: " + code.message());
  if (!fs::exists(status))
    throw Error(ErrorKind::resource, path.string() + (fs::is_symlink(fs::symlink_status(path, code))
                                                          ? ": is a link to a file that is not there"
                                                          : ": no such file or folder"));
  try {
    return fs::is_directory(status) ? open_folder(path) : open_file(path);
  } catch (const fs::filesystem_error& error) {
    throw Error(ErrorKind::resource, path.string() + ": cannot be read: " + error.code().message());
  }
}

} // namespace intarsia
