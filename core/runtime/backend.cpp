// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/backend.h"

#include "core/runtime/dense_products.h"

namespace intarsia {
namespace {

class SeparateSequences : public SequenceBatch {
 public:
  SeparateSequences(LanguageModel& model, std::size_t count, std::size_t capacity) {
    for (std::size_t i = 0; i < count; ++i) sequences_.push_back(model.new_sequence(capacity));
  }

  std::vector<float> step(std::span<const int> tokens, std::stop_token stop) override {
    std::vector<float> logits;
    for (std::size_t i = 0; i < sequences_.size(); ++i) {
      const auto row = sequences_[i]->forward(tokens.subspan(i, 1), true, stop);
      logits.insert(logits.end(), row.begin(), row.end());
    }
    return logits;
  }

 private:
  std::vector<std::unique_ptr<Sequence>> sequences_;
};

} // namespace

std::unique_ptr<SequenceBatch> LanguageModel::new_batch(std::size_t count, std::size_t capacity) {
  return std::make_unique<SeparateSequences>(*this, count, capacity);
}

std::vector<float> LanguageModel::step(std::span<Sequence* const> sequences, std::span<const int> tokens,
                                       std::stop_token stop) {
  std::vector<std::size_t> lengths;
  for (const Sequence* sequence : sequences) lengths.push_back(sequence->length());
  std::vector<float> logits;
  try {
    for (std::size_t i = 0; i < sequences.size(); ++i) {
      const auto row = sequences[i]->forward(tokens.subspan(i, 1), true, stop);
      logits.insert(logits.end(), row.begin(), row.end());
    }
  } catch (...) {
    for (std::size_t i = 0; i < sequences.size(); ++i) sequences[i]->truncate(lengths[i]);
    throw;
  }
  return logits;
}

const DenseProducts& LanguageModel::products() const { return cpu_products(); }

} // namespace intarsia
