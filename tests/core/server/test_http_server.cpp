// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The server over real sockets: answers, streams, refusals, many clients, clients that leave.
#include "tests/support/http_client.h"

#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include "core/artifact/open_model.h"
#include "core/runtime/conversation.h"
#include "core/server/http_server.h"
#include "tests/support/held_model.h"
#include "tests/support/scripted_model.h"
#include "tests/support/test_support.h"

using namespace intarsia;
using namespace intarsia::test;

namespace {

const char* const chat_path = "/v1/chat/completions";
const char* const question = "What glue is right for wet places?";

Json chat_body(const std::string& text, int max_tokens = 24) {
  return {{"model", "demo"},
          {"messages", Json::array({{{"role", "user"}, {"content", text}}})},
          {"max_tokens", max_tokens},
          {"temperature", 0}};
}

std::string text_of(const Json& answer) {
  return answer["choices"][0]["message"]["content"].get<std::string>();
}

// The content of a chat's chunks.
std::string streamed_text(const std::vector<std::string>& events) {
  std::string text;
  for (const std::string& event : events) {
    const Json json = Json::parse(event, nullptr, false);
    if (json.is_object() && !json["choices"].empty() && json["choices"][0]["delta"].contains("content"))
      text += json["choices"][0]["delta"]["content"].get<std::string>();
  }
  return text;
}

// JSON with single quotes, which are easier to read here. (moc stumbles over raw strings.)
QString quoted(const char* text) { return QString::fromLatin1(text).replace('\'', '"'); }

template <typename Condition>
bool comes_true(Condition&& condition) {
  for (int i = 0; i < 1200; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(25));
  }
  return false;
}

// Sends bytes as they are, and reads what comes until the server closes.
std::string raw_exchange(int port, const std::string& bytes) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(std::uint16_t(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string answer;
  if (::connect(socket, static_cast<sockaddr*>(static_cast<void*>(&address)), sizeof address) == 0) {
    for (std::size_t sent = 0; sent < bytes.size();) {
      const ssize_t size = ::send(socket, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (size <= 0) break;
      sent += std::size_t(size);
    }
    char buffer[4096];
    for (ssize_t size = 0; (size = ::recv(socket, buffer, sizeof buffer, 0)) > 0;)
      answer.append(buffer, std::size_t(size));
  }
  ::close(socket);
  return answer;
}

std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t total = 0, resident = 0;
  file >> total >> resident;
  return resident * std::size_t(::sysconf(_SC_PAGESIZE));
}

} // namespace

class TestHttpServer : public QObject {
  Q_OBJECT

  OpenedModel model_;
  std::unique_ptr<LanguageModel> language_;
  std::unique_ptr<HttpServer> server_;

  ServerOptions options() const {
    ServerOptions options;
    options.port = 0;
    options.model_name = "demo";
    options.context = model_.config().max_positions;
    return options;
  }
  std::unique_ptr<HttpServer> serve(const ServerOptions& chosen) { return serve(chosen, *language_); }
  std::unique_ptr<HttpServer> serve(const ServerOptions& chosen, LanguageModel& model) {
    auto server = std::make_unique<HttpServer>(*model_.tokenizer, model, chosen);
    server->start();
    return server;
  }
  std::string expected_text(const std::string& text, std::size_t max_tokens) {
    Conversation conversation(*model_.tokenizer, *language_, model_.config().max_positions, "");
    SamplingSettings greedy;
    greedy.temperature = 0;
    return conversation.reply(text, {max_tokens, greedy}, nullptr, {}).text;
  }

  // A server of a model that answers `text`.
  std::pair<std::unique_ptr<ScriptedModel>, std::unique_ptr<HttpServer>> serve_script(const char* text) {
    Tokenizer::EncodeOptions plain;
    plain.add_special = false;
    std::vector<int> script = model_.tokenizer->encode(quoted(text).toStdString(), plain);
    script.push_back(model_.tokenizer->spec().eos);
    auto model = std::make_unique<ScriptedModel>(*language_, std::move(script));
    auto server = serve(options(), *model);
    return {std::move(model), std::move(server)};
  }

