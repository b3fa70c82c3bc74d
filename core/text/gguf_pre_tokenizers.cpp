// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The pre-tokenizers that GGUF files know by name (llama.cpp, llama-vocab.cpp), in the words of the
// tokenizer.json files that they come from. A new one is a row of the table.
#include <algorithm>

#include "core/base/error.h"
#include "core/text/pre_tokenizer.h"
#include "core/text/tokenizer.h"

namespace intarsia {
namespace {

#define CONTRACTIONS "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define WORD R"([^\r\n\p{L}\p{N}]?\p{L}+)"
#define UPPER R"([\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}])"
#define LOWER R"([\p{Ll}\p{Lm}\p{Lo}\p{M}])"
#define SYMBOLS R"( ?[^\s\p{L}\p{N}]+[\r\n]*)"
#define SYMBOLS_OR_SLASHES R"( ?[^\s\p{L}\p{N}]+[\r\n/]*)"
#define BLANKS R"(\s*[\r\n]+|\s+(?!\S)|\s+)"
#define PUNCTUATED                                                                                           \
  R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+)"
#define CASED(before, after) before UPPER "*" LOWER "+" after "|" before UPPER "+" LOWER "*" after
#define CASED_HAN                                                                                                                \
  R"([^\r\n\p{L}\p{N}]?(?:(?!\p{Han})[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}])*(?:(?!\p{Han})[\p{Ll}\p{Lm}\p{Lo}\p{M}])+)" CONTRACTIONS   \
  R"(?|[^\r\n\p{L}\p{N}]?(?:(?!\p{Han})[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}])+(?:(?!\p{Han})[\p{Ll}\p{Lm}\p{Lo}\p{M}])*)" CONTRACTIONS \
  "?"

const std::string llama3 = CONTRACTIONS "|" WORD R"(|\p{N}{1,3}|)" SYMBOLS "|" BLANKS;
const std::string qwen2 = CONTRACTIONS "|" WORD R"(|\p{N}|)" SYMBOLS "|" BLANKS;
const std::string tekken = CASED(R"([^\r\n\p{L}\p{N}]?)", "") R"(|\p{N}|)" SYMBOLS_OR_SLASHES "|" BLANKS;
const std::string gpt4o =
    CASED(R"([^\r\n\p{L}\p{N}]?)", CONTRACTIONS "?") R"(|\p{N}{1,3}|)" SYMBOLS_OR_SLASHES "|" BLANKS;
const std::string each_digit = R"(\p{N})", three_digits = R"(\p{N}{1,3})",
                  digits_from_the_right = R"(\d{1,3}(?=(?:\d{3})*\b))";
const std::string deepseek3 = PUNCTUATED R"([\r\n]*|)" BLANKS;
const std::string bloom = " ?[^(\\s|.,!?…。，、।۔،)]+";
const std::string kana_and_han = "[一-龥぀-ゟ゠-ヿ]+";

struct GgufPreTokenizer {
  std::vector<std::string_view> names;
  std::vector<std::string> patterns;
  bool ignore_merges = false, adds_bos = false,
       plain_text = false; // plain_text: no byte alphabet, "▁" for spaces
};

const std::vector<GgufPreTokenizer>& table() {
  static const std::vector<GgufPreTokenizer> rows{
      {{"default"}, {R"([\p{P}\$\+<=>\^~\|]+)", gpt2_pattern, R"(\p{N}+)", "[0-9][0-9][0-9]"}},
      {{"gpt-2",           "gpt2",     "phi-2",   "mpt",        "olmo",        "jais",       "trillion",
        "granite-docling", "jina-es",  "jina-de", "jina-v2-es", "jina-v2-de",  "jina-v1-en", "jina-v2-code",
        "roberta-bpe",     "gigachat", "a.x-4.0", "mellum",     "modern-bert", "exaone4"},
       {gpt2_pattern}},
      {{"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b", "mellum2"},
       {each_digit, gpt2_pattern}},
      {{"llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2",
        "jina-v5-nano"},
       {llama3},
       true,
       true},
      {{"dbrx", "smaug-bpe", "glm4", "chatglm-bpe"}, {llama3}},
      {{"qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "stablelm2", "megrez", "hunyuan", "solar-open",
        "grok-2", "qwen"},
       {qwen2}},
      {{"qwen35"},
       {CONTRACTIONS R"(|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|)" BLANKS}},
      {{"deepseek-llm"},
       {"[\r\n]",
        "\\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-"
        "Ჿᴀ-"
        "ᴫᵫ-"
        "ᵷᵹ-"
        "ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-\u1F7Dᾀ-ᾴᾶ-"
        "ᾼ\u1FBEῂ-ῄῆ-ῌῐ-\u1FD3ῖ-\u1FDBῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\u2126ℨ\u212A-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-"
        "ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-"
        "ﬗＡ-"
        "Ｚａ-"
        "ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲"
        "𐳀-𐳲𑢠-𑣟𞤀-𞥃]+",
        "\\s?[!-/:-~！-／：-～‘-‟　-。]+", "\\s+$", "[一-龥ࠀ-一가-\uD7FF]+", R"(\p{N}+)"}},
      {{"deepseek-coder"}, {"[\r\n]", R"(\s?\p{L}+)", R"(\s?\p{P}+)", "[一-龥ࠀ-一가-\uD7FF]+", each_digit}},
      {{"deepseek-v3", "deepseek3", "hunyuan-dense", "joyai-llm"}, {three_digits, kana_and_han, deepseek3}},
      {{"youtu"},
       {"[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-ゟ゠-ヿ]"
        "+",
        CASED(R"([^\r\n\p{L}\p{N}]?)", CONTRACTIONS "?") R"(|\p{N}|)" SYMBOLS_OR_SLASHES "|" BLANKS},
       true},
      {{"falcon"}, {R"([\p{P}\$\+<=>\^~\|`]+)", gpt2_pattern, "[0-9][0-9][0-9]"}},
      {{"poro-chat", "bloom", "gpt3-finnish"}, {bloom}},
      {{"viking"}, {bloom, each_digit}},
      {{"tekken"}, {tekken}, true, true},
      {{"chameleon"},
       {"<sentinel:[0-9]+>", "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z", "([\\t\\n]|    |  )", each_digit,
        R"([\p{P}!-/:-@\[-`{-~])", gpt2_pattern},
       false,
       true},
      {{"gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"}, {gpt4o}},
      {{"granite-embed-multi-97m"}, {gpt4o}, true},
      {{"tiny_aya", "cohere2moe"}, {digits_from_the_right, gpt4o}},
      {{"kimi-k2"}, {R"(\p{Han}+|)" CASED_HAN R"(|\p{N}{1,3}|)" SYMBOLS "|" BLANKS}},
      {{"superbpe"}, {R"(\p{N}+)", R"((?=(\d{3})+(?!\d)))"}},
      {{"bailingmoe", "bailingmoe2", "llada-moe"},
       {R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)"}},
      {{"seed-coder"}, {CONTRACTIONS "|" WORD R"(|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|)" BLANKS}},
      {{"afmoe"},
       {digits_from_the_right,
        "[一-鿿㐀-䶿\uF900-\uFAFF぀-ゟ゠-ヿ･-ﾟ⼀-\u2FDFเ-\u0E7F\u0E80-\u0EFFក-\u17FFက-"
        "႟ꩠ-"
        "ꩿꧠ-"
        "\uA9FF가-"
        "\uD7AFᄀ-ᇿ]+",
        deepseek3}},
      {{"laguna"}, {"[^\\n]+|[\\n]+", qwen2}},
      {{"exaone-moe"},
       {CONTRACTIONS
        R"(|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+)"}},
      {{"gemma4", "sarvam-moe", "granite-embed-multi-311m"}, {"[^\\n]+|[\\n]+"}, false, false, true},
  };
  return rows;
}

#undef CONTRACTIONS
#undef WORD
#undef UPPER
#undef LOWER
#undef SYMBOLS
#undef SYMBOLS_OR_SLASHES
#undef BLANKS
#undef PUNCTUATED
#undef CASED
#undef CASED_HAN

Json splits(const std::vector<std::string>& patterns) {
  Json parts = Json::array();
  for (const std::string& pattern : patterns)
    parts.push_back(
        {{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}});
  return parts;
}

} // namespace

void set_byte_level_stages(TokenizerSpec& spec, const std::vector<std::string>& patterns) {
  Json parts = splits(patterns);
  parts.push_back(
      {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}});
  spec.pre_tokenizer = {{"type", "Sequence"}, {"pretokenizers", parts}};
  spec.decoder = {
      {"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}};
}

void apply_gguf_pre_tokenizer(std::string_view pre, TokenizerSpec& spec) {
  std::string known;
  for (const GgufPreTokenizer& row : table()) {
    for (const std::string_view name : row.names) known += (known.empty() ? "" : ", ") + std::string(name);
    if (std::find(row.names.begin(), row.names.end(), pre) == row.names.end()) continue;
    spec.ignore_merges = row.ignore_merges;
    spec.add_bos = row.adds_bos;
    if (pre == "qwen2") spec.normalizer = {{"type", "NFC"}};
    if (!row.plain_text) return set_byte_level_stages(spec, row.patterns);
    spec.byte_fallback = true;
    spec.normalizer = {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "\u2581"}};
    spec.pre_tokenizer = {{"type", "Sequence"}, {"pretokenizers", splits(row.patterns)}};
    spec.decoder = {{"type", "Sequence"},
                    {"decoders",
                     {{{"type", "Replace"}, {"pattern", {{"String", "\u2581"}}}, {"content", " "}},
                      {{"type", "ByteFallback"}},
                      {{"type", "Fuse"}}}}};
    return;
  }
  throw Error(ErrorKind::unsupported,
              spec.origin + ": metadata \"tokenizer.ggml.pre\" is \"" + std::string(pre) +
                  "\", a pre-tokenizer this program does not know; it knows " + known);
}

} // namespace intarsia
