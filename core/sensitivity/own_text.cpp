// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/sensitivity/own_text.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <utility>

#include "core/base/crc32.h"
#include "core/base/mapped_file.h"
#include "core/checkpoint/content_identity.h"
#include "core/checkpoint/model_cache.h"
#include "core/sensitivity/sensitivity.h"

namespace intarsia {
namespace {

struct Header { // then the tokens, 32 bits each, and the gradients
  char magic[8] = {'I', 'N', 'T', 'T', 'E', 'X', 'T', '3'};
  std::uint64_t sequences = 0, length = 0;
  std::uint32_t checksum = 0, unused = 0; // of the tokens
};

// What has more of it goes before: gradients take longer than text.
auto extent_of(const WeighedText& text) { return std::pair(text.gradients.tokens(), text.sequences.size()); }

std::string bytes_of(const WeighedText& text) {
  std::vector<int> all;
  for (const auto& sequence : text.sequences) all.insert(all.end(), sequence.begin(), sequence.end());
  Header header;
  header.sequences = text.sequences.size(), header.length = text.sequences.at(0).size();
  header.checksum = crc32_of(std::as_bytes(std::span(all)));
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
  bytes.append(reinterpret_cast<const char*>(all.data()), all.size() * sizeof(int));
  return bytes + text.gradients.to_bytes();
}

} // namespace

OwnTextCache::OwnTextCache(const Checkpoint& checkpoint, std::vector<int> prefix, std::uint64_t seed,
                           std::size_t tokens, std::filesystem::path job_file)
    : checkpoint_(checkpoint)
    , series_{0, std::min(SensitivityOptions().sequence_length, checkpoint.config().max_positions), seed,
              std::move(prefix)}
    , job_file_(std::move(job_file)) {
  const auto count = [&](std::size_t of) { return std::max<std::size_t>(1, of / series_.length); };
  series_.count = count(tokens), shared_count_ = count(shared_tokens);
  const std::string settings = fmt::format("{} {} {} {:08x}", version, series_.length, seed,
                                           crc32_of(std::as_bytes(std::span(series_.prefix))));
  shared_ =
      model_cache_places(checkpoint, fmt::format("intarsia-text-{}-{:08x}.bin", content_identity(checkpoint),
                                                 crc32_of(std::as_bytes(std::span(settings)))));
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
      header.sequences > std::max(series_.count, shared_count_) || header.length != series_.length ||
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

WeighedText OwnTextCache::longest(const std::vector<std::filesystem::path>& files,
                                  std::size_t sequences) const {
  const WeighedText none{{}, OutputGradients(checkpoint_.config().head_dim)};
  WeighedText best = none;
  for (const auto& file : files) try {
      if (!std::filesystem::exists(file)) continue;
      WeighedText text = read(file);
      if (text.sequences.size() > sequences) text.sequences.resize(sequences);
      if (text.gradients.tokens() > text.tokens()) text.gradients = none.gradients;
      if (extent_of(text) > extent_of(best)) best = std::move(text);
    } catch (const std::exception&) { // damaged: it is sampled again
    }
  return best;
}

WeighedText OwnTextCache::find() const {
  auto files = shared_;
  files.push_back(job_file_);
  return longest(files, series_.count);
}

bool OwnTextCache::complete() const { return find().gradients.tokens() == series_.count * series_.length; }

void OwnTextCache::store(const WeighedText& text) const {
  const bool for_all =
      text.sequences.size() <= shared_count_ && extent_of(text) > extent_of(longest(shared_, shared_count_));
  if (for_all && !keep_in_cache(shared_, bytes_of(text)).empty()) return;
  if (!job_file_.empty() && extent_of(text) > extent_of(find())) keep_in_cache({job_file_}, bytes_of(text));
}

} // namespace intarsia
