// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/checkpoint/block_tensors.h"

#include <algorithm>

#include "core/base/checked.h"
#include "core/base/error.h"

namespace intarsia {
namespace {

struct Part {
  std::string name; // of the linear
  std::uint64_t rows;
};

// The number in a file's name where its pattern has a *; empty when it has none.
std::string_view expert_of(std::string_view name, const BlockTensor& kind) {
  const std::size_t star = kind.hugging_face.find('*');
  if (star == std::string_view::npos) return {};
  return name.substr(star, name.size() - (kind.hugging_face.size() - 1));
}

std::string with_expert(std::string_view held, std::string_view expert) {
  const std::size_t star = held.find('*');
  if (star == std::string_view::npos) return std::string(held);
  return std::string(held.substr(0, star)) + std::string(expert) + std::string(held.substr(star + 1));
}

std::vector<Part> parts_of(const std::string& prefix, std::string_view name, const BlockTensor& kind,
                           const LayerGraph& graph, std::uint64_t experts) {
  std::vector<Part> parts;
  const auto add = [&](std::string_view held, std::string_view expert) {
    std::string part = prefix + with_expert(held, expert);
    const LinearLayer* layer = graph.find(part);
    parts.push_back({std::move(part), layer ? layer->d_out : 0});
  };
  const std::string_view expert = expert_of(name, kind);
  for (const std::string_view held : kind.holds) {
    if (held.find('*') == std::string_view::npos || !expert.empty())
      add(held, expert);
    else
      for (std::uint64_t e = 0; e < experts; ++e) add(held, std::to_string(e));
  }
  return parts;
}

// [experts, rows, columns] one below the other; false when that is not what it is.
bool unstack(std::vector<std::uint64_t>& shape) {
  if (shape.size() != 3) return shape.size() == 1 || shape.size() == 2;
  const auto rows = checked_multiply(shape[0], shape[1]);
  if (!rows) return false;
  shape = {*rows, shape[2]};
  return true;
}

} // namespace

std::optional<BlockTensorName> split_block_name(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return std::nullopt;
  const std::size_t number_end = name.find('.', prefix.size());
  if (number_end == std::string_view::npos) return std::nullopt;
  const std::size_t suffix = name.rfind('.');
  if (suffix <= number_end) return std::nullopt;
  return BlockTensorName{name.substr(prefix.size(), number_end - prefix.size()),
                         name.substr(number_end + 1, suffix - number_end - 1), name.substr(suffix)};
}

void add_block_tensor(StoredTensor tensor, const BlockTensorName& name, const BlockTensor& kind,
                      const LayerGraph& graph, std::vector<StoredTensor>& to) {
  const std::string prefix = "model.layers." + std::string(name.block) + ".", suffix(name.suffix);
  std::string file_name = tensor.info.name;
  if (kind.holds.empty()) {
    tensor.info.name = prefix + std::string(kind.hugging_face) + suffix;
    if (tensor.info.name != file_name) tensor.stored_name = std::move(file_name);
    to.push_back(std::move(tensor));
    return;
  }
  constexpr std::uint64_t max_experts = 4096;
  const std::uint64_t experts =
      tensor.info.shape.size() == 3 ? std::min(tensor.info.shape[0], max_experts) : 0;
  const auto parts = parts_of(prefix, name.part, kind, graph, experts);
  const bool flat = unstack(tensor.info.shape);
  const std::uint64_t columns = tensor.info.shape.size() == 2 ? tensor.info.shape[1] : 1;
  std::uint64_t rows = 0;
  for (const Part& part : parts) rows += part.rows;
  const auto row_bytes = storage_bytes(tensor.info.dtype, columns);
  if (!flat || tensor.info.shape[0] != rows || !row_bytes)
    throw input_error(tensor.info.file + ": tensor \"" + file_name + "\" does not have the " +
                      std::to_string(rows) + " rows of the " + std::to_string(parts.size()) +
                      " layers that it holds");
  std::uint64_t first = 0;
  for (const Part& part : parts) {
    StoredTensor cut = tensor;
    cut.info.name = part.name + suffix;
    cut.info.shape[0] = part.rows;
    cut.info.bytes = part.rows * *row_bytes;
    cut.offset += first * *row_bytes;
    cut.first_row += first;
    cut.stored_name = file_name;
    first += part.rows;
    to.push_back(std::move(cut));
  }
}

} // namespace intarsia
