// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The conversation: questions, their answers (a question may have several), and who gave each.
#pragma once

#include <QString>
#include <memory>
#include <vector>

#include "core/jobs/execution_target.h"
#include "core/runtime/conversation.h"
#include "ui/session/loaded_models.h"

namespace intarsia::ui {

enum class Speaker { original, quantized };

struct ChatAnswer {
  QString text;
  Speaker speaker = Speaker::original;
  QString model; // who spoke, by name: "SmolLM2, original", "SmolLM2 at 3.25 bits"
  bool finished = false;
  bool answered = false; // to its end or to a stop: models are shown it with the next question
  QString problem;       // why there is no answer
  StopReason reason = StopReason::end_of_text;
  double tokens_per_second = 0, first_token_seconds = 0;
  std::size_t tokens = 0, context_used = 0, context_size = 0;
  SamplingSettings sampling;
};

struct ChatTurn {
  QString question;
  std::vector<ChatAnswer> answers; // never empty
  std::size_t shown = 0;           // the answer that counts: the next question follows it

  ChatAnswer& answer() { return answers[shown]; }
  const ChatAnswer& answer() const { return answers[shown]; }
};

// How to answer.
struct ChatSettings {
  QString system;
  SamplingSettings sampling;
  int max_tokens = 256;
};

// A model to speak, and where it is opened from.
struct ChatModel {
  QString path; // empty: there is none
  QString name;
};

class Chat : public QObject {
  Q_OBJECT
 public:
  explicit Chat(LoadedModels& models, QObject* parent = nullptr);

  // Another model is open: the conversation ends.
  void set_original(const ChatModel& model);
  void set_quantized(const ChatModel& model); // another was made: the conversation goes on
  void set_target(std::shared_ptr<const ExecutionTarget> target);

  const std::vector<ChatTurn>& turns() const { return turns_; }
  bool answering() const { return runner_.running(); }
  Speaker speaker() const { return speaker_; } // of the next answer
  const ChatModel& model(Speaker speaker) const {
    return speaker == Speaker::original ? original_ : quantized_;
  }
  bool can_answer() const { return !model(speaker_).path.isEmpty(); }

 public slots:
  void choose_speaker(intarsia::ui::Speaker speaker); // the conversation stays
  void send(const QString& question, const intarsia::ui::ChatSettings& settings);
  void regenerate(const intarsia::ui::ChatSettings& settings); // another answer to the last question
  // Another answer to show: of the last turn, the one that the conversation goes on from.
  void show_answer(std::size_t turn, std::size_t answer);
  void forget_from(std::size_t turn); // this question and all after it, to ask it in other words
  void stop() { runner_.cancel(); }
  void clear();

 signals:
  void changed();                  // turns added, finished or cleared; who speaks next
  void text(const QString& piece); // a piece of the last answer

 private:
  struct Exchange {
    std::string question, answer;
  };
  // A conversation with the model that it uses.
  struct Talk {
    RunningModel running;
    std::unique_ptr<Conversation> conversation; // last: it goes first
  };
  std::vector<Exchange> history(std::size_t turns) const; // of the first so many
  void answer_last(const ChatSettings& settings);
  ChatAnswer* present(); // the answer that is being given; null: none
  void finish(const GenerationResult& result, const Conversation& conversation);
  void end(const QString& problem);
  void forget_talk();
  static std::shared_ptr<Talk> converse(RunningModel running, const std::string& system,
                                        const std::vector<Exchange>& history);

  LoadedModels& models_;
  ChatModel original_, quantized_;
  std::shared_ptr<const ExecutionTarget> target_;
  std::vector<ChatTurn> turns_;
  Speaker speaker_ = Speaker::original;
  // That the last answer came from; used by one job at a time. Null: the next begins with the history.
  std::shared_ptr<Talk> talk_;
  QString talk_system_;
  JobRunner runner_, dropper_; // last: they use the others
};

} // namespace intarsia::ui