 private slots:
  void initTestCase() {
    model_ = open_model(resources_folder() / "demo-model");
    language_ = load_on_cpu(model_.weights(), {}, {});
    server_ = serve(options());
    QVERIFY(server_->address().starts_with("http://127.0.0.1:"));
    QVERIFY(!server_->is_public());
  }

  void tells_what_it_serves() {
    HttpClient client(server_->port());
    QCOMPARE(client.get("/health").json()["status"].get<std::string>(), std::string("ok"));
    const Json models = client.get("/v1/models").json();
    QCOMPARE(models["object"].get<std::string>(), std::string("list"));
    QCOMPARE(models["data"].size(), std::size_t(1));
    QCOMPARE(models["data"][0]["id"].get<std::string>(), std::string("demo"));
    QCOMPARE(client.get("/v1/models/demo").json()["object"].get<std::string>(), std::string("model"));
    QCOMPARE(client.get("/v1/models/other").error_code(), std::string("model_not_found"));
    const HttpAnswer answer = client.get("/health");
    QVERIFY(!answer.headers.contains("Access-Control-Allow-Origin"));
  }

  void answers_as_a_conversation_does() {
    HttpClient client(server_->port());
    const HttpAnswer answer = client.post(chat_path, chat_body(question));
    QCOMPARE(answer.status, 200);
    const Json json = answer.json();
    QCOMPARE(text_of(json), expected_text(question, 24));
    QCOMPARE(json["object"].get<std::string>(), std::string("chat.completion"));
    QCOMPARE(json["choices"][0]["message"]["role"].get<std::string>(), std::string("assistant"));
    const Json& usage = json["usage"];
    QCOMPARE(usage["total_tokens"].get<int>(),
             usage["prompt_tokens"].get<int>() + usage["completion_tokens"].get<int>());
    QCOMPARE(json["choices"][0]["finish_reason"].get<std::string>(),
             std::string(usage["completion_tokens"] == 24 ? "length" : "stop"));
  }

  void a_stream_is_the_answer_in_pieces() {
    HttpClient client(server_->port());
    Json body = chat_body(question);
    body["stream"] = true;
    body["stream_options"] = {{"include_usage", true}};
    const HttpAnswer answer = client.post(chat_path, body);
    QVERIFY(answer.headers.find("Content-Type")->second.starts_with("text/event-stream"));
    const auto events = events_of(answer.body);
    QVERIFY(events.size() > 5);
    QCOMPARE(events.back(), std::string("[DONE]"));
    QCOMPARE(streamed_text(events), expected_text(question, 24));
    const Json usage = Json::parse(events[events.size() - 2]);
    QVERIFY(usage["choices"].empty() && usage["usage"]["completion_tokens"].get<int>() > 0);
    const Json last = Json::parse(events[events.size() - 3]);
    QVERIFY(last["choices"][0]["finish_reason"].is_string() && last["choices"][0]["delta"].empty());
    QCOMPARE(Json::parse(events[0])["choices"][0]["delta"]["role"].get<std::string>(),
             std::string("assistant"));
  }

  void stop_texts_end_an_answer() {
    HttpClient client(server_->port());
    const std::string whole = expected_text(question, 24);
    Json body = chat_body(question);
    body["stop"] = whole.substr(9, 3);
    const Json json = client.post(chat_path, body).json();
    QCOMPARE(text_of(json), whole.substr(0, whole.find(whole.substr(9, 3))));
    QCOMPARE(json["choices"][0]["finish_reason"].get<std::string>(), std::string("stop"));
  }

