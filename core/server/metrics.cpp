// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/server/metrics.h"

#include <fmt/format.h>

namespace intarsia::server {
namespace {

void header(std::string& text, const char* name, const char* type, const char* help) {
  text += fmt::format("# HELP intarsia_{0} {2}\n# TYPE intarsia_{0} {1}\n", name, type, help);
}

template <typename Number>
void metric(std::string& text, const char* name, const char* type, const char* help, Number value) {
  header(text, name, type, help);
  text += fmt::format("intarsia_{} {}\n", name, value);
}

} // namespace

void AnswerCounts::add(const std::string& path, int status) {
  const std::lock_guard lock(mutex_);
  ++counts_[{path, status}];
}

std::map<std::pair<std::string, int>, std::uint64_t> AnswerCounts::all() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

std::string metrics_text(const AnswerCounts& answers, const SchedulerCounts& counts) {
  std::string text;
  header(text, "http_requests_total", "counter", "Requests answered, by path and HTTP status.");
  for (const auto& [key, count] : answers.all())
    text += fmt::format("intarsia_http_requests_total{{path=\"{}\",status=\"{}\"}} {}\n", key.first,
                        key.second, count);
  metric(text, "responses_active", "gauge", "Responses being computed.", counts.active);
  metric(text, "responses_waiting", "gauge", "Responses waiting for their turn.", counts.waiting);
  metric(text, "responses_finished_total", "counter", "Responses computed to their end.", counts.finished);
  metric(text, "responses_cancelled_total", "counter", "Responses whose client has left.", counts.cancelled);
  metric(text, "responses_failed_total", "counter", "Responses that ended with an error.", counts.failed);
  metric(text, "responses_rejected_total", "counter", "Responses refused because too many waited.",
         counts.rejected);
  metric(text, "prompt_tokens_total", "counter", "Tokens of prompts.", counts.prompt_tokens);
  metric(text, "prompt_tokens_reused_total", "counter", "Of these, already in a KV cache.",
         counts.reused_tokens);
  metric(text, "generated_tokens_total", "counter", "Tokens generated.", counts.generated_tokens);
  metric(text, "first_token_seconds_total", "counter", "Time from a response's start to its first token.",
         counts.first_token_seconds);
  metric(text, "decode_seconds_total", "counter", "Time from first tokens to last ones.",
         counts.decode_seconds);
  metric(text, "decode_steps_total", "counter", "Decode steps, each for all active responses.", counts.steps);
  metric(text, "decode_step_tokens_total", "counter", "Tokens that these steps computed.",
         counts.stepped_tokens);
  return text;
}

} // namespace intarsia::server
