// SPDX-License-Identifier: GPL-3.0-or-later
// The pre-tokenizers that GGUF files know by name (llama.cpp, llama-vocab.cpp).
#include <algorithm>
#include <array>

#include "core/base/error.h"
#include "core/text/tokenizer.h"

namespace intarsia {
namespace {

const std::string gpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
const std::string llama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";
const std::string qwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";
const std::string each_digit = R"(\p{N})";

template <std::size_t N>
bool one_of(std::string_view name, const std::array<std::string_view, N>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

} // namespace

std::vector<std::string> split_patterns_of(std::string_view pre, const std::string& origin) {
  using Names = std::array<std::string_view, 5>;
  if (one_of(pre, Names{"gpt-2", "gpt2", "phi-2", "mpt", "olmo"})) return {gpt2};
  if (one_of(pre, Names{"smollm", "starcoder", "refact", "command-r", "codeshell"}))
    return {each_digit, gpt2};
  if (one_of(pre, Names{"llama-bpe", "llama3", "llama-v3", "smaug-bpe", "dbrx"})) return {llama3};
  if (one_of(pre, Names{"qwen2", "deepseek-r1-qwen", "stablelm2", "megrez", "qwen"})) return {qwen2};
  if (pre == "default")
    return {R"([\p{P}\$\+<=>\^~\|]+)",
            R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S))", R"(\p{N}+)",
            "[0-9][0-9][0-9]"};
  throw Error(ErrorKind::unsupported,
              origin + ": metadata \"tokenizer.ggml.pre\" is \"" + std::string(pre) +
                  "\", a pre-tokenizer this program does not know; it knows gpt-2, smollm, "
                  "llama-bpe, qwen2 and default");
}

} // namespace intarsia
