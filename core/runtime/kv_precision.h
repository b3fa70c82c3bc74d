// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <string>
#include <string_view>

namespace intarsia {

// How a KV cache holds keys and values. q8: 8-bit integers with a binary16 scale for each token's vector of a
// key-value head, 8 + 16 / head_dim bits a value.
enum class KvPrecision { f32, f16, q8 };

const char* to_string(KvPrecision precision);          // "f32", "f16", "q8"
KvPrecision parse_kv_precision(std::string_view text); // "f16" or "q8"; throws Error{usage} naming both

} // namespace intarsia
