// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/output_gradients.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/base/crc32.h"
#include "core/base/parallel.h"
#include "core/tensor/kernels.h"

namespace intarsia {
namespace {

struct Header {
  char magic[8] = {'I', 'N', 'T', 'G', 'R', 'A', 'D', '1'};
  std::uint64_t tokens = 0, values = 0;
  std::uint32_t checksum = 0, unused = 0;
};

bool is_expert(const LinearLayer& layer) { return layer.read_share < 1; }
bool has_heads(const LinearLayer& layer) {
  return layer.role == LinearRole::q || layer.role == LinearRole::k;
}

bool all_finite(const std::vector<float>& values) {
  return std::ranges::all_of(values, [](float value) { return std::isfinite(value); });
}

} // namespace

void OutputGradients::add(const LinearLayer& layer, std::span<const float> dy) {
  if (is_expert(layer)) return;
  const std::size_t width = layer.d_out, tokens = dy.size() / width;
  std::vector<float>& norms = norms_[layer.name];
  for (std::size_t t = 0; t < tokens; ++t)
    norms.push_back(std::sqrt(kernels::dot(&dy[t * width], &dy[t * width], width)));
  if (!has_heads(layer)) return;
  std::vector<float>& moments = heads_[layer.name];
  moments.resize(width * head_dim_);
  parallel_for(width / head_dim_, [&](std::size_t head) {
    float* rows = &moments[head * head_dim_ * head_dim_];
    for (std::size_t t = 0; t < tokens; ++t) {
      const float* g = &dy[t * width + head * head_dim_];
      for (std::size_t i = 0; i < head_dim_; ++i)
        kernels::add_scaled(g[i], g, rows + i * head_dim_, head_dim_);
    }
  });
}

std::span<const float> OutputGradients::norms(const std::string& layer) const {
  const auto found = norms_.find(layer);
  return found == norms_.end() ? std::span<const float>() : found->second;
}

std::span<const float> OutputGradients::head_moments(const std::string& layer) const {
  const auto found = heads_.find(layer);
  return found == heads_.end() ? std::span<const float>() : found->second;
}

bool OutputGradients::finite() const {
  const auto finite = [](const auto& of_layer) { return all_finite(of_layer.second); };
  return std::ranges::all_of(norms_, finite) && std::ranges::all_of(heads_, finite);
}

std::size_t OutputGradients::tokens() const { return norms_.empty() ? 0 : norms_.begin()->second.size(); }

std::string OutputGradients::to_bytes() const {
  std::vector<float> all;
  for (const auto* values : {&norms_, &heads_})
    for (const auto& [layer, of_layer] : *values) all.insert(all.end(), of_layer.begin(), of_layer.end());
  Header header;
  header.tokens = tokens(), header.values = all.size();
  header.checksum = crc32_of(std::as_bytes(std::span(all)));
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
  bytes.append(reinterpret_cast<const char*>(all.data()), all.size() * sizeof(float));
  return bytes;
}

bool OutputGradients::read(std::span<const std::byte> bytes, const LayerGraph& graph) {
  Header header;
  const Header expected;
  if (bytes.size() < sizeof header) return false;
  std::memcpy(&header, bytes.data(), sizeof header);
  const auto stored = bytes.subspan(sizeof header);
  if (std::memcmp(header.magic, expected.magic, sizeof header.magic) != 0 ||
      header.tokens > stored.size() / sizeof(float)) // so that sums of such counts don't overflow
    return false;
  std::uint64_t values = 0; // before memory is taken for them
  for (const LinearLayer& layer : graph.linears)
    if (!is_expert(layer)) values += header.tokens + (has_heads(layer) ? layer.d_out * head_dim_ : 0);
  if (header.values != values || stored.size() != values * sizeof(float) ||
      crc32_of(stored) != header.checksum)
    return false;
  std::map<std::string, std::vector<float>> norms, heads;
  for (const LinearLayer& layer : graph.linears) {
    if (is_expert(layer)) continue;
    norms[layer.name].resize(header.tokens);
    if (has_heads(layer)) heads[layer.name].resize(layer.d_out * head_dim_);
  }
  const std::byte* from = stored.data();
  for (auto* all : {&norms, &heads})
    for (auto& [layer, of_layer] : *all) {
      std::memcpy(of_layer.data(), from, of_layer.size() * sizeof(float));
      from += of_layer.size() * sizeof(float);
    }
  norms_ = std::move(norms), heads_ = std::move(heads);
  return true;
}

} // namespace intarsia
