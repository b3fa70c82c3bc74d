// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/calibration.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>

#include "core/base/crc32.h"
#include "core/base/error.h"
#include "core/base/mapped_file.h"
#include "core/base/parallel.h"
#include "core/runtime/block_gradient.h"

namespace intarsia {
namespace {

constexpr std::size_t tokens_at_once =
    1024; // through a block: its activations are some 70,000 floats a token in an 8B

struct StreamHeader {
  char magic[8] = {'I', 'N', 'T', 'S', 'T', 'R', 'M', '2'};
  std::uint64_t next = 0, tokens = 0, hidden = 0;
  std::uint32_t checksum = 0, unused = 0;
};

} // namespace

Calibration::Calibration(const WeightSource& original, std::vector<std::vector<int>> sequences,
                         const DenseProducts& products, const OutputGradients* gradients)
    : original_(original)
    , sequences_(std::move(sequences))
    , products_(products)
    , gradients_(gradients)
    , length_(sequences_.empty() ? 0 : sequences_[0].size()) {
  if (length_ == 0) throw Error(ErrorKind::internal, "a calibration was given no tokens");
  for (const auto& sequence : sequences_)
    if (sequence.size() != length_)
      throw Error(ErrorKind::internal, "calibration sequences of unequal length");
  embed();
}

Calibration::~Calibration() = default;

void Calibration::embed() {
  const DenseLinear embedding = to_dense(original_.linear(original_.graph().embedding));
  const std::size_t hidden = embedding.shape.columns;
  const float multiplier = float(original_.config().embedding_multiplier);
  stream_.clear();
  stream_.reserve(tokens() * hidden);
  for (const auto& sequence : sequences_)
    for (const int token : sequence) {
      const auto row = std::span(embedding.weights).subspan(std::size_t(token) * hidden, hidden);
      for (const float value : row) stream_.push_back(multiplier * value);
    }
}

void Calibration::restart() {
  next_ = 0;
  passed_ = false;
  moments_.clear();
  embed();
}

void Calibration::read_block(const JobControl& control) {
  moments_.clear();
  factor_.reset();
  factored_.clear();
  for (const LinearLayer& layer : original_.graph().linears)
    if (layer.block == next_ && !moments_.contains(moments_of(layer)))
      moments_.emplace(moments_of(layer), MomentSum(layer.d_in));
  run_block(control, [this](const BlockGradient& block, std::size_t first_token) {
    block.visit_inputs(
        [&](const std::string& input, std::span<const float> x) { add_moments(input, x, first_token); });
  });
}

bool Calibration::weighs_tokens(const LinearLayer& layer) const {
  return gradients_ && !gradients_->norms(layer.name).empty();
}

const std::string& Calibration::moments_of(const LinearLayer& layer) const {
  return weighs_tokens(layer) ? layer.name : layer.input;
}

void Calibration::add_moments(const std::string& input, std::span<const float> x, std::size_t first_token) {
  if (const auto alike = moments_.find(input); alike != moments_.end()) alike->second.add(x);
  std::vector<float> weighed(x.size());
  for (const LinearLayer& layer : original_.graph().linears) {
    if (layer.block != next_ || layer.input != input || !weighs_tokens(layer)) continue;
    const auto norms = gradients_->norms(layer.name).subspan(first_token, x.size() / layer.d_in);
    parallel_ranges(norms.size(), 16, [&](std::size_t begin, std::size_t end) {
      for (std::size_t t = begin; t < end; ++t) {
        const float root = std::sqrt(norms[t]); // of the weight of x x'
        for (std::size_t i = t * layer.d_in; i < (t + 1) * layer.d_in; ++i) weighed[i] = root * x[i];
      }
    });
    moments_.at(layer.name).add(weighed);
  }
}

// Some sequences at a time.
void Calibration::run_block(const JobControl& control, const PartVisitor& visit) {
  BlockGradient block(original_, next_, products_, control, length_);
  std::vector<float> behind = stream_; // a stop in the middle must not leave the stream half behind the block
  const std::size_t step = std::max<std::size_t>(1, tokens_at_once / length_);
  const std::size_t row = length_ * original_.config().hidden;
  const std::string stage = "calibrating: inputs of block " + std::to_string(next_);
  for (std::size_t first = 0; first < sequences_.size(); first += step) {
    control.report(stage, double(first * length_), double(tokens()));
    control.throw_if_stopped();
    const std::size_t count = std::min(step, sequences_.size() - first);
    block.forward(std::span(behind).subspan(first * row, count * row), length_);
    visit(block, first * length_);
  }
  stream_ = std::move(behind);
  passed_ = true;
}

std::shared_ptr<const HessianFactor> Calibration::factor(const LinearLayer& layer, const Rotation& rotation) {
  const std::string& key = moments_of(layer);
  if (factored_ == key) return factor_;
  factor_.reset();
  factored_.clear();
  auto moments = moments_.extract(key);
  if (moments.empty()) throw Error(ErrorKind::internal, "the moments of " + key + " are not there");
  factor_ = std::make_shared<const HessianFactor>(moments.mapped().finish(), rotation);
  factored_ = key;
  return factor_;
}

std::unique_ptr<const RowFactor> Calibration::row_factor(const LinearLayer& layer) const {
  if (!gradients_) return nullptr;
  const auto moments = gradients_->head_moments(layer.name);
  if (moments.empty() || !RowFactor::serves(layer.d_out, gradients_->head_dim())) return nullptr;
  return std::make_unique<const RowFactor>(moments, gradients_->head_dim());
}

void Calibration::pass_block(const JobControl& control) {
  moments_.clear();
  factor_.reset();
  factored_.clear();
  if (!passed_) run_block(control, [](const BlockGradient&, std::size_t) {});
  ++next_;
  passed_ = false;
}

void Calibration::save(const std::filesystem::path& file) const {
  StreamHeader header;
  header.next = next_, header.tokens = tokens(), header.hidden = original_.config().hidden;
  header.checksum = crc32_of(std::as_bytes(std::span(stream_)));
  const std::filesystem::path part = file.string() + ".new";
  std::ofstream out(part, std::ios::binary);
  out.write(reinterpret_cast<const char*>(&header), sizeof header);
  out.write(reinterpret_cast<const char*>(stream_.data()), std::streamsize(stream_.size() * sizeof(float)));
  out.close();
  if (!out) throw Error(ErrorKind::resource, file.string() + ": cannot be written: is the disk full?");
  std::filesystem::rename(part, file);
}

bool Calibration::restore(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) return false;
  const MappedFile mapped(file);
  const auto bytes = mapped.bytes();
  StreamHeader header;
  const StreamHeader expected;
  if (bytes.size() < sizeof header) return false;
  std::memcpy(&header, bytes.data(), sizeof header);
  const std::size_t hidden = original_.config().hidden, values = tokens() * hidden;
  if (std::memcmp(header.magic, expected.magic, sizeof header.magic) != 0 || header.tokens != tokens() ||
      header.hidden != hidden || header.next == 0 || header.next > original_.config().blocks ||
      bytes.size() != sizeof header + values * sizeof(float))
    return false;
  const auto stored = bytes.subspan(sizeof header);
  if (crc32_of(stored) != header.checksum) return false;
  stream_.resize(values);
  std::memcpy(stream_.data(), stored.data(), stored.size());
  next_ = header.next;
  passed_ = false;
  moments_.clear();
  return true;
}

std::uint64_t Calibration::bytes(const ModelConfig& config, const LayerGraph& graph, std::size_t tokens) {
  std::uint64_t weights = 0, moments = 0, widest = 0;
  for (const LinearLayer& layer : graph.linears) {
    if (layer.block != 0) continue;
    weights += sizeof(float) * layer.weights();
    widest = std::max<std::uint64_t>(widest, layer.d_in);
    moments += MomentSum::bytes(layer.d_in);
  }
  const std::uint64_t streams = 2 * tokens * config.hidden * sizeof(float); // before a block and behind it
  const std::uint64_t activations =
      tokens_at_once * sizeof(float) * 2 *
      (5 * config.hidden + 2 * config.attention_dim() + 2 * config.kv_dim() + 5 * config.intermediate);
  const std::uint64_t embedding = sizeof(float) * graph.embedding.weights();
  const std::uint64_t reading = weights + activations + moments;
  const std::uint64_t factoring = moments + sizeof(float) * widest * widest;
  return std::max({streams + std::max(reading, factoring), embedding + streams / 2});
}

} // namespace intarsia
