// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// `intarsia serve` as a person starts and ends it.
#include "tests/support/http_client.h"

#include <QProcess>
#include <csignal>

#include "core/base/mapped_file.h"
#include "tests/support/cli_json.h"
#include "tests/support/paths.h"
#include "tests/support/test_support.h"

using namespace intarsia;
using namespace intarsia::test;
namespace fs = std::filesystem;

namespace {

// A server of the built-in model on any free port, until it is told to end.
class Serving {
 public:
  explicit Serving(const QStringList& more = {}, const QString& variable = {}, const QString& value = {},
                   const fs::path& model = resources_folder() / "demo-model") {
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    if (!variable.isEmpty()) environment.insert(variable, value);
    process_.setProcessEnvironment(environment);
    process_.start(QStringLiteral(INTARSIA_CLI),
                   QStringList{"serve", text(model), "--port", "0", "--json"} + more);
    QByteArray out;
    while (!out.contains("\n}\n") && process_.waitForReadyRead(60000))
      out += process_.readAllStandardOutput();
    told = Json::parse(out.toStdString(), nullptr, false);
  }
  ~Serving() {
    process_.kill();
    process_.waitForFinished();
  }
  int port() const { return told.is_object() ? told["port"].get<int>() : 0; }
  void signal(int number) { ::kill(pid_t(process_.processId()), number); }
  int exit_code() {
    if (!process_.waitForFinished(30000) || process_.exitStatus() != QProcess::NormalExit) return -1;
    return process_.exitCode();
  }
  std::string log() { return process_.readAllStandardError().toStdString(); }

  Json told;

 private:
  QProcess process_;
};

} // namespace

class TestServe : public QObject {
  Q_OBJECT
 private slots:
  void serves_until_it_is_interrupted() {
    Serving server;
    QVERIFY(server.port() > 0);
    QCOMPARE(server.told["address"].get<std::string>(), "http://127.0.0.1:" + std::to_string(server.port()));
    QCOMPARE(server.told["model"].get<std::string>(), std::string("demo-model"));
    HttpClient client(server.port());
    const HttpAnswer answer =
        client.post("/v1/chat/completions", Json{{"model", "demo-model"},
                                                 {"messages", {{{"role", "user"}, {"content", "And oak?"}}}},
                                                 {"max_tokens", 5}});
    QCOMPARE(answer.status, 200);
    QCOMPARE(answer.json()["usage"]["completion_tokens"].get<int>(), 5);
    server.signal(SIGINT);
    QCOMPARE(server.exit_code(), 0);
    const std::string log = server.log();
    QVERIFY(log.find("POST \"/v1/chat/completions\" 200, ") != std::string::npos);
    QVERIFY(log.find("warning") == std::string::npos);
  }

  void takes_its_key_from_the_environment() {
    Serving server({}, "INTARSIA_API_KEY", "sk-environment");
    QVERIFY(server.told["api_key"].get<bool>());
    QCOMPARE(HttpClient(server.port()).get("/v1/models").status, 401);
    QCOMPARE(HttpClient(server.port(), "sk-environment").get("/v1/models").status, 200);
  }

  // As a GPU's: the model is in another process, and answers the same.
  void serves_from_a_worker() {
    const Json body{{"messages", {{{"role", "user"}, {"content", "And oak?"}}}},
                    {"max_tokens", 12},
                    {"temperature", 0},
                    {"logprobs", true}};
    Serving here, there({}, "INTARSIA_CPU_IN_WORKER", "1");
    const Json expected = HttpClient(here.port()).post("/v1/chat/completions", body).json();
    const Json answer = HttpClient(there.port()).post("/v1/chat/completions", body).json();
    QVERIFY(expected["choices"][0]["message"]["content"].get<std::string>().size() > 10);
    QVERIFY(answer["choices"] == expected["choices"]);
    there.signal(SIGINT);
    QCOMPARE(there.exit_code(), 0);
  }

  void warns_when_others_can_reach_it() {
    Serving server({"--host", "0.0.0.0", "--name", "wood"});
    QCOMPARE(HttpClient(server.port()).get("/v1/models/wood").status, 200);
    server.signal(SIGTERM);
    QCOMPARE(server.exit_code(), 0);
    QVERIFY(server.log().find("warning: every machine that reaches 0.0.0.0") != std::string::npos);
  }

  // By every verb once, and in the server's log.
  void what_is_odd_in_the_tokenizer_is_told() {
    const QTemporaryDir folder;
    const fs::path model = fs::path(folder.path().toStdString()) / "model";
    fs::copy(resources_folder() / "demo-model", model);
    OrderedJson config = OrderedJson::parse(read_text_file(model / "tokenizer_config.json"));
    config["pad_token"] = "<|nowhere|>";
    write_file(model / "tokenizer_config.json", config.dump());
    const std::string warning = "tokenizer_config.json: field \"pad_token\" is \"<|nowhere|>\"";
    const CliResult chat =
        run_cli({"chat", text(model), "--prompt", "And oak?", "--max-tokens", "2", "--json"});
    QCOMPARE(chat.exit_code, 0);
    QVERIFY(Json::accept(chat.out));
    const std::size_t first = chat.err.find(warning);
    QVERIFY(first != std::string::npos && chat.err.find("intarsia: warning: ") < first);
    QCOMPARE(chat.err.find(warning, first + 1), std::string::npos);
    Serving server({}, {}, {}, model);
    QVERIFY(server.port() > 0);
    server.signal(SIGINT);
    QCOMPARE(server.exit_code(), 0);
    const std::string log = server.log();
    const std::size_t logged = log.find(warning);
    QVERIFY(logged != std::string::npos && log.find("Z warning: ") < logged);
    QCOMPARE(log.find(warning, logged + 1), std::string::npos);
  }

  void a_taken_port_is_named() {
    Serving server;
    const CliResult second =
        run_cli({"serve", text(resources_folder() / "demo-model"), "--port", QString::number(server.port())});
    QCOMPARE(second.exit_code, 1);
    QVERIFY(second.err.find("port " + std::to_string(server.port())) != std::string::npos);
  }

  void bad_usage() {
    const QString model = text(resources_folder() / "demo-model");
    QVERIFY(complains(run_cli({"serve", model, "--port", "70000"}), 2, {"--port"}));
    QVERIFY(complains(run_cli({"serve", model, "--context", "1000000"}), 2, {"--context"}));
    QVERIFY(complains(run_cli({"serve", model, "--kv-cache", "q3"}), 2, {"q3"}));
    QVERIFY(complains(run_cli({"serve", model, "--api-key", "two words"}), 2, {"API key"}));
  }
};

QTEST_GUILESS_MAIN(TestServe)
#include "test_serve.moc"
