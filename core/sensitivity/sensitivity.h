// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// How much the loss rises when a layer is distorted: a_l of the linearity theorem (HIGGS, arXiv 2411.17525):
// loss(Q) - loss(W) ~ sum_l a_l D_l, D_l = |Q_l(W_l) - W_l|^2 / |W_l|^2.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/base/progress.h"
#include "core/runtime/backend.h"
#include "core/runtime/output_gradients.h"

namespace intarsia {

struct Sensitivity {
  std::string model;
  std::string method; // "data-free", "text", or "provisional" where nothing was measured
  std::size_t samples = 0;
  std::uint64_t seed = 0;
  double seconds = 0;                            // that the estimate took; 0 when unknown
  std::map<std::string, double> layers;          // a_l by layer name, nats per token per unit of D
  std::map<std::string, double> standard_errors; // same keys; empty when unknown (an imported file)
  // f_l by layer of the blocks (core/sensitivity/feedback_factors.h): with feedback its loss is a_l f_l D_l.
  // Empty when unknown.
  std::map<std::string, double> feedback;
  bool calibrated = false; // `layers` are a_l f_l: for plans that will be rounded with feedback
};

// The same for rounding with feedback: layers and standard errors times f_l. As it is where these are
// unknown, or it is calibrated already.
Sensitivity for_calibrated(Sensitivity sensitivity);

// The same text serves calibration (core/sensitivity/own_text.h), so it is as that wants it: of 16,384 tokens
// many short sequences say more than few long ones, as each begins elsewhere, and very short ones less again.
// SmolLM2, KL on WikiText-2: with 3-bit NUQ 32 sequences of 512 tokens 0.342, 64 of 256 0.325, 128 of 128
// 0.311, 256 of 64 0.319; 128 of 512 (four times the text) 0.320; at temperature 0.7 0.383; with trellis
// codes at 3.25 bits, tokens weighed, 128 of 128 0.100, 256 of 64 0.104; with vq-3, tokens weighed,
// temperature 1.3 0.272, 1 0.255. The loss of a token falls with what came before it, so a_l overstates that
// of longer texts: with vq-4 and no feedback 0.350 foretold, 0.355 in windows of 128 tokens, 0.297 in windows
// of 512.
struct SensitivityOptions {
  std::size_t samples = 128;         // test sequences: what scatters is the text
  std::size_t sequence_length = 128; // tokens of each, or as many as the model takes
  std::uint64_t seed = 1;
  std::vector<int> prefix = {}; // of every sampled sequence, such as a begin token
};

// The curvature of KL(clean || noisy) in each layer's weights (core/sensitivity/fisher.h), the clipped mean
// over test sequences: cut from `text_tokens`, or, where there are none (data-free), sampled from the model
// itself after the prefix and one random token. The same options give the same result.
// `on_estimate`, which may be empty, sees what the sequences so far say, first after a sixteenth of them;
// what it sees of n sequences is what `samples = n` would give, `feedback` apart, which is measured last.
// Where it answers false the sequences so far are all.
// `on_weighed`, which may be empty too, sees the texts that the model wrote and what their tokens matter, as
// many as have been read at each estimate.
using OnEstimate = std::function<bool(const Sensitivity& so_far)>;
using OnWeighed = std::function<void(const std::vector<std::vector<int>>& sequences, const OutputGradients&)>;
Sensitivity estimate_sensitivity(LanguageModel& model, const WeightSource& weights,
                                 const std::string& model_name, std::span<const int> text_tokens,
                                 SensitivityOptions options, const JobControl& control,
                                 const OnEstimate& on_estimate = {}, const OnWeighed& on_weighed = {});

// How many of `samples` sequences have been read at each estimate: a sixteenth, an eighth, then every eighth.
std::vector<std::size_t> estimate_steps(std::size_t samples);

OrderedJson to_json(const Sensitivity& sensitivity);
// Throws Error naming the file and the layer: values must be finite and >= 0.
Sensitivity parse_sensitivity(const Json& json, const std::string& origin);
Sensitivity read_sensitivity(const std::filesystem::path& path);

} // namespace intarsia
