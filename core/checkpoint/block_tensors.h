// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Maps a block's tensors in a file to Hugging Face names, by the table of its model family
// (core/model/architectures).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/checkpoint/mapped_checkpoint.h"
#include "core/model/architectures/architecture.h"

namespace intarsia {

// "blk.3.ffn_down.weight" with prefix "blk.": {"3", "ffn_down", ".weight"}; nullopt for other names.
struct BlockTensorName {
  std::string_view block, part, suffix; // views into the name
};
std::optional<BlockTensorName> split_block_name(std::string_view name, std::string_view prefix);

// Appends a block's tensor to `to` under its Hugging Face name. A tensor that holds several layers
// (kind.holds; q, k and v, or all experts) is split by rows into one entry per layer, with row counts from
// the graph. Throws Error{input} naming the tensor when the row counts do not add up.
void add_block_tensor(StoredTensor tensor, const BlockTensorName& name, const BlockTensor& kind,
                      const LayerGraph& graph, std::vector<StoredTensor>& to);

} // namespace intarsia
