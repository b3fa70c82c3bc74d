// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <string>
#include <string_view>

namespace intarsia {

// Number format of the keys and values in a KV cache. q8: 8-bit integers with one binary16 scale per token
// and key-value head, 8 + 16 / head_dim bits per value.
enum class KvPrecision { f32, f16, q8 };

const char* to_string(KvPrecision precision);          // "f32", "f16", "q8"
KvPrecision parse_kv_precision(std::string_view text); // "f16" or "q8"; throws Error{usage} naming both

} // namespace intarsia
