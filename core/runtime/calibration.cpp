// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/runtime/calibration.h"

#include <algorithm>
#include <set>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/tensor/kernels.h"

namespace intarsia {
namespace {

constexpr std::size_t least_tokens = 256;
constexpr std::size_t tokens_at_once = 512; // summed at once: long enough that the sums' ends don't cost
constexpr std::size_t rows_per_task = 16;

} // namespace

// Sum of x x^T over tokens; the lower triangle until finish().
class Calibration::Moment {
 public:
  explicit Moment(std::size_t dimension)
      : dimension_(dimension)
      , sum_(dimension * dimension)
      , pending_(dimension * tokens_at_once) {}

  void add(std::span<const float> x, std::size_t tokens) {
    for (std::size_t t = 0; t < tokens; ++t) {
      for (std::size_t i = 0; i < dimension_; ++i)
        pending_[i * tokens_at_once + count_] = x[t * dimension_ + i];
      if (++count_ == tokens_at_once) flush();
    }
  }

  // The whole symmetric matrix, given away.
  std::vector<float> finish() {
    flush();
    for (std::size_t i = 0; i < dimension_; ++i)
      for (std::size_t j = 0; j < i; ++j) sum_[j * dimension_ + i] = sum_[i * dimension_ + j];
    return std::move(sum_);
  }

 private:
  void flush() {
    if (count_ == 0) return;
    parallel_ranges((dimension_ + rows_per_task - 1) / rows_per_task, 1,
                    [&](std::size_t begin, std::size_t end) {
                      std::vector<float> product(dimension_ * rows_per_task);
                      for (std::size_t task = begin; task < end; ++task)
                        add_rows(task * rows_per_task, product);
                    });
    count_ = 0;
  }

  void add_rows(std::size_t first, std::vector<float>& product) {
    const std::size_t count = std::min(rows_per_task, dimension_ - first), width = first + count;
    kernels::multiply_rows({pending_.data(), tokens_at_once, width},
                           {pending_.data() + first * tokens_at_once, tokens_at_once, count}, count_,
                           product.data(), width);
    for (std::size_t row = 0; row < count; ++row)
      for (std::size_t j = 0; j < width; ++j)
        sum_[(first + row) * dimension_ + j] += product[row * width + j];
  }

  std::size_t dimension_, count_ = 0;
  std::vector<float> sum_;     // [dimension, dimension]
  std::vector<float> pending_; // [dimension, tokens_at_once]: inputs not yet summed
};

Calibration::Calibration(LanguageModel& model, std::span<const int> text, const CalibrationOptions& options)
    : model_(model)
    , options_(options) {
  if (text.size() < least_tokens)
    throw Error(ErrorKind::usage, "the calibration text has only " + std::to_string(text.size()) +
                                      " tokens; it needs at least " + std::to_string(least_tokens) +
                                      ", some thousands are better");
  const std::size_t length = std::min(options.window, text.size());
  const std::size_t windows = std::max<std::size_t>(1, std::min(options.tokens, text.size()) / length);
  for (std::size_t i = 0; i < windows; ++i) {
    const std::size_t start = windows == 1 ? 0 : (text.size() - length) * i / (windows - 1);
    windows_.emplace_back(text.begin() + std::ptrdiff_t(start),
                          text.begin() + std::ptrdiff_t(start + length));
  }
}

std::size_t Calibration::tokens() const { return windows_.size() * windows_[0].size(); }

std::string Calibration::identity() const {
  std::string text = "calibration";
  for (const auto& window : windows_)
    for (const int token : window) text += " " + std::to_string(token);
  return text;
}

std::size_t Calibration::blocks_at_once() const {
  std::uint64_t block = 0;
  std::set<std::string> inputs;
  for (const LinearLayer& layer : model_.graph().linears)
    if (layer.block == 0 && inputs.insert(layer.input).second)
      block += sizeof(float) * layer.d_in * (layer.d_in + tokens_at_once);
  return std::max<std::uint64_t>(1, options_.memory / std::max<std::uint64_t>(1, block));
}

void Calibration::gather(std::size_t first_block, const JobControl& control) {
  moments_.clear();
  begin_ = first_block;
  end_ = std::min(first_block + blocks_at_once(), model_.config().blocks);
  for (const LinearLayer& layer : model_.graph().linears)
    if (layer.block >= begin_ && layer.block < end_ && !moments_.contains(layer.input))
      moments_[layer.input] = std::make_shared<Moment>(layer.d_in);
  struct Watch {
    LanguageModel& model;
    ~Watch() { model.observe_inputs({}); }
  } watch{model_};
  model_.observe_inputs([&](const std::string& input, std::span<const float> x, std::size_t tokens) {
    if (const auto moment = moments_.find(input); moment != moments_.end()) moment->second->add(x, tokens);
  });
  const auto sequence = model_.new_sequence(windows_[0].size());
  for (std::size_t i = 0; i < windows_.size(); ++i) {
    control.report("reading the calibration text, " + std::to_string(100 * i / windows_.size()) + " %",
                   double(i), double(windows_.size()));
    sequence->truncate(0);
    sequence->forward(windows_[i], true, control.stop);
  }
}

std::shared_ptr<const HessianFactor> Calibration::factor(const LinearLayer& layer, const Rotation& rotation,
                                                         const JobControl& control) {
  if (factored_input_ == layer.input) return factor_;
  if (layer.block < begin_ || layer.block >= end_) gather(layer.block, control);
  const auto moment = moments_.find(layer.input);
  if (moment == moments_.end())
    throw Error(ErrorKind::internal, "the moment of " + layer.input + " was let go already");
  control.report(layer.name, 0, 0);
  factor_ = std::make_shared<const HessianFactor>(moment->second->finish(), rotation);
  factored_input_ = layer.input;
  moments_.erase(moment);
  return factor_;
}

} // namespace intarsia
