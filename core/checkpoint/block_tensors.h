// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// A file's tensors under this program's names, as its family stores them (core/model/architectures).
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
  std::string_view block, part, suffix;
};
std::optional<BlockTensorName> split_block_name(std::string_view name, std::string_view prefix);

// Adds a block's tensor under the names of what it holds: under one name as it is, or cut by rows in parts of
// the sizes that the graph says. Throws Error naming the tensor when its rows are not theirs.
void add_block_tensor(StoredTensor tensor, const BlockTensorName& name, const BlockTensor& kind,
                      const LayerGraph& graph, std::vector<StoredTensor>& to);

} // namespace intarsia
