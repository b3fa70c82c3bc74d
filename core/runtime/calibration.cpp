// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/runtime/calibration.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <set>

#include "core/base/crc32.h"
#include "core/base/error.h"
#include "core/base/mapped_file.h"
#include "core/runtime/block_gradient.h"

namespace intarsia {
namespace {

constexpr std::size_t tokens_at_once =
    1024; // through a block: its activations are some 70,000 floats a token in an 8B

struct StreamHeader {
  char magic[8] = {'I', 'N', 'T', 'S', 'T', 'R', 'M', '1'};
  std::uint64_t next = 0, tokens = 0, hidden = 0, streams = 0;
  std::uint32_t checksum = 0, unused = 0;
};

std::uint32_t checksum_of(std::span<const float> first, std::span<const float> second) {
  return crc32_of(std::as_bytes(second), crc32_of(std::as_bytes(first)));
}

} // namespace

struct Calibration::Moments {
  MomentSum squares;
  std::unique_ptr<MomentSum> drift; // sum of (original - quantized) quantized^T; null where they are the same
};

Calibration::Calibration(const WeightSource& original, std::vector<std::vector<int>> sequences,
                         const DenseProducts& products, CalibrationOptions options)
    : original_(original)
    , sequences_(std::move(sequences))
    , products_(products)
    , options_(std::move(options))
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
  original_stream_.clear();
  original_stream_.reserve(tokens() * hidden);
  for (const auto& sequence : sequences_)
    for (const int token : sequence) {
      const auto row = std::span(embedding.weights).subspan(std::size_t(token) * hidden, hidden);
      for (const float value : row) original_stream_.push_back(multiplier * value);
    }
  quantized_stream_.clear();
}

void Calibration::restart() {
  next_ = 0;
  original_passed_ = false;
  moments_.clear();
  embed();
}

// Whole sequences, some at a time.
void Calibration::for_each_chunk(const JobControl& control, const char* stage, const Chunk& visit) {
  const std::size_t step = std::max<std::size_t>(1, tokens_at_once / length_);
  const std::size_t row = length_ * original_.config().hidden;
  const std::string name = std::string(stage) + " of block " + std::to_string(next_);
  for (std::size_t first = 0; first < sequences_.size(); first += step) {
    control.report(name, double(first * length_), double(tokens()));
    control.throw_if_stopped();
    const std::size_t count = std::min(step, sequences_.size() - first);
    const auto part = [&](std::vector<float>& stream) {
      return stream.empty() ? std::span<float>() : std::span(stream).subspan(first * row, count * row);
    };
    visit(first * length_, part(original_stream_), part(quantized_stream_));
  }
}

void Calibration::read_block(const JobControl& control) {
  const bool drifts = diverged();
  moments_.clear();
  factor_.reset();
  factored_input_.clear();
  for (const LinearLayer& layer : original_.graph().linears)
    if (layer.block == next_ && !moments_.contains(layer.input))
      moments_.emplace(layer.input,
                       Moments{MomentSum(layer.d_in, true),
                               drifts ? std::make_unique<MomentSum>(layer.d_in, false) : nullptr});
  BlockGradient block(original_, next_, products_, control, length_);
  // A stop in the middle must not leave the stream half behind the block.
  std::vector<float> behind(original_stream_.size()), scratch;
  std::map<std::string, std::vector<float>> differences;
  const std::size_t hidden = original_.config().hidden;
  for_each_chunk(control, "calibrating: inputs",
                 [&](std::size_t token, std::span<float> x, std::span<float> q) {
                   const auto stream = std::span(behind).subspan(token * hidden, x.size());
                   std::copy(x.begin(), x.end(), stream.begin());
                   block.forward(stream, length_);
                   if (!drifts)
                     return block.visit_inputs([&](const std::string& input, std::span<const float> values) {
                       moments_.at(input).squares.add(values, values);
                     });
                   block.visit_inputs([&](const std::string& input, std::span<const float> values) {
                     differences[input].assign(values.begin(), values.end());
                   });
                   scratch.assign(q.begin(), q.end());
                   block.forward(scratch, length_);
                   block.visit_inputs([&](const std::string& input, std::span<const float> values) {
                     auto& difference = differences.at(input);
                     for (std::size_t i = 0; i < values.size(); ++i) difference[i] -= values[i];
                     moments_.at(input).squares.add(values, values);
                     moments_.at(input).drift->add(difference, values);
                   });
                 });
  if (options_.asymmetric && quantized_stream_.empty()) quantized_stream_ = original_stream_;
  original_stream_ = std::move(behind);
  original_passed_ = true;
}