  void calls_of_tools_data() {
    QTest::addColumn<QString>("script");
    QTest::addColumn<QString>("content"); // null: none
    QTest::addColumn<int>("calls");
    QTest::newRow("no call") << "At noon."
                             << "At noon." << 0;
    QTest::newRow("Hermes") << "I look. <tool_call>{'name': 'time', 'arguments': {'of': 'oak'}}</tool_call>"
                            << "I look." << 1;
    QTest::newRow("Llama 3") << "{'name': 'time', 'parameters': {'of': 'oak'}}" << QString() << 1;
    QTest::newRow("Mistral")
        << "[{'name': 'time', 'arguments': {'of': 'oak'}}, {'name': 'time', 'arguments': {}}]" << QString()
        << 2;
    QTest::newRow("no tool's name") << "{'name': 'oak', 'parameters': {}}"
                                    << quoted("{'name': 'oak', 'parameters': {}}") << 0;
  }
  void calls_of_tools() {
    QFETCH(QString, script);
    QFETCH(QString, content);
    QFETCH(int, calls);
    const auto [model, server] = serve_script(script.toUtf8().constData());
    HttpClient client(server->port());
    Json body = chat_body("What time is it?", 100);
    body["tools"] = Json::parse(
        quoted("[{'type': 'function', 'function': {'name': 'time', 'parameters': {'type': 'object'}}}]")
            .toStdString());
    const Json whole = client.post(chat_path, body).json();
    const Json message = whole["choices"][0]["message"];
    QVERIFY(content.isNull() ? message["content"].is_null()
                             : message["content"].get<std::string>() == content.toStdString());
    QCOMPARE(int(message.value("tool_calls", Json::array()).size()), calls);
    QCOMPARE(whole["choices"][0]["finish_reason"].get<std::string>(),
             std::string(calls > 0 ? "tool_calls" : "stop"));
    body["stream"] = true;
    const auto events = events_of(client.post(chat_path, body).body);
    QCOMPARE(QString::fromStdString(streamed_text(events)), content.isNull() ? "" : content);
    Json streamed = Json::array();
    std::string reason;
    for (const std::string& event : events) {
      const Json json = Json::parse(event, nullptr, false);
      if (!json.is_object()) continue;
      const Json& choice = json["choices"][0];
      for (const Json& call : choice["delta"].value("tool_calls", Json::array())) streamed.push_back(call);
      if (choice["finish_reason"].is_string()) reason = choice["finish_reason"].get<std::string>();
    }
    QCOMPARE(reason, std::string(calls > 0 ? "tool_calls" : "stop"));
    QCOMPARE(int(streamed.size()), calls);
    for (int i = 0; i < calls; ++i) {
      const Json &one = message["tool_calls"][std::size_t(i)], &other = streamed[std::size_t(i)];
      QCOMPARE(other["index"].get<int>(), i);
      QVERIFY(one["id"].get<std::string>().starts_with("call_") && one["type"] == "function");
      QVERIFY(one["function"] == other["function"] && one["function"]["name"] == "time");
      QVERIFY(Json::accept(one["function"]["arguments"].get<std::string>()));
    }
    body.erase("tools"); // then it is text
    QCOMPARE(QString::fromStdString(streamed_text(events_of(client.post(chat_path, body).body))),
             QString::fromStdString(quoted(script.toUtf8().constData()).toStdString()));
  }

  void log_probabilities_spell_the_text() {
    HttpClient client(server_->port());
    Json body = chat_body(question);
    body["logprobs"] = true;
    body["top_logprobs"] = 2;
    const Json whole = client.post(chat_path, body).json();
    std::string spelled;
    for (const Json& token : whole["choices"][0]["logprobs"]["content"]) {
      spelled += token["token"].get<std::string>();
      QCOMPARE(token["top_logprobs"].size(), std::size_t(2));
      QCOMPARE(token["top_logprobs"][0]["logprob"].get<double>(), token["logprob"].get<double>());
    }
    QCOMPARE(spelled, text_of(whole));
    body["stream"] = true;
    std::string streamed;
    for (const std::string& event : events_of(client.post(chat_path, body).body)) {
      const Json json = Json::parse(event, nullptr, false);
      if (json.is_object() && json["choices"][0]["logprobs"].is_object())
        for (const Json& token : json["choices"][0]["logprobs"]["content"])
          streamed += token["token"].get<std::string>();
    }
    QCOMPARE(streamed, spelled);
  }

  void several_choices_and_seeds() {
    HttpClient client(server_->port());
    Json body = chat_body(question);
    body["n"] = 3;
    body["temperature"] = 1.2;
    body["seed"] = 5;
    const Json one = client.post(chat_path, body).json(), two = client.post(chat_path, body).json();
    QCOMPARE(one["choices"].size(), std::size_t(3));
    QVERIFY(one["choices"] == two["choices"]);
    QVERIFY(one["choices"][0]["message"] != one["choices"][1]["message"]);
  }

