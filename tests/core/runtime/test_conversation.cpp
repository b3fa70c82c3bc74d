// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
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
    Conversation conversation(*model_.tokenizer, *language_, default_context(model_), "");
    const std::size_t turns = 30;
    for (std::size_t i = 0; i < turns; ++i) {
      const auto result = conversation.reply("Is ebony a hard wood, and what glue is right for wet places?",
                                             {24, greedy_}, nullptr, {});
      QVERIFY(!result.tokens.empty());
      QVERIFY(conversation.context_used() <= conversation.context_size());
    }
    QCOMPARE(conversation.messages().size(), 2 * turns); // people still see all of it
  }

  void a_question_that_never_fits_is_forgotten() {
    Conversation conversation(*model_.tokenizer, *language_, default_context(model_), "");
    conversation.reply("Is ebony a hard wood?", {16, greedy_}, nullptr, {});
    std::string longest;
    while (longest.size() < 10000) longest += "Is ebony a hard wood? ";
    const std::string error = error_of([&] { conversation.reply(longest, {16, greedy_}, nullptr, {}); });
    QVERIFY2(error.find("does not fit the context") != std::string::npos, error.c_str());
    QCOMPARE(conversation.messages().size(), std::size_t(2));
    QVERIFY(!conversation.reply("And oak?", {16, greedy_}, nullptr, {}).tokens.empty());
  }

  void a_full_context_is_refused_where_that_is_asked_for() {
    Conversation conversation(*model_.tokenizer, *language_, 96, "");
    ReplyOptions options;
    options.max_tokens = 16;
    options.sampling = greedy_;
    options.when_full = WhenFull::refuse;
    std::string error;
    std::size_t turns = 0;
    for (; error.empty() && turns < 30; ++turns)
      error =
          error_of([&] { conversation.reply("Is ebony a hard wood, and what glue?", options, nullptr, {}); });
    QVERIFY2(error.find("does not fit the context of 96 tokens") != std::string::npos, error.c_str());
    QCOMPARE(conversation.messages().size(), 2 * (turns - 1));
    options.when_full = WhenFull::drop_oldest;
    QVERIFY(!conversation.reply("And oak?", options, nullptr, {}).tokens.empty());
    QVERIFY(conversation.dropped_messages() > 0);
  }

  void a_message_that_the_template_refuses_is_forgotten() {
    TokenizerSpec spec = model_.tokenizer->spec();
    spec.chat_template =
        "{% for m in messages %}{% if 'bad' in m.content %}{{ raise_exception('no bad words') }}"
        "{% endif %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant:";
    const auto tokenizer = make_tokenizer(spec);
    Conversation conversation(*tokenizer, *language_, default_context(model_), "");
    conversation.reply("Is ebony a hard wood?", {8, greedy_}, nullptr, {});
    const std::string error = error_of([&] { conversation.reply("a bad one", {8, greedy_}, nullptr, {}); });
    QVERIFY2(error.find("no bad words") != std::string::npos, error.c_str());
    QCOMPARE(conversation.messages().size(), std::size_t(2));
    QVERIFY(!conversation.reply("And oak?", {8, greedy_}, nullptr, {}).tokens.empty());
  }

  // The prompt ends with the mark; without it the response would be an end without a beginning.
  void a_thought_that_the_prompt_begins_has_its_mark() {
    TokenizerSpec spec = model_.tokenizer->spec();
    spec.chat_template = "{% for m in messages %}{{ m.content.split('</think>')[-1] }}{% endfor %}<think>\n";
    const auto tokenizer = make_tokenizer(spec);
    Conversation conversation(*tokenizer, *language_, default_context(model_), "");
    std::string streamed;
    const auto result = conversation.reply("Is ebony a hard wood?", {8, greedy_},
                                           [&](std::string_view piece) { streamed += piece; }, {});
    QVERIFY(result.text.starts_with("<think>\n") && result.text.size() > 8);
    QCOMPARE(streamed, result.text);
    QVERIFY(conversation.messages().back().content == result.text);
  }

  void a_template_that_cannot_be_read_is_replaced_and_told_of() {
    TokenizerSpec spec = model_.tokenizer->spec();
    spec.chat_template = "{% for m in messages %}{{ m.content";
    const auto tokenizer = make_tokenizer(spec);
    Conversation conversation(*tokenizer, *language_, default_context(model_), "");
    QVERIFY(!conversation.template_problem().empty());
    QVERIFY(!conversation.reply("And oak?", {8, greedy_}, nullptr, {}).tokens.empty());
  }

  void stop_texts_end_an_answer_before_them() {
    Conversation conversation(*model_.tokenizer, *language_, default_context(model_), "");
    ReplyOptions options;
    options.max_tokens = 48;
    options.sampling = greedy_;
    const std::string question = "What glue is right for wet places?";
    const std::string whole = conversation.reply(question, options, nullptr, {}).text;
    QVERIFY(whole.size() > 12);
    conversation.drop_last_turn();
    options.stop_texts = {"no such text", whole.substr(7, 4)};
    std::string streamed;
    const auto result =
        conversation.reply(question, options, [&](std::string_view piece) { streamed += piece; }, {});
    const std::string expected = whole.substr(0, whole.find(options.stop_texts[1]));
    QCOMPARE(result.text, expected);
    QCOMPARE(streamed, expected);
    QVERIFY(result.reason == StopReason::end_of_text);
    QCOMPARE(result.stop_text, options.stop_texts[1]);
  }

  void log_probabilities_come_with_each_token() {
    Conversation conversation(*model_.tokenizer, *language_, default_context(model_), "");
    ReplyOptions options;
    options.max_tokens = 8;
    options.sampling = greedy_;
    options.log_probabilities = 3;
    const auto result = conversation.reply("And oak?", options, nullptr, {});
    QCOMPARE(result.sampled.size(), result.tokens.size());
    for (std::size_t i = 0; i < result.sampled.size(); ++i) {
      QCOMPARE(result.sampled[i].sampled.token, result.tokens[i]);
      QCOMPARE(result.sampled[i].top.size(), std::size_t(3));
      QVERIFY(result.sampled[i].top[0] == result.sampled[i].sampled); // the likeliest was taken
      QVERIFY(result.sampled[i].sampled.log_probability <= 0);
    }
  }

  void the_same_answer_with_and_without_what_was_cached() {
    const std::string question = "What glue is right for wet places?";
    Conversation fresh(*model_.tokenizer, *language_, default_context(model_), ""),
        again(*model_.tokenizer, *language_, default_context(model_), "");
    again.reply(question, {48, greedy_}, nullptr, {});
    again.drop_last_turn();
    const auto first = fresh.reply(question, {48, greedy_}, nullptr, {}),
               second = again.reply(question, {48, greedy_}, nullptr, {});
    QCOMPARE(second.text, first.text);
    QVERIFY(second.reused_tokens > 0);
  }

  void a_stop_keeps_what_was_said() {
    Conversation conversation(*model_.tokenizer, *language_, default_context(model_), "");
    std::stop_source stop;
    std::string streamed;
    const auto result = conversation.reply(
        "Is ebony a hard wood?", {100, greedy_},
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
      QVERIFY(filter.found());
      QCOMPARE(streamed, std::string("Hi.\nUse it.\n"));
      QCOMPARE(filter.text(), streamed);
    }
  }

  void the_first_of_several_stop_texts_whatever_the_pieces() {
    const std::string whole = "naïve é END tail STOP";
    for (std::size_t cut = 1; cut <= whole.size(); ++cut) {
      StopText filter({"STOP", "END", ""}, nullptr);
      for (std::size_t i = 0; i < whole.size(); i += cut) filter.push(std::string_view(whole).substr(i, cut));
      QCOMPARE(filter.text(), std::string("naïve é "));
      QCOMPARE(filter.marker(), std::string("END"));
    }
  }

  void held_back_text_comes_out_at_the_end() {
    StopText filter("\nUser:", nullptr);
    filter.push("one\nUser");
    QCOMPARE(filter.text(), std::string("one"));
    filter.finish();
    QCOMPARE(filter.text(), std::string("one\nUser"));
    QVERIFY(!filter.found());
  }
};

QTEST_GUILESS_MAIN(TestConversation)
#include "test_conversation.moc"