std::shared_ptr<const HessianFactor> Calibration::factor(const LinearLayer& layer, const Rotation& rotation) {
  if (factored_input_ == layer.input) return factor_;
  factor_.reset();
  factored_input_.clear();
  auto moments = moments_.extract(layer.input);
  if (moments.empty()) throw Error(ErrorKind::internal, "the moments of " + layer.input + " are not there");
  Moments& found = moments.mapped();
  factor_ = std::make_shared<const HessianFactor>(found.squares.finish(), rotation,
                                                  found.drift ? found.drift->finish() : std::vector<float>{});
  factored_input_ = layer.input;
  return factor_;
}

void Calibration::pass_block(const WeightSource& quantized, const JobControl& control) {
  moments_.clear();
  factor_.reset();
  factored_input_.clear();
  const auto run = [&](const WeightSource& source, std::vector<float>& stream, const char* stage) {
    BlockGradient block(source, next_, products_, control, length_);
    std::vector<float> behind = stream;
    const std::size_t hidden = original_.config().hidden;
    for_each_chunk(control, stage, [&](std::size_t token, std::span<float> x, std::span<float>) {
      block.forward(std::span(behind).subspan(token * hidden, x.size()), length_);
    });
    stream = std::move(behind);
  };
  if (options_.asymmetric && quantized_stream_.empty()) quantized_stream_ = original_stream_;
  if (!original_passed_) {
    run(original_, original_stream_, "calibrating: the original");
    original_passed_ = true;
  }
  if (options_.asymmetric) run(quantized, quantized_stream_, "calibrating: the outputs");
  ++next_;
  original_passed_ = false;
}

void Calibration::save(const std::filesystem::path& file) const {
  StreamHeader header;
  header.next = next_, header.tokens = tokens(), header.hidden = original_.config().hidden;
  header.streams = options_.asymmetric ? 2 : 1;
  header.checksum = checksum_of(original_stream_, quantized_stream_);
  const std::filesystem::path part = file.string() + ".new";
  std::ofstream out(part, std::ios::binary);
  out.write(reinterpret_cast<const char*>(&header), sizeof header);
  for (const auto* stream : {&original_stream_, &quantized_stream_})
    out.write(reinterpret_cast<const char*>(stream->data()), std::streamsize(stream->size() * sizeof(float)));
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
  const std::size_t hidden = original_.config().hidden, streams = options_.asymmetric ? 2 : 1;
  const std::size_t values = tokens() * hidden;
  if (std::memcmp(header.magic, expected.magic, sizeof header.magic) != 0 || header.tokens != tokens() ||
      header.hidden != hidden || header.streams != streams || header.next == 0 ||
      header.next > original_.config().blocks ||
      bytes.size() != sizeof header + streams * values * sizeof(float))
    return false;
  std::vector<float> first(values), second(streams == 2 ? values : 0);
  std::memcpy(first.data(), bytes.data() + sizeof header, values * sizeof(float));
  if (streams == 2)
    std::memcpy(second.data(), bytes.data() + sizeof header + values * sizeof(float), values * sizeof(float));
  if (checksum_of(first, second) != header.checksum) return false;
  next_ = header.next;
  original_passed_ = false;
  moments_.clear();
  original_stream_ = std::move(first), quantized_stream_ = std::move(second);
  return true;
}

std::uint64_t Calibration::bytes(const ModelConfig& config, const LayerGraph& graph, std::size_t tokens,
                                 bool asymmetric) {
  std::uint64_t weights = 0, moments = 0, widest = 0;
  std::set<std::string> inputs;
  for (const LinearLayer& layer : graph.linears) {
    if (layer.block != 0) continue;
    weights += sizeof(float) * layer.weights();
    widest = std::max<std::uint64_t>(widest, layer.d_in);
    if (inputs.insert(layer.input).second)
      moments += MomentSum::bytes(layer.d_in, true) + (asymmetric ? MomentSum::bytes(layer.d_in, false) : 0);
  }
  const std::uint64_t streams = (asymmetric ? 4 : 2) * tokens * config.hidden * sizeof(float);
  const std::uint64_t activations =
      tokens_at_once * sizeof(float) * 2 *
      (5 * config.hidden + 2 * config.attention_dim() + 2 * config.kv_dim() + 4 * config.intermediate);
  const std::uint64_t embedding = sizeof(float) * graph.embedding.weights();
  const std::uint64_t reading = weights + activations + moments;
  const std::uint64_t factoring = moments + sizeof(float) * widest * widest;
  return std::max({streams + std::max(reading, factoring), embedding + streams / 2});
}

} // namespace intarsia
