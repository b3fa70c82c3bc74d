// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Tokens a second of a model on the CPU, one JSON object: decoding, a prompt, and the bytes of its weights.
//   bench_forward MODEL [QUANTIZER] [--threads N] [--prompt N] [--tokens N] [--rounds N]
// With QUANTIZER the linears of the blocks are random codes of it and embedding and head are in f16, read as
// an artifact's: as fast as real ones. The rates are medians over the rounds.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fmt/format.h>
#include <string>
#include <vector>

#include "core/artifact/open_model.h"
#include "core/base/parallel.h"
#include "core/runtime/random_weights.h"

using namespace intarsia;

namespace {

double seconds_of(const auto& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

} // namespace

int main(int argc, char** argv) {
  std::string model_path, quantizer_name;
  std::size_t threads = 0, prompt = 512, tokens = 64, rounds = 5;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const auto number = [&] { return i + 1 < argc ? std::size_t(std::atoi(argv[++i])) : 0; };
    if (argument == "--threads")
      threads = number();
    else if (argument == "--prompt")
      prompt = number();
    else if (argument == "--tokens")
      tokens = number();
    else if (argument == "--rounds")
      rounds = number();
    else
      (model_path.empty() ? model_path : quantizer_name) = argument;
  }
  if (model_path.empty() || prompt == 0 || tokens == 0 || rounds == 0)
    return fmt::print(stderr,
                      "usage: bench_forward MODEL [QUANTIZER] [--threads N] [--prompt N] [--tokens N] "
                      "[--rounds N]\n"),
           2;
  const ThreadLimit limit(threads);
  const OpenedModel opened = open_model(model_path);
  const auto& source = opened.weights();
  const auto model =
      quantizer_name.empty()
          ? load_on_cpu(source, {.half_precision_weights = true}, {})
          : load_on_cpu(*random_weights(source.config(), source.graph(), parse_quantizer_id(quantizer_name)),
                        CpuOptions::of_artifact(), {});
  const auto sequence = model->new_sequence(prompt + tokens + 1);
  std::vector<int> text(prompt);
  for (std::size_t i = 0; i < prompt; ++i) text[i] = int((i * 7919 + 13) % model->config().vocabulary);
  std::vector<double> prefill, decode;
  for (std::size_t round = 0; round < rounds; ++round) {
    sequence->truncate(0);
    prefill.push_back(double(prompt) / seconds_of([&] { sequence->forward(text, true, {}); }));
    sequence->truncate(16); // decoding early in the context, as llama-bench does
    decode.push_back(double(tokens) / seconds_of([&] {
                       for (std::size_t i = 0; i < tokens; ++i)
                         sequence->forward({&text[i % prompt], 1}, true, {});
                     }));
  }
  fmt::print(
      "{{\"prefill_tokens_per_second\": {:.1f}, \"decode_tokens_per_second\": {:.1f}, \"threads\": {}, "
      "\"weight_bytes\": {}}}\n",
      median(prefill), median(decode), thread_count(), model->weight_bytes());
  return 0;
}
