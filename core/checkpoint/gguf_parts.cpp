// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/checkpoint/gguf_parts.h"

#include <fmt/format.h>
#include <optional>

#include "core/base/error.h"
#include "core/checkpoint/part_name.h"

namespace intarsia {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t max_parts = 4096;

void check_part(const Gguf& part, std::uint64_t index, std::uint64_t count) {
  if (part.count_or("split.count", 0, max_parts, 0) != count ||
      part.count_or("split.no", 0, max_parts, 0) != index)
    throw input_error(part.origin() +
                      fmt::format(": is not part {} of {}, as its name says; the parts belong to "
                                  "different models or were renamed",
                                  index + 1, count));
}

} // namespace

GgufParts open_gguf_parts(const fs::path& file) {
  MappedFile named(file);
  Gguf gguf(named.bytes(), file.string());
  const std::uint64_t count = gguf.count_or("split.count", 0, max_parts, 0);
  std::vector<MappedFile> files;
  if (count < 2) {
    files.push_back(std::move(named));
    return {std::move(gguf), std::move(files)};
  }
  auto name = part_name(file);
  if (!name)
    throw input_error(
        file.string() +
        fmt::format(": is part {} of a model in {} files, and the others cannot be found; name them "
                    "MODEL-00001-of-{:05}.gguf and so on in one folder",
                    gguf.count_or("split.no", 0, max_parts, 0) + 1, count, count));
  name->count = count;
  std::optional<Gguf> whole;
  for (std::uint64_t i = 0; i < count; ++i) {
    const fs::path path = part_path(file.parent_path(), *name, i + 1);
    if (!fs::exists(path))
      throw Error(ErrorKind::resource,
                  path.string() +
                      fmt::format(": is missing; the model is in {} files, download it beside \"{}\"", count,
                                  file.filename().string()));
    files.emplace_back(path);
    const Gguf part(files.back().bytes(), path.string());
    check_part(part, i, count);
    if (whole)
      whole->append(part);
    else
      whole = part;
  }
  const std::uint64_t tensors = whole->count_or("split.tensors.count", 0, UINT32_MAX, whole->tensor_count());
  if (whole->tensor_count() != tensors)
    throw input_error(whole->origin() +
                      fmt::format(": says that the model has {} tensors, but its {} parts hold {}", tensors,
                                  count, whole->tensor_count()));
  return {std::move(*whole), std::move(files)};
}

} // namespace intarsia
