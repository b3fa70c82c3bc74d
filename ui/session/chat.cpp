// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/session/chat.h"

#include <utility>

#include "core/base/error.h"
#include "core/jobs/load.h"
#include "ui/session/file_path.h"

namespace intarsia::ui {

Chat::Chat(LoadedModels& models, QObject* parent)
    : QObject(parent)
    , models_(models)
    , target_(std::make_shared<const ExecutionTarget>(Device())) {
  connect(&runner_, &JobRunner::failed, this, &Chat::end);
  connect(&runner_, &JobRunner::cancelled, this, [this] { end({}); }); // while it was loaded
}

void Chat::set_original(const ChatModel& model) {
  runner_.abandon();
  turns_.clear();
  forget_talk();
  original_ = model;
  quantized_ = {};
  speaker_ = Speaker::original;
  emit changed();
}

void Chat::set_quantized(const ChatModel& model) {
  if (speaker_ == Speaker::quantized || original_.path.isEmpty()) forget_talk();
  quantized_ = model;
  if (original_.path.isEmpty()) speaker_ = Speaker::quantized;
  emit changed();
}

void Chat::set_target(std::shared_ptr<const ExecutionTarget> target) {
  if (target == target_) return;
  target_ = std::move(target);
  runner_.cancel();
  forget_talk();
  emit changed();
}

// Off the GUI thread: a worker whose last model goes is waited for.
void Chat::forget_talk() {
  if (talk_)
    dropper_.start([talk = std::exchange(talk_, nullptr)](const JobControl&) { return JobRunner::Finish(); });
}

void Chat::choose_speaker(Speaker speaker) {
  if (speaker == speaker_ || model(speaker).path.isEmpty()) return;
  speaker_ = speaker;
  if (!answering()) forget_talk();
  emit changed();
}

void Chat::clear() {
  runner_.abandon();
  turns_.clear();
  forget_talk();
  emit changed();
}

void Chat::forget_from(std::size_t turn) {
  if (answering() || turn >= turns_.size()) return;
  turns_.resize(turn);
  forget_talk();
  emit changed();
}

void Chat::show_answer(std::size_t turn, std::size_t answer) {
  if (turn >= turns_.size() || answer >= turns_[turn].answers.size() || answering()) return;
  turns_[turn].shown = answer;
  forget_talk();
  emit changed();
}

std::vector<Chat::Exchange> Chat::history(std::size_t turns) const {
  std::vector<Exchange> said;
  for (std::size_t i = 0; i < turns; ++i)
    if (turns_[i].answer().answered)
      said.push_back({turns_[i].question.toStdString(), turns_[i].answer().text.toStdString()});
  return said;
}

// A conversation with the model that knows what was said so far.
std::shared_ptr<Chat::Talk> Chat::converse(RunningModel running, const std::string& system,
                                           const std::vector<Exchange>& history) {
  auto talk = std::make_shared<Talk>();
  talk->running = std::move(running);
  const OpenedModel& opened = *talk->running.opened;
  talk->conversation = std::make_unique<Conversation>(*opened.tokenizer, *talk->running.model,
                                                      default_context(opened), system);
  for (const Exchange& exchange : history) talk->conversation->add_turn(exchange.question, exchange.answer);
  return talk;
}

void Chat::send(const QString& question, const ChatSettings& settings) {
  if (!can_answer() || answering() || question.trimmed().isEmpty()) return;
  turns_.push_back({question, {}, 0});
  answer_last(settings);
}

void Chat::regenerate(const ChatSettings& settings) {
  if (!can_answer() || answering() || turns_.empty()) return;
  if (talk_ && turns_.back().answer().answered) talk_->conversation->drop_last_turn();
  answer_last(settings);
}

void Chat::answer_last(const ChatSettings& settings) {
  ChatTurn& turn = turns_.back();
  turn.answers.emplace_back();
  turn.shown = turn.answers.size() - 1;
  turn.answer().speaker = speaker_;
  turn.answer().model = model(speaker_).name;
  turn.answer().sampling = settings.sampling;
  if (talk_system_ != settings.system) forget_talk();
  talk_system_ = settings.system;
  runner_.start([this, settings, question = turn.question, speaker = speaker_, path = model(speaker_).path,
                 said = history(turns_.size() - 1), talk = talk_, target = target_,
                 running = speaker_ == Speaker::original ? models_.original : models_.quantized](
                    const JobControl& control, const JobRunner::Post& post) mutable -> JobRunner::Finish {
    if (talk) running = talk->running;
    if (!running || !is_alive(*running.model)) {
      talk.reset();
      auto opened = std::make_shared<const OpenedModel>(open_model(to_path(path)));
      auto model = load(*target, *opened, default_context(*opened), control);
      running = {std::move(opened), std::move(model)};
    }
    if (!running.opened->tokenizer)
      throw input_error(path.toStdString() + ": has no tokenizer, so it cannot chat");
    if (!talk) talk = converse(running, settings.system.toStdString(), said);
    const auto on_text = [&](std::string_view piece) {
      post([this, words = QString::fromUtf8(piece.data(), qsizetype(piece.size()))] {
        if (ChatAnswer* answer = present()) answer->text += words;
        emit text(words);
      });
    };
    const auto result = talk->conversation->reply(
        question.toStdString(), {std::size_t(settings.max_tokens), settings.sampling}, on_text, control.stop);
    return [this, result, talk, speaker, target, path] {
      finish(result, *talk->conversation);
      // Nothing is kept on a device that is no longer the chosen one, nor of a model that is no longer open.
      if (target != target_ || path != model(speaker).path) return;
      (speaker == Speaker::original ? models_.original : models_.quantized) = talk->running;
      if (speaker == speaker_) talk_ = talk;
      emit changed();
    };
  });
  emit changed();
}

ChatAnswer* Chat::present() {
  if (turns_.empty()) return nullptr;
  ChatAnswer& last = turns_.back().answers.back();
  return last.finished ? nullptr : &last;
}

void Chat::finish(const GenerationResult& result, const Conversation& conversation) {
  ChatAnswer* answer = present();
  if (!answer) return;
  answer->text = QString::fromStdString(result.text);
  answer->finished = answer->answered = true;
  answer->reason = result.reason;
  answer->tokens = result.tokens.size();
  answer->first_token_seconds = result.prefill_seconds;
  if (result.decode_seconds > 0)
    answer->tokens_per_second = double(result.tokens.size() - 1) / result.decode_seconds;
  answer->context_used = conversation.context_used();
  answer->context_size = conversation.context_size();
  emit changed();
}

// Without a result: it failed, or was stopped before it began.
void Chat::end(const QString& problem) {
  forget_talk();
  if (ChatAnswer* answer = present()) {
    answer->finished = true;
    answer->reason = StopReason::stopped;
    answer->problem = problem;
  }
  emit changed();
}

} // namespace intarsia::ui