  void texts_and_tokens_are_continued() {
    HttpClient client(server_->port());
    const Json split = client.post("/tokenize", Json{{"content", "Ebony is"}}).json();
    QCOMPARE(split["tokens"].get<std::vector<int>>(), model_.tokenizer->encode("Ebony is"));
    QCOMPARE(
        client.post("/detokenize", Json{{"tokens", split["tokens"]}}).json()["content"].get<std::string>(),
        model_.tokenizer->decode(split["tokens"].get<std::vector<int>>(), true));
    const Json by_text =
        client.post("/v1/completions", Json{{"prompt", "Ebony is"}, {"temperature", 0}, {"echo", true}})
            .json();
    const Json by_tokens =
        client
            .post("/v1/completions", Json{{"prompt", Json::array({split["tokens"], "Oak is"})},
                                          {"temperature", 0},
                                          {"logprobs", 1}})
            .json();
    const bool stopped = by_text["choices"][0]["finish_reason"] == "stop";
    QVERIFY(stopped || by_text["usage"]["completion_tokens"] == 16); // OpenAI's default
    QCOMPARE(by_tokens["choices"].size(), std::size_t(2));
    QVERIFY(by_text["choices"][0]["text"].get<std::string>().ends_with(
        by_tokens["choices"][0]["text"].get<std::string>()));
    QVERIFY(by_text["choices"][0]["text"].get<std::string>().starts_with("Ebony is"));
    const Json& logprobs = by_tokens["choices"][1]["logprobs"];
    QCOMPARE(logprobs["tokens"].size(), logprobs["token_logprobs"].size());
    QCOMPARE(logprobs["text_offset"][0].get<int>(), 0);
  }

  void a_bias_forbids_a_token() {
    HttpClient client(server_->port());
    Json body{{"prompt", "Ebony is"}, {"temperature", 0}, {"max_tokens", 1}, {"logprobs", 1}};
    const Json free = client.post("/v1/completions", body).json();
    const std::string first = free["choices"][0]["text"].get<std::string>();
    const auto tokens = model_.tokenizer->encode("Ebony is");
    std::vector<int> with = model_.tokenizer->encode("Ebony is" + first);
    QVERIFY(with.size() > tokens.size());
    body["logit_bias"] = {{std::to_string(with[tokens.size()]), -100}};
    const Json bent = client.post("/v1/completions", body).json();
    QVERIFY(bent["choices"][0]["text"].get<std::string>() != first);
  }

  void refuses_with_the_right_code_data() {
    QTest::addColumn<QString>("body");
    QTest::addColumn<int>("status");
    QTest::addColumn<QString>("code");
    QTest::newRow("malformed") << quoted("{'messages': [") << 400 << "invalid_json";
    QTest::newRow("empty") << "" << 400 << "invalid_json";
    QTest::newRow("a list") << "[]" << 400 << "invalid_json";
    QTest::newRow("nested deeply") << QString("[").repeated(5000) << 400 << "invalid_json";
    QTest::newRow("no messages") << "{}" << 400 << "missing_required_parameter";
    QTest::newRow("unknown field") << quoted("{'messages':[{'role':'user','content':'a'}],'temprature':1}")
                                   << 400 << "unknown_parameter";
    QTest::newRow("unknown role") << quoted("{'messages':[{'role':'pope','content':'a'}]}") << 400
                                  << "invalid_value";
    QTest::newRow("an image") << quoted("{'messages':[{'role':'user','content':[{'type':'image_url'}]}]}")
                              << 400 << "unsupported_value";
    QTest::newRow("temperature") << quoted("{'messages':[{'role':'user','content':'a'}],'temperature':2.5}")
                                 << 400 << "invalid_value";
    QTest::newRow("a text for a number")
        << quoted("{'messages':[{'role':'user','content':'a'}],'top_p':'0.5'}") << 400 << "invalid_type";
    QTest::newRow("max_tokens") << quoted("{'messages':[{'role':'user','content':'a'}],'max_tokens':0}")
                                << 400 << "invalid_value";
    QTest::newRow("n") << quoted("{'messages':[{'role':'user','content':'a'}],'n':1000}") << 400
                       << "invalid_value";
    QTest::newRow("another model") << quoted("{'model':'gpt-4o','messages':[{'role':'user','content':'a'}]}")
                                   << 404 << "model_not_found";
    QTest::newRow("json mode")
        << quoted("{'messages':[{'role':'user','content':'a'}],'response_format':{'type':'json_object'}}")
        << 400 << "unsupported_parameter";
    QTest::newRow("bias beyond the vocabulary")
        << quoted("{'messages':[{'role':'user','content':'a'}],'logit_bias':{'99999999':1}}") << 400
        << "invalid_value";
    QTest::newRow("too long") << quoted("{'messages':[{'role':'user','content':'") +
                                     QString("wood ").repeated(2000) + quoted("'}]}")
                              << 400 << "context_length_exceeded";
    QTest::newRow("10 MB") << quoted("{'messages':[{'role':'user','content':'") +
                                  QString("a").repeated(10000000) + quoted("'}]}")
                           << 413 << "request_too_large";
    QTest::newRow("7 MB") << quoted("{'messages':[{'role':'user','content':'") +
                                 QString("a").repeated(7000000) + quoted("'}]}")
                          << 400 << "context_length_exceeded";
  }

