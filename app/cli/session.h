// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What every verb needs: where progress goes, and the stop that Ctrl-C asks for.
#pragma once

#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "app/cli/options.h"
#include "core/artifact/open_model.h"
#include "core/base/json.h"
#include "core/base/progress.h"
#include "core/device/device.h"
#include "core/jobs/execution_target.h"

namespace intarsia::cli {

// Progress on standard error: one line that is rewritten on a terminal, a line each ten percent otherwise.
JobControl make_control(const std::string& what);
void end_progress(); // leaves the rewritten line

// Ctrl-C and SIGTERM request a stop once; a second one ends the program at once.
void install_signal_handlers();
std::stop_token stop_token();
// Makes ready for the next stop, after a stopped answer; false when the program was asked to end (SIGTERM).
bool go_on_after_stop();

void print_json(const OrderedJson& json);

// The device of --device, refused where it is not a CPU, for verbs that compute in this process only.
Device chosen_device(const Options& options);
OptionSpec device_option();
OptionSpec kv_cache_option();
// What --kv-cache says; without it the plan's, else what the device does by itself.
std::optional<KvPrecision> chosen_kv_cache(const Options& options);
// Of --device and --threads.
ExecutionTarget chosen_target(const Options& options);

// load(), and what is to be said of the model on that device is said on standard error.
std::unique_ptr<LanguageModel> load_model(const ExecutionTarget& target, const OpenedModel& model,
                                          std::size_t context, const JobControl& control);
// Of the target's memory: what these models, each with such a context, should take ("predicted_bytes", on a
// GPU; else `on_cpu`), and the most that was taken so far ("peak_bytes").
OrderedJson memory_json(const ExecutionTarget& target, std::span<const OpenedModel* const> models,
                        std::size_t context, OrderedJson on_cpu);
// Says on standard error, once, what is odd in the tokenizer's files and was put right, unless `quiet`.
const Tokenizer& require_tokenizer(const OpenedModel& model, const std::string& path, bool quiet = false);
std::vector<int> read_tokens(const OpenedModel& model, const std::string& model_path,
                             const std::string& text_path);

} // namespace intarsia::cli
