// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What clients of other local servers are used to: thoughts apart from answers, -1 for "none", llama.cpp's
// names.
#include "tests/support/http_client.h"

#include "core/artifact/open_model.h"
#include "core/server/http_server.h"
#include "tests/support/scripted_model.h"
#include "tests/support/test_support.h"

using namespace intarsia;
using namespace intarsia::test;

namespace {

const char* const chat_path = "/v1/chat/completions";

Json chat_body(int max_tokens) {
  return {{"messages", Json::array({{{"role", "user"}, {"content", "What is 2 and 2?"}}})},
          {"max_tokens", max_tokens},
          {"temperature", 0}};
}

} // namespace

class TestServerConventions : public QObject {
  Q_OBJECT

  OpenedModel model_;
  std::unique_ptr<LanguageModel> language_;

  // The demo's tokenizer with a template that ends with `prompt_end`, and a model that writes `text`.
  struct Served {
    std::unique_ptr<Tokenizer> tokenizer;
    std::unique_ptr<ScriptedModel> model;
    std::unique_ptr<HttpServer> server;
  };
  Served serve(const std::string& prompt_end, const std::string& text) {
    Served served;
    TokenizerSpec spec = model_.tokenizer->spec();
    spec.chat_template = "{{ messages[0].content }}{# </think> #}" + prompt_end;
    served.tokenizer = make_tokenizer(spec);
    std::vector<int> script = served.tokenizer->encode(text, {.add_special = false});
    script.push_back(spec.eos);
    served.model = std::make_unique<ScriptedModel>(*language_, std::move(script));
    ServerOptions options;
    options.port = 0;
    options.context = model_.config().max_positions;
    served.server = std::make_unique<HttpServer>(*served.tokenizer, *served.model, options);
    served.server->start();
    return served;
  }

 private slots:
  void initTestCase() {
    model_ = open_model(resources_folder() / "demo-model");
    language_ = load_on_cpu(model_.weights(), {}, {});
  }

  void thoughts_stand_apart_data() {
    QTest::addColumn<QString>("prompt_end");
    QTest::addColumn<QString>("text");
    QTest::addColumn<int>("max_tokens");
    QTest::addColumn<QString>("thought");
    QTest::addColumn<QString>("answer");
    QTest::newRow("marked") << ""
                            << "<think>\nTwo twice.\n</think>\n\nFour." << 100 << "Two twice."
                            << "Four.";
    QTest::newRow("begun by the prompt") << "<think>\n"
                                         << "Two twice.\n</think>\n\nFour." << 100 << "Two twice."
                                         << "Four.";
    QTest::newRow("none") << ""
                          << "Four." << 100 << QString() << "Four.";
    QTest::newRow("cut off") << "<think>\n"
                             << "Two twice is four and four is" << 2 << "Two"
                             << "";
  }
  void thoughts_stand_apart() {
    QFETCH(QString, prompt_end);
    QFETCH(QString, text);
    QFETCH(int, max_tokens);
    QFETCH(QString, thought);
    QFETCH(QString, answer);
    const Served served = serve(prompt_end.toStdString(), text.toStdString());
    HttpClient client(served.server->port());
    Json body = chat_body(max_tokens);
    const Json message = client.post(chat_path, body).json()["choices"][0]["message"];
    const auto found = QString::fromStdString(message.value("reasoning_content", ""));
    QVERIFY2(max_tokens < 100 ? text.startsWith(found) && !found.isEmpty() : found == thought,
             qPrintable(found));
    QCOMPARE(QString::fromStdString(message["content"].get<std::string>()), answer);

    body["stream"] = true;
    std::string streamed_thought, streamed_answer;
    for (const std::string& event : events_of(client.post(chat_path, body).body)) {
      const Json json = Json::parse(event, nullptr, false);
      if (!json.is_object()) continue;
      const Json& delta = json["choices"][0]["delta"];
      if (delta.contains("reasoning_content")) {
        QVERIFY(streamed_answer.empty());
        streamed_thought += delta["reasoning_content"].get<std::string>();
      }
      streamed_answer += delta.value("content", "");
    }
    QCOMPARE(QString::fromStdString(streamed_thought), found);
    QCOMPARE(QString::fromStdString(streamed_answer), answer);

    body = chat_body(max_tokens);
    body["reasoning_format"] = "none";
    const Json plain = client.post(chat_path, body).json()["choices"][0]["message"];
    QVERIFY(!plain.contains("reasoning_content"));
    const auto whole = QString::fromStdString(plain["content"].get<std::string>());
    QVERIFY2(text.startsWith(whole) && !whole.isEmpty(), qPrintable(whole));
  }

  void minus_one_is_none() {
    const Served served = serve("", "Four.");
    HttpClient client(served.server->port());
    const Json plain = client.post(chat_path, chat_body(100)).json()["choices"];
    Json body = chat_body(-1);
    for (const char* name : {"seed", "top_k", "max_completion_tokens"}) body[name] = -1;
    body["repeat_penalty"] = 1.1;
    body["cache_prompt"] = true;
    QCOMPARE(client.post(chat_path, body).json()["choices"].dump(), plain.dump());
    for (const char* name : {"seed", "top_k", "max_tokens"}) {
      Json wrong = chat_body(10);
      wrong[name] = -2;
      const HttpAnswer refused = client.post(chat_path, wrong);
      QCOMPARE(refused.status, 400);
      QCOMPARE(refused.json()["error"]["param"].get<std::string>(), std::string(name));
    }
    body["repetition_penalty"] = 1.1;
    QCOMPARE(client.post(chat_path, body).error_code(), std::string("unsupported_parameter"));
    body = chat_body(10);
    body["reasoning_format"] = "odd";
    QCOMPARE(client.post(chat_path, body).json()["error"]["param"].get<std::string>(),
             std::string("reasoning_format"));
  }

  // OpenAI counts text_offset in characters.
  void offsets_are_in_characters() {
    const Served served = serve("", "Größe ß");
    HttpClient client(served.server->port());
    const Json choice = client
                            .post("/v1/completions",
                                  {{"prompt", "a"}, {"max_tokens", 100}, {"temperature", 0}, {"logprobs", 1}})
                            .json()["choices"][0];
    QCOMPARE(choice["text"].get<std::string>(), std::string("Größe ß"));
    const Json& offsets = choice["logprobs"]["text_offset"];
    QCOMPARE(offsets.dump(), std::string("[0,1,2,2,3,3,4,5,6,6]")); // the demo's tokens are bytes here
  }
};

QTEST_GUILESS_MAIN(TestServerConventions)
#include "test_server_conventions.moc"
