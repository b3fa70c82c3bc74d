// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/sensitivity/own_text.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <tuple>

#include "core/base/crc32.h"
#include "core/base/mapped_file.h"
#include "core/checkpoint/content_identity.h"
#include "core/checkpoint/model_cache.h"
#include "core/evaluation/evaluation.h"
#include "core/sensitivity/sensitivity.h"

namespace intarsia {
namespace {

struct Header { // then the tokens, 32 bits each, and the gradients
  char magic[8] = {'I', 'N', 'T', 'T', 'E', 'X', 'T', '3'};
  std::uint64_t sequences = 0, length = 0;
  std::uint32_t checksum = 0, unused = 0; // of the tokens
};

} // namespace

OwnTextCache::OwnTextCache(const Checkpoint& checkpoint, std::uint64_t seed,
                           const std::filesystem::path& last)
    : checkpoint_(checkpoint)
    , series_{
          0, std::min(SensitivityOptions().sequence_length, checkpoint.config().max_positions), seed, {}} {
  series_.count = std::max<std::size_t>(1, most_tokens / series_.length);
  // Where every text begins with a begin token, models keep much of their attention on it.
  if (auto spec = checkpoint.tokenizer())
    series_.prefix = begin_tokens(make_tokenizer(std::move(*spec)).get());
  const std::string settings = fmt::format("{} {} {} {:08x}", version, series_.length, seed,
                                           crc32_of(std::as_bytes(std::span(series_.prefix))));
  places_ =
      model_cache_places(checkpoint, fmt::format("intarsia-text-{}-{:08x}.bin", content_identity(checkpoint),
                                                 crc32_of(std::as_bytes(std::span(settings)))));
  if (!last.empty()) places_.push_back(last);
}

WeighedText OwnTextCache::read(const std::filesystem::path& file) const {
  const MappedFile mapped(file);
  const auto bytes = mapped.bytes();
  Header header;
  const Header expected;
  if (bytes.size() < sizeof header) return {};
  std::memcpy(&header, bytes.data(), sizeof header);
  const std::size_t tokens = std::size_t(header.sequences) * series_.length;
  if (std::memcmp(header.magic, expected.magic, sizeof header.magic) != 0 ||
      header.sequences > series_.count || header.length != series_.length ||
      bytes.size() < sizeof header + tokens * sizeof(int))
    return {};
  std::vector<int> all(tokens);
  const auto stored = bytes.subspan(sizeof header, tokens * sizeof(int));
  std::memcpy(all.data(), stored.data(), stored.size());
  const int vocabulary = int(checkpoint_.config().vocabulary);
  if (crc32_of(stored) != header.checksum ||
      std::ranges::any_of(all, [&](int token) { return token < 0 || token >= vocabulary; }))
    return {};
  WeighedText text{{}, OutputGradients(checkpoint_.config().head_dim)};
  for (auto from = all.begin(); from != all.end(); from += std::ptrdiff_t(series_.length))
    text.sequences.emplace_back(from, from + std::ptrdiff_t(series_.length));
  OutputGradients gradients = text.gradients;
  if (gradients.read(bytes.subspan(sizeof header + stored.size()), checkpoint_.graph()) &&
      gradients.tokens() % series_.length == 0 && gradients.tokens() <= tokens)
    text.gradients = std::move(gradients);
  return text;
}

WeighedText OwnTextCache::find() const {
  for (const auto& place : places_) try {
      if (!std::filesystem::exists(place)) continue;
      if (WeighedText text = read(place); !text.sequences.empty()) return text;
    } catch (const std::exception&) { // damaged: it is sampled again
    }
  return {{}, OutputGradients(checkpoint_.config().head_dim)};
}

bool OwnTextCache::complete() const { return find().gradients.tokens() == series_.count * series_.length; }

void OwnTextCache::store(const WeighedText& text) const {
  const auto extent = [](const WeighedText& of) {
    return std::tuple(of.gradients.tokens(), of.sequences.size());
  };
  if (text.sequences.size() > series_.count || extent(text) <= extent(find())) return;
  std::vector<int> all;
  for (const auto& sequence : text.sequences) all.insert(all.end(), sequence.begin(), sequence.end());
  Header header;
  header.sequences = text.sequences.size(), header.length = series_.length;
  header.checksum = crc32_of(std::as_bytes(std::span(all)));
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
  bytes.append(reinterpret_cast<const char*>(all.data()), all.size() * sizeof(int));
  keep_in_cache(places_, bytes + text.gradients.to_bytes());
}

} // namespace intarsia
