// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The options that say how tokens are sampled and where a response ends.
#pragma once

#include <vector>

#include "app/cli/options.h"
#include "core/base/json.h"
#include "core/runtime/conversation.h"

namespace intarsia::cli {

std::vector<OptionSpec> sampling_options();
ReplyOptions reply_options(const Options& options); // throws Error{usage} naming the option

// A token each: `id`, `token` (its text), `log_probability` and `top`, a list of the same.
OrderedJson probabilities_json(const std::vector<SampledToken>& sampled, const Tokenizer& tokenizer);

} // namespace intarsia::cli