  void refuses_with_the_right_code() {
    QFETCH(QString, body);
    QFETCH(int, status);
    QFETCH(QString, code);
    HttpClient client(server_->port());
    const HttpAnswer answer = client.post(chat_path, body.toStdString());
    QCOMPARE(answer.status, status);
    QCOMPARE(QString::fromStdString(answer.error_code()), code);
    QCOMPARE(client.get("/health").status, 200);
  }

  void refuses_paths_and_methods() {
    HttpClient client(server_->port());
    QCOMPARE(client.get("/v1/nothing").status, 404);
    QCOMPARE(client.get("/v1/nothing").error_code(), std::string("unknown_url"));
    QCOMPARE(client.get(chat_path).status, 405);
    QCOMPARE(client.post("/v1/models", "{}").status, 405);
    QCOMPARE(answer_of(client.raw().Post(chat_path, "--x\r\n", "multipart/form-data; boundary=x")).status,
             415);
    QCOMPARE(client.post("/v1/embeddings", "{\"input\":\"a\"}").status, 404);
    QCOMPARE(client.get("/" + std::string(4000, 'a')).status, 414);
    QCOMPARE(answer_of(client.raw().Options(chat_path)).status, 405); // no CORS
    QCOMPARE(answer_of(client.raw().Put(chat_path, "{}", "application/json")).status, 405);
  }

  void pages_of_other_origins_are_refused() {
    httplib::Client client("127.0.0.1", server_->port());
    const std::string body = chat_body("a", 1).dump();
    QCOMPARE(
        answer_of(client.Post(chat_path, {{"Origin", "https://example.org"}}, body, "text/plain")).status,
        403);
    QCOMPARE(answer_of(client.Get("/v1/models", {{"Host", "rebound.example.org"}})).status, 403);
    QCOMPARE(answer_of(client.Get("/v1/models", {{"Origin", "http://localhost:3000"}})).status, 200);
  }

  void wants_its_key() {
    ServerOptions keyed = options();
    keyed.api_key = "sk-right";
    const auto server = serve(keyed);
    QCOMPARE(HttpClient(server->port()).get("/v1/models").status, 401);
    QCOMPARE(HttpClient(server->port()).post(chat_path, chat_body("a", 1)).error_code(),
             std::string("invalid_api_key"));
    for (const char* wrong : {"sk-wrong", "sk-righ", "sk-right2", "s", "sk-rightsk-right"})
      QCOMPARE(HttpClient(server->port(), wrong).get("/v1/models").status, 401);
    QCOMPARE(HttpClient(server->port(), "sk-right").get("/v1/models").status, 200);
    QCOMPARE(HttpClient(server->port(), "sk-right").post(chat_path, chat_body("a", 1)).status, 200);
    QCOMPARE(HttpClient(server->port()).get("/health").status, 200);
  }

