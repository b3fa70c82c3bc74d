// SPDX-License-Identifier: GPL-3.0-or-later
// StudioSession: quantizing, measuring what came of it, and the chat.
#include <QFileInfo>

#include "core/base/error.h"
#include "core/base/mapped_file.h"
#include "core/worker/worker_jobs.h"
#include "ui/session/device_jobs.h"
#include "ui/session/studio_session.h"

namespace intarsia::ui {
namespace {

std::filesystem::path to_path(const QString& path) { return path.toStdString(); }

constexpr EvaluationOptions quality_options{.context = 512, .most_tokens = 4096};

RunningModel load_to_chat(const Place& place, std::shared_ptr<const OpenedModel> opened,
                          const JobControl& control) {
  auto model = load_at(place, *opened, usual_context(*opened), control);
  return {std::move(opened), std::move(model)};
}

// Beside the original, where there is one.
Quality quality_of(const RunningModel& quantized, const RunningModel& original, const EvaluationText& text,
                   const JobControl& control) {
  Quality quality;
  if (!original) {
    quality.quantized_perplexity =
        perplexity_anywhere(*quantized.model, text, quality_options, control).perplexity;
    return quality;
  }
  const auto result = divergence_anywhere(*quantized.model, *original.model, text, quality_options, control);
  quality.original_perplexity = result.reference.perplexity;
  quality.quantized_perplexity = result.model.perplexity;
  quality.kl = result.mean_kl;
  return quality;
}

struct Exchange {
  std::string question, answer;
};

// A conversation with the model that knows what was said so far.
std::shared_ptr<Conversation> converse(const RunningModel& running, const std::string& system,
                                       const std::vector<Exchange>& history) {
  auto conversation = std::make_shared<Conversation>(*running.opened->tokenizer, *running.model,
                                                     usual_context(*running.opened), system);
  for (const Exchange& exchange : history) conversation->remember(exchange.question, exchange.answer);
  return conversation;
}

} // namespace

// --- quantize ---

bool StudioSession::can_resume(const QString& out) const {
  return QFileInfo::exists(out + QStringLiteral(".partial"));
}

void StudioSession::quantize(const QString& out, bool resume) {
  if (!plan() || !model_->checkpoint) return;
  quantized_layers_.clear();
  quality_.reset();
  quantize_job_ = {JobState::running, {}, 0, double(model_->graph().linear_weights()), -1, {}};
  emit quantize_changed();
  quantize_runner_.start([this, out, resume, opened = model_, plan = *plan(),
                          workplace = devices_.workplace()](const JobControl& control) -> JobRunner::Finish {
    QuantizeOptions options;
    options.resume = resume;
    options.on_layer = [this](const LayerDone& layer) {
      QMetaObject::invokeMethod(
          this, [this, layer] { quantized_layers_.push_back(layer); }, Qt::QueuedConnection);
    };
    const Place place = workplace->get();
    quantize_at(place, *opened, plan, to_path(out), options, control);
    auto artifact = std::make_shared<const OpenedModel>(intarsia::open_model(to_path(out)));
    const RunningModel running = load_to_chat(place, artifact, control);
    return [this, out, running, workplace] {
      artifact_path_ = out;
      conversation_.reset();
      chat_quantized_ = true;
      quantized_ = has_left(workplace) ? RunningModel() : running;
      measure_quality(running, workplace);
      emit chat_changed();
    };
  });
}

void StudioSession::cancel_quantize() { quantize_runner_.cancel(); }

// On the held-out text that came with the model, where there is one.
void StudioSession::measure_quality(const RunningModel& quantized,
                                    const std::shared_ptr<Workplace>& workplace) {
  const auto text = to_path(model_path_) / "heldout.txt";
  // In this process the original is there since its sensitivities were measured, or is not worth loading; a
  // worker loads it for this alone.
  const bool loads_original = uses_worker(workplace->device());
  if ((!original_ && !loads_original) || !model_->tokenizer || !std::filesystem::exists(text)) return;
  quality_runner_.start([this, text, quantized, workplace, opened = model_,
                         original = loads_original ? RunningModel() : original_](
                            const JobControl& control) mutable -> JobRunner::Finish {
    const EvaluationText measured = evaluation_text(*opened->tokenizer, read_text_file(text));
    QString no_original;
    if (!original) try {
        original = {opened, load_at(workplace->get(), *opened, quality_options.context, control)};
      } catch (const Error& error) { // it may be too large for the device: measure what can be
        if (error.kind() == ErrorKind::cancelled || !lives(*quantized.model)) throw;
        no_original = QString::fromUtf8(error.what());
      }
    Quality quality = quality_of(quantized, original, measured, control);
    quality.text = QString::fromStdString(text.string());
    quality.no_original = no_original;
    return [this, quality] {
      quality_ = quality;
      emit quality_changed();
    };
  });
}

// --- chat ---

void StudioSession::choose_chat_model(bool quantized) {
  if (quantized == chat_quantized_) return;
  chat_quantized_ = quantized;
  clear_chat();
}

void StudioSession::clear_chat() {
  chat_runner_.abandon();
  chat_.clear();
  conversation_.reset();
  emit chat_changed();
}

void StudioSession::drop_last_turn() {
  if (chat_.empty() || chat_runner_.running()) return;
  if (conversation_ && chat_.back().answered) conversation_->drop_last_turn();
  chat_.pop_back();
  emit chat_changed();
}

void StudioSession::stop_chat() { chat_runner_.cancel(); }

void StudioSession::send(const QString& message, const QString& system, const SamplingSettings& sampling,
                         int max_tokens) {
  if (!model_ || chat_runner_.running() || message.trimmed().isEmpty()) return;
  if (conversation_system_ != system) conversation_.reset();
  conversation_system_ = system;
  std::vector<Exchange> history;
  for (const ChatTurn& turn : chat_)
    if (turn.answered) history.push_back({turn.question.toStdString(), turn.answer.toStdString()});
  chat_.push_back({});
  chat_.back().question = message;
  chat_runner_.start([this, message, system, sampling, max_tokens, history,
                      running = chat_quantized_ ? quantized_ : original_, conversation = conversation_,
                      path = chat_quantized_ ? artifact_path_ : model_path_, quantized = chat_quantized_,
                      workplace =
                          devices_.workplace()](const JobControl& control) mutable -> JobRunner::Finish {
    if (!running || !lives(*running.model)) {
      conversation.reset();
      running =
          load_to_chat(workplace->get(),
                       std::make_shared<const OpenedModel>(intarsia::open_model(to_path(path))), control);
    }
    if (!running.opened->tokenizer)
      throw input_error(path.toStdString() + ": has no tokenizer, so it cannot chat");
    if (!conversation) conversation = converse(running, system.toStdString(), history);
    const auto on_text = [this](std::string_view piece) {
      QMetaObject::invokeMethod(
          this,
          [this, text = QString::fromUtf8(piece.data(), qsizetype(piece.size()))] { add_answer_text(text); },
          Qt::QueuedConnection);
    };
    const auto result =
        conversation->reply(message.toStdString(), std::size_t(max_tokens), sampling, on_text, control.stop);
    return [this, result, running, conversation, quantized, workplace] {
      finish_answer(result, *conversation);
      if (has_left(workplace)) return; // nothing is kept on a device that is no longer the chosen one
      (quantized ? quantized_ : original_) = running;
      conversation_ = conversation;
    };
  });
  emit chat_changed();
}

void StudioSession::add_answer_text(const QString& piece) {
  if (chat_.empty() || chat_.back().finished) return;
  chat_.back().answer += piece;
  emit chat_text(piece);
}

void StudioSession::finish_answer(const GenerationResult& result, const Conversation& conversation) {
  if (chat_.empty()) return;
  ChatTurn& turn = chat_.back();
  turn.answer = QString::fromStdString(result.text);
  turn.finished = turn.answered = true;
  turn.reason = result.reason;
  turn.tokens = result.tokens.size();
  turn.first_token_seconds = result.prefill_seconds;
  if (result.decode_seconds > 0)
    turn.tokens_per_second = double(result.tokens.size() - 1) / result.decode_seconds;
  turn.context_used = conversation.context_used();
  turn.context_size = conversation.context_size();
  emit chat_changed();
}

// Without a result: it failed, or was stopped before it began.
void StudioSession::end_answer(const QString& problem) {
  if (chat_.empty()) return;
  chat_.back().finished = true;
  chat_.back().reason = StopReason::stopped;
  chat_.back().problem = problem;
  emit chat_changed();
}

} // namespace intarsia::ui
