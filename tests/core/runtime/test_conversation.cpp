// SPDX-License-Identifier: GPL-3.0-or-later
// Conversations that outgrow the context, questions that never fit, and where a plain chat ends.
#include "core/artifact/open_model.h"
#include "core/runtime/conversation.h"
#include "core/runtime/stop_text.h"
#include "tests/support/test_support.h"

using namespace intarsia;
using namespace intarsia::test;

class TestConversation : public QObject {
  Q_OBJECT

  OpenedModel model_;
  std::unique_ptr<LanguageModel> language_;
  SamplingSettings greedy_;

 private slots:
  void initTestCase() {
    model_ = open_model(resources_folder() / "demo-model");
    language_ = load_on_cpu(model_.weights(), {}, {});
    greedy_.temperature = 0;
  }

  void outgrows_the_context() {
    Conversation conversation(*model_.tokenizer, *language_, usual_context(model_), "");
    const std::size_t turns = 30;
    for (std::size_t i = 0; i < turns; ++i) {
      const auto result = conversation.reply("Is ebony a hard wood, and what glue is right for wet places?",
                                             24, greedy_, nullptr, {});
      QVERIFY(!result.tokens.empty());
      QVERIFY(conversation.context_used() <= conversation.context_size());
    }
    QCOMPARE(conversation.messages().size(), 2 * turns); // people still see all of it
  }

  void a_question_that_never_fits_is_forgotten() {
    Conversation conversation(*model_.tokenizer, *language_, usual_context(model_), "");
    conversation.reply("Is ebony a hard wood?", 16, greedy_, nullptr, {});
    std::string longest;
    while (longest.size() < 10000) longest += "Is ebony a hard wood? ";
    const std::string error = error_of([&] { conversation.reply(longest, 16, greedy_, nullptr, {}); });
    QVERIFY2(error.find("does not fit the context") != std::string::npos, error.c_str());
    QCOMPARE(conversation.messages().size(), std::size_t(2));
    QVERIFY(!conversation.reply("And oak?", 16, greedy_, nullptr, {}).tokens.empty());
  }

  void the_same_answer_with_and_without_what_was_cached() {
    const std::string question = "What glue is right for wet places?";
    Conversation fresh(*model_.tokenizer, *language_, usual_context(model_), ""),
        again(*model_.tokenizer, *language_, usual_context(model_), "");
    again.reply(question, 48, greedy_, nullptr, {});
    again.drop_last_turn();
    const auto first = fresh.reply(question, 48, greedy_, nullptr, {}),
               second = again.reply(question, 48, greedy_, nullptr, {});
    QCOMPARE(second.text, first.text);
    QVERIFY(second.reused_tokens > 0);
  }

  void a_stop_keeps_what_was_said() {
    Conversation conversation(*model_.tokenizer, *language_, usual_context(model_), "");
    std::stop_source stop;
    std::string streamed;
    const auto result = conversation.reply(
        "Is ebony a hard wood?", 100, greedy_,
        [&](std::string_view piece) {
          streamed += piece;
          stop.request_stop();
        },
        stop.get_token());
    QVERIFY(result.reason == StopReason::stopped);
    QVERIFY(!streamed.empty());
    QCOMPARE(result.text, streamed);
  }

  void stop_text_whatever_the_pieces() {
    const std::string whole = "Hi.\nUse it.\n\nUser: next";
    for (std::size_t cut = 1; cut <= whole.size(); ++cut) {
      std::string streamed;
      StopText filter("\nUser:", [&](std::string_view piece) { streamed += piece; });
      for (std::size_t i = 0; i < whole.size(); i += cut) filter.push(std::string_view(whole).substr(i, cut));
      QVERIFY(filter.came());
      QCOMPARE(streamed, std::string("Hi.\nUse it.\n"));
      QCOMPARE(filter.text(), streamed);
    }
  }

  void held_back_text_comes_out_at_the_end() {
    StopText filter("\nUser:", nullptr);
    filter.push("one\nUser");
    QCOMPARE(filter.text(), std::string("one"));
    filter.finish();
    QCOMPARE(filter.text(), std::string("one\nUser"));
    QVERIFY(!filter.came());
  }
};

QTEST_GUILESS_MAIN(TestConversation)
#include "test_conversation.moc"