  void bounds_of_what_arrives() {
    ServerOptions narrow = options();
    narrow.max_body_bytes = 2048;
    const auto server = serve(narrow); // a large request takes its time on a busy machine
    QCOMPARE(HttpClient(server->port()).post(chat_path, chat_body(std::string(4000, 'a'))).status, 413);
    const std::string chunked =
        "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n" +
        std::string(4096, 'a') + "\r\n0\r\n\r\n";
    QVERIFY(raw_exchange(server->port(), chunked).starts_with("HTTP/1.1 413"));
    std::string headers = "GET /health HTTP/1.1\r\n";
    for (int i = 0; i < 2000; ++i)
      headers += "X-Header-" + std::to_string(i) + ": " + std::string(50, 'x') + "\r\n";
    QVERIFY(raw_exchange(server->port(), headers + "\r\n").starts_with("HTTP/1.1 431"));
    narrow.request_timeout = std::chrono::milliseconds(400);
    const auto short_timeout = serve(narrow);
    const int port = short_timeout->port();
    QVERIFY(raw_exchange(port, "POST /v1/completions HTTP/1.1\r\nHost: loc").starts_with("HTTP/1.1 408"));
    QVERIFY(
        raw_exchange(port, "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{")
            .starts_with("HTTP/1.1 408"));
    QVERIFY(raw_exchange(port, "\x16\x03\x01 no HTTP\r\n\r\n").starts_with("HTTP/1.1 400"));
    QCOMPARE(HttpClient(port).get("/health").status, 200);
  }

  void eight_clients_lose_nothing() {
    const std::vector<std::string> questions{"Is ebony a hard wood?", question, "And oak?", "What is teak?"};
    std::vector<std::string> expected;
    for (const std::string& text : questions) expected.push_back(expected_text(text, 40));
    std::atomic<int> wrong = 0, done = 0;
    std::vector<std::thread> clients;
    for (std::size_t c = 0; c < 8; ++c)
      clients.emplace_back([&, c] {
        HttpClient client(server_->port());
        for (std::size_t i = 0; i < 6; ++i) {
          const std::size_t which = (c + i) % questions.size();
          Json body = chat_body(questions[which], 40);
          if (i % 2) body["stream"] = true;
          const HttpAnswer answer = client.post(chat_path, body);
          const std::string text = i % 2                  ? streamed_text(events_of(answer.body))
                                   : answer.status == 200 ? text_of(answer.json())
                                                          : "none";
          if (text != expected[which]) ++wrong;
          ++done;
        }
      });
    for (std::thread& client : clients) client.join();
    QCOMPARE(done.load(), 48);
    QCOMPARE(wrong.load(), 0);
    const auto metrics_have = [&](const char* text) {
      return HttpClient(server_->port()).get("/metrics").body.find(text) != std::string::npos;
    };
    QVERIFY(comes_true([&] { return metrics_have("intarsia_responses_active 0\n"); })); // after the last byte
    const std::string metrics = HttpClient(server_->port()).get("/metrics").body;
    QVERIFY(metrics.find("# TYPE intarsia_generated_tokens_total counter\n") != std::string::npos);
    QVERIFY(metrics.find("intarsia_http_requests_total{path=\"/v1/chat/completions\",status=\"200\"}") !=
            std::string::npos);
  }

  void too_many_are_told_to_come_again() {
    HeldModel held(*language_);
    ServerOptions narrow = options();
    narrow.parallel = 1;
    narrow.queue = 1;
    const auto server = serve(narrow, held);
    std::vector<std::thread> clients;
    std::atomic<int> answered = 0;
    for (int i = 0; i < 2; ++i) // one is answered, one waits
      clients.emplace_back([&] {
        if (HttpClient(server->port()).post(chat_path, chat_body("a", 4)).status == 200) ++answered;
      });
    QVERIFY(comes_true([&] { return server->status().active == 1 && server->status().waiting == 1; }));
    const HttpAnswer third = HttpClient(server->port()).post(chat_path, chat_body("a", 4));
    QCOMPARE(third.status, 429);
    QCOMPARE(third.error_code(), std::string("rate_limit_exceeded"));
    QVERIFY(third.headers.contains("Retry-After"));
    held.allow(1000);
    for (std::thread& client : clients) client.join();
    QCOMPARE(answered.load(), 2);
    QCOMPARE(HttpClient(server->port()).post(chat_path, chat_body("a", 4)).status, 200);
  }

  void who_leaves_is_not_computed_for() {
    HeldModel held(*language_);
    const auto server = serve(options(), held);
    Json body = chat_body(question, 200);
    body["stream"] = true;
    std::thread leaver([&] {
      httplib::Request request;
      request.method = "POST";
      request.path = chat_path;
      request.body = body.dump();
      request.set_header("Content-Type", "application/json");
      request.content_receiver = [](const char*, std::size_t, std::uint64_t, std::uint64_t) { return false; };
      httplib::Client client("127.0.0.1", server->port());
      client.send(request); // leaves at the first bytes
    });
    held.allow(1);
    leaver.join();
    std::thread waiter([&] { // leaves while its whole answer is computed
      httplib::Client client("127.0.0.1", server->port());
      client.set_read_timeout(0, 300000);
      client.Post(chat_path, chat_body(question, 200).dump(), "application/json");
    });
    waiter.join();
    const auto metrics = [&] { return HttpClient(server->port()).get("/metrics").body; };
    QVERIFY(comes_true([&] {
      held.allow(1); // the scheduler looks around between steps
      return metrics().find("intarsia_responses_cancelled_total 2\n") != std::string::npos;
    }));
    QCOMPARE(server->status().active, std::size_t(0));
    held.allow(1000);
    QCOMPARE(HttpClient(server->port()).post(chat_path, chat_body("a", 4)).status, 200);
  }

  void a_response_has_its_time() {
    HeldModel held(*language_);
    ServerOptions hasty = options();
    hasty.response_timeout = std::chrono::milliseconds(300);
    const auto server = serve(hasty, held);
    QCOMPARE(HttpClient(server->port()).post(chat_path, chat_body("a", 4)).status, 504);
    Json body = chat_body("a", 4);
    body["stream"] = true;
    const auto events = events_of(HttpClient(server->port()).post(chat_path, body).body);
    QVERIFY(Json::parse(events.back())["error"]["code"] == "timeout");
  }

  void oldest_messages_go_on_request() {
    HttpClient client(server_->port());
    Json body = chat_body("And oak?", 8);
    Json messages = Json::array({{{"role", "system"}, {"content", "Be brief."}}});
    for (int i = 0; i < 60; ++i) {
      messages.push_back(
          {{"role", "user"}, {"content", "Is ebony a hard wood, and what glue is right for it?"}});
      messages.push_back({{"role", "assistant"}, {"content", "It is hard; use epoxy."}});
    }
    messages.push_back({{"role", "user"}, {"content", "And oak?"}});
    body["messages"] = messages;
    QCOMPARE(client.post(chat_path, body).error_code(), std::string("context_length_exceeded"));
    body["truncation"] = "auto";
    const HttpAnswer answer = client.post(chat_path, body);
    QCOMPARE(answer.status, 200);
    QVERIFY(answer.json()["usage"]["prompt_tokens"].get<std::size_t>() < model_.config().max_positions);
  }

  // Tools, their calls and the template's own arguments reach the model's template; what it refuses is a 400.
  void the_template_is_told_of_tools_and_arguments() {
    TokenizerSpec spec = model_.tokenizer->spec();
    spec.chat_template =
        "{% for m in messages %}{{ m.role }}={{ m.content }};{% if m.tool_calls %}{{ "
        "m.tool_calls[0].function.arguments.wood }};{% endif %}{% endfor %}{% for t in tools or [] %}{{ "
        "t.function.name "
        "}};{% endfor %}{% if enable_thinking is defined and enable_thinking is false %}no thoughts{% endif "
        "%}"
        "{% if messages[0].content == 'refuse me' %}{{ raise_exception('I refuse') }}{% endif %}";
    const auto tokenizer = make_tokenizer(spec);
    HttpServer server(*tokenizer, *language_, options());
    server.start();
    HttpClient client(server.port());
    const auto prompt_tokens = [&](const Json& body) {
      return client.post(chat_path, body).json()["usage"]["prompt_tokens"].get<std::size_t>();
    };
    const auto size_of = [&](const std::string& text) {
      return tokenizer->encode(text, {false, true}).size();
    };
    Json body = chat_body("a", 1);
    QCOMPARE(prompt_tokens(body), size_of("user=a;"));
    body["chat_template_kwargs"] = {{"enable_thinking", false}};
    QCOMPARE(prompt_tokens(body), size_of("user=a;no thoughts"));
    body["tools"] = Json::array({{{"type", "function"}, {"function", {{"name", "hardness"}}}}});
    QCOMPARE(prompt_tokens(body), size_of("user=a;hardness;no thoughts"));
    body["messages"].push_back(
        {{"role", "assistant"},
         {"content", nullptr},
         {"tool_calls",
          {{{"id", "1"},
            {"type", "function"},
            {"function", {{"name", "hardness"}, {"arguments", "{\"wood\":\"oak\"}"}}}}}}});
    body["messages"].push_back({{"role", "tool"}, {"tool_call_id", "1"}, {"content", "6000"}});
    QCOMPARE(prompt_tokens(body), size_of("user=a;assistant=;oak;tool=6000;hardness;no thoughts"));
    const HttpAnswer refused = client.post(chat_path, chat_body("refuse me"));
    QCOMPARE(refused.status, 400);
    QVERIFY(refused.json()["error"]["message"].get<std::string>().find("I refuse") != std::string::npos);
  }

  void a_longer_turn_reuses_the_one_before_and_memory_stays() {
    const auto server = serve(options());
    HttpClient client(server->port());
    std::size_t tokens = 0, reused = 0, first = 0, turns = 0, at_1000 = 0, at_10000 = 0;
    Json messages = Json::array();
    for (; tokens < 12000; ++turns) {
      if (messages.size() > 8) messages = Json::array();
      messages.push_back(
          {{"role", "user"},
           {"content", "Is ebony a hard wood, and what glue is right for it? " + std::to_string(turns)}});
      Json body = chat_body("", 24);
      body["messages"] = messages;
      const Json answer = client.post(chat_path, body).json();
      messages.push_back({{"role", "assistant"}, {"content", text_of(answer)}});
      tokens += answer["usage"]["total_tokens"].get<std::size_t>();
      const auto cached = answer["usage"]["prompt_tokens_details"]["cached_tokens"].get<std::size_t>();
      if (messages.size() > 2) QVERIFY(cached > 0);
      reused += cached;
      if (tokens < 3000) first = resident_bytes();
      if (!at_1000 && tokens >= 1000) at_1000 = resident_bytes();
      if (!at_10000 && tokens >= 10000) at_10000 = resident_bytes();
    }
    const double growth = double(resident_bytes()) - double(first);
    qInfo("%zu turns, %zu tokens, %zu of them reused, memory grew by %.2f MiB over the last 9,000", turns,
          tokens, reused, growth / 0x1p20);
    qInfo("resident at 1,000 tokens %.2f MiB, at 10,000 %.2f MiB", double(at_1000) / 0x1p20,
          double(at_10000) / 0x1p20);
    QVERIFY(2 * reused > tokens);
#ifndef __SANITIZE_ADDRESS__ // which keeps what was freed
    QVERIFY(growth < 8 * 0x1p20);
#endif
  }

  void starts_and_stops() {
    HttpServer server(*model_.tokenizer, *language_, options());
    QCOMPARE(server.address(), std::string());
    for (int i = 0; i < 2; ++i) {
      server.start();
      QCOMPARE(HttpClient(server.port()).get("/health").status, 200);
      server.stop();
      QVERIFY(!server.status().listening);
    }
    ServerOptions taken = options();
    taken.port = server_->port();
    QVERIFY(error_of([&] { serve(taken); }).find("cannot listen") != std::string::npos);
    ServerOptions senseless = options();
    senseless.parallel = 0;
    QVERIFY(!error_of([&] { serve(senseless); }).empty());
  }

  void stopping_ends_what_runs_with_an_error() {
    HeldModel held(*language_);
    const auto server = serve(options(), held);
    std::vector<std::string> events;
    std::thread client([&] {
      Json body = chat_body(question, 100);
      body["stream"] = true;
      events = events_of(HttpClient(server->port()).post(chat_path, body).body);
    });
    QVERIFY(comes_true([&] { return server->status().active == 1; }));
    held.allow(2);
    server->stop(std::chrono::milliseconds(50));
    client.join();
    QVERIFY(!events.empty() && Json::parse(events.back(), nullptr, false).contains("error"));
  }
};

QTEST_GUILESS_MAIN(TestHttpServer)
#include "test_http_server.moc"
