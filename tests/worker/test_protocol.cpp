// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The worker's lines, with and without a GPU.
#include <cmath>
#include <cstring>
#include <map>

#include "core/worker/messages.h"
#include "tests/support/worker_pipes.h"

using namespace intarsia;
using namespace intarsia::test;

namespace {

const std::string model = (resources_folder() / "demo-model").string();
const std::string load = R"({"id":1,"do":"load","path":")" + model + R"(","device":"cpu"})";

std::string kind(const Json& answer) { return answer["error"]["kind"].get<std::string>(); }
std::string message(const Json& answer) { return answer["error"]["message"].get<std::string>(); }

} // namespace

class TestProtocol : public QObject {
  Q_OBJECT
 private slots:
  void devices_are_listed_or_their_absence_is_explained() {
    WorkerPipes worker;
    const Json answer = worker.ask(R"({"id":7,"do":"devices"})");
    QCOMPARE(answer["id"].get<int>(), 7);
    const Json& result = answer["result"];
    if (result["devices"].empty()) {
      QVERIFY(!result["problem"].get<std::string>().empty());
    } else {
      QVERIFY(result["devices"][0]["memory_total"].get<double>() > 0);
      QVERIFY(result["devices"][0]["bandwidth"].get<double>() > 0);
    }
    QCOMPARE(worker.end(), 0);
  }

  // No GPU is needed, nor a build with CUDA.
  void device_memory_is_predicted() {
    WorkerPipes worker;
    const auto ask = [&](int context) {
      return worker.ask(R"({"id":1,"do":"memory","path":")" + model + R"(","context":)" +
                        std::to_string(context) + "}");
    };
    const Json small = ask(400), large = ask(401);
    std::uint64_t sum = 0;
    for (const auto& [use, bytes] : small["result"]["parts"].items()) sum += bytes.get<std::uint64_t>();
    QCOMPARE(small["result"]["total"].get<std::uint64_t>(), sum);
    QVERIFY(large["result"]["total"].get<std::uint64_t>() > sum);
    QCOMPARE(kind(ask(0)), std::string("input"));
  }

  void what_a_worker_has_taken() {
    WorkerPipes worker;
    const auto peak = [&] {
      return worker.ask(R"({"id":1,"do":"usage","device":"cpu"})")["result"]["peak"].get<std::uint64_t>();
    };
    const std::uint64_t before = peak();
    const Json loaded = worker.ask(load);
    QVERIFY(!loaded["result"].contains("memory")); // of a GPU
    QVERIFY(peak() >= before && peak() > loaded["result"]["weight_bytes"].get<std::uint64_t>());
    QVERIFY(kind(worker.ask(R"({"id":1,"do":"usage","device":"cuda:98"})")) != "internal");
  }

  // Each is answered with an error, and the next is read.
  void bad_lines() {
    WorkerPipes worker;
    const auto bad = [&](const std::string& line, const std::string& expected_kind,
                         const std::string& fragment) {
      const Json answer = worker.ask(line);
      const bool good = answer.contains("error") && kind(answer) == expected_kind &&
                        message(answer).find(fragment) != std::string::npos;
      if (!good) qWarning("%s -> %s", line.substr(0, 200).c_str(), answer.dump().substr(0, 400).c_str());
      return good;
    };
    QVERIFY(bad("nonsense", "input", "JSON"));
    QVERIFY(bad("[1,2]", "input", "object"));
    QVERIFY(bad("\xff\xfe{}", "input", "UTF-8"));
    QVERIFY(bad(R"({"id":1,"id":1,"do":"devices"})", "input", "twice"));
    QVERIFY(bad(std::string(100000, '['), "input", "nested"));
    QVERIFY(bad(R"({"do":"devices"})", "input", "\"id\""));
    for (const char* id : {"-1", "1.5", "\"1\"", "null", "1e300", "99999999999999999999"})
      QVERIFY(bad(std::string(R"({"id":)") + id + R"(,"do":"devices"})", "input", "\"id\""));
    QVERIFY(bad(R"({"id":1})", "input", "\"do\""));
    QVERIFY(bad(R"({"id":1,"do":7})", "input", "\"do\""));
    QVERIFY(bad(R"({"id":1,"do":"juggle"})", "usage", "juggle"));
    QVERIFY(bad(R"({"id":1,"do":"devices","please":true})", "usage", "please"));
    QVERIFY(bad(R"({"id":1,"do":"cancel"})", "input", "\"job\""));
    QVERIFY(worker.ask(R"({"id":3,"do":"devices"})").contains("result"));
  }

  void bad_fields() {
    WorkerPipes worker;
    QVERIFY(worker.ask(load).contains("result"));
    QCOMPARE(
        worker.ask(R"({"id":2,"do":"sequence","model":1,"capacity":16})")["result"]["sequence"].get<int>(),
        2);
    const auto bad = [&](const std::string& body, const std::string& fragment) {
      const Json answer = worker.ask(R"({"id":9,"do":)" + body + "}");
      const bool good = answer["id"] == 9 && answer.contains("error") && kind(answer) != "internal" &&
                        message(answer).find(fragment) != std::string::npos;
      if (!good) qWarning("%s -> %s", body.c_str(), answer.dump().c_str());
      return good;
    };
    QVERIFY(bad(R"("load","path":"/nowhere","device":"cpu")", "nowhere"));
    QVERIFY(bad(R"("load","path":7,"device":"cpu")", "path"));
    QVERIFY(bad(R"("load","path":"x")", "device"));
    for (const char* device : {"gpu", "cuda:", "cuda:-1", "cuda:1x", "cuda:99999999999", ""})
      QVERIFY(bad(std::string(R"("load","path":"x","device":")") + device + "\"", "there is no device"));
    QVERIFY(bad(R"("load","path":")" + model + R"(","device":"cuda:99")", ""));
    QVERIFY(bad(R"("load","path":")" + model + R"(","device":"cpu","context":0)", "context"));
    QVERIFY(bad(R"("memory","path":")" + model + R"(","device":"cpu")", ""));
    QVERIFY(bad(R"("usage","device":"gpu")", "there is no device"));
    QVERIFY(bad(R"("devices","measure":1)", "measure"));
    QVERIFY(
        bad(R"("sensitivity","path":")" + model + R"(","device":"cpu","options":{"samples":0})", "samples"));
    QVERIFY(bad(R"("sensitivity","path":")" + model + R"(","device":"cpu","tokens":[1536,1])", "1536"));
    QVERIFY(bad(R"("sensitivity","path":")" + model + R"(","device":"cpu","tokens":[1])", "too short"));
    QVERIFY(bad(R"("sensitivity","path":")" + model + R"(","device":"cuda:98")", ""));
    QVERIFY(bad(R"("unload","model":7)", "no model 7"));
    QVERIFY(bad(R"("sequence","model":2,"capacity":16)", "no model 2"));
    QVERIFY(bad(R"("sequence","model":1,"capacity":0)", "capacity"));
    QVERIFY(bad(R"("sequence","model":1,"capacity":1e9)", "capacity"));
    QVERIFY(bad(R"("close","sequence":1)", "no sequence 1"));
    QVERIFY(bad(R"("forward","sequence":2)", "tokens"));
    QVERIFY(bad(R"("forward","sequence":2,"tokens":[])", "tokens"));
    QVERIFY(bad(R"("forward","sequence":2,"tokens":[1536])", "1536"));
    QVERIFY(bad(R"("forward","sequence":2,"tokens":[1],"length":1)", "length"));
    QVERIFY(bad(R"("forward","sequence":2,"tokens":[1],"last_only":1)", "last_only"));
    QVERIFY(bad(R"("forward","sequence":2,"tokens":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1])", ""));
    QVERIFY(bad(R"("generate","sequence":2,"prompt":[],"max_tokens":5)", "prompt"));
    QVERIFY(bad(R"("generate","sequence":2,"prompt":[1],"max_tokens":0)", "max_tokens"));
    QVERIFY(bad(R"("generate","sequence":2,"prompt":[1],"max_tokens":1,"sampling":{"top_p":2})", "top-p"));
    QVERIFY(bad(R"("generate","sequence":2,"prompt":[1],"max_tokens":1,"sampling":3)", "sampling"));
    QVERIFY(bad(R"("generate","sequence":2,"prompt":[1],"max_tokens":1,"stop_tokens":[-1])", "stop_tokens"));
    QVERIFY(bad(R"("evaluate","model":1,"tokens":[1,2],"context":1)", "context"));
    QVERIFY(bad(R"("evaluate","model":1,"tokens":[1],"context":8)", "short"));
    QVERIFY(bad(R"("evaluate","model":1,"reference":5,"tokens":[1,2],"context":8)", "no reference 5"));
    QVERIFY(bad(R"("evaluate","model":1,"tokens":[1,2],"context":8,"bos":1536)", "bos"));
    QVERIFY(bad(R"("quantize","path":")" + model + R"(","device":"cpu","plan":{},"out":"/x")", "plan"));
    QVERIFY(bad(R"("profile","path":")" + model + R"(","device":"cpu")", ""));
    QVERIFY(bad(R"("selftest","device":"cpu","cases":0)", "cases"));
    QVERIFY(worker.ask(R"({"id":10,"do":"forward","sequence":2,"tokens":[1]})").contains("result"));
  }

  void a_line_without_end_is_refused_and_the_next_is_answered() {
    WorkerPipes worker;
    const std::string piece(1 << 20, 'x');
    for (std::size_t sent = 0; sent <= max_worker_line_bytes + (4 << 20); sent += piece.size())
      worker.write_raw(piece);
    worker.write("");
    const Json answer = worker.answer();
    QVERIFY(answer["id"].is_null() && kind(answer) == "input");
    QVERIFY(message(answer).find("longer than") != std::string::npos);
    QVERIFY(worker.ask(R"({"id":3,"do":"devices"})").contains("result"));
  }

  void logits_are_bytes_behind_the_answer() {
    WorkerPipes worker;
    QVERIFY(worker.ask(load).contains("result"));
    worker.ask(R"({"id":2,"do":"sequence","model":1,"capacity":16})");
    for (const auto& [last_only, rows] : {std::pair{"true", 1}, {"false", 3}}) {
      const Json answer = worker.ask(std::string(R"({"id":3,"do":"forward","sequence":2,"length":0,)") +
                                     R"("tokens":[5,6,7],"last_only":)" + last_only + "}");
      QCOMPARE(answer["result"]["rows"].get<int>(), rows);
      QCOMPARE(answer["result"]["columns"].get<int>(), 1536);
      const QByteArray bytes = worker.bytes(answer["bytes"].get<int>());
      QCOMPARE(bytes.size(), qsizetype(rows) * 1536 * 4);
      for (qsizetype at = 0; at < bytes.size(); at += 4) {
        float logit = 0;
        std::memcpy(&logit, bytes.data() + at, 4);
        QVERIFY(std::isfinite(logit));
      }
    }
    QVERIFY(worker.ask(R"({"id":4,"do":"close","sequence":2})").contains("result"));
    QVERIFY(worker.ask(R"({"id":5,"do":"unload","model":1})").contains("result"));
    QVERIFY(worker.ask(R"({"id":6,"do":"unload","model":1})").contains("error"));
    QCOMPARE(worker.end(), 0);
  }

  void cancel_is_answered_while_a_job_runs() {
    WorkerPipes worker;
    QVERIFY(worker.ask(load).contains("result"));
    std::string tokens = "1";
    for (int i = 0; i < 500000; ++i) tokens += ",2";
    worker.write(R"({"id":2,"do":"evaluate","model":1,"context":512,"tokens":[)" + tokens + "]}");
    worker.write(R"({"id":3,"do":"evaluate","model":1,"context":512,"tokens":[)" + tokens + "]}");
    QVERIFY(worker.line().contains("started"));
    QVERIFY(worker.line().contains("progress"));
    QVERIFY(kind(worker.ask(R"({"id":3,"do":"devices"})")) == "usage"); // 3 is waiting
    worker.write(R"({"id":4,"do":"cancel","job":3})");
    worker.write(R"({"id":5,"do":"cancel","job":2})");
    worker.write(R"({"id":6,"do":"cancel","job":99})");
    std::map<int, Json> answers;
    while (answers.size() < 5) {
      const Json answer = worker.answer();
      QVERIFY(answer.is_object());
      answers[answer["id"].get<int>()] = answer;
    }
    QCOMPARE(kind(answers[2]), std::string("cancelled"));
    QCOMPARE(kind(answers[3]), std::string("cancelled"));
    QVERIFY(answers[4]["result"]["found"] == true && answers[5]["result"]["found"] == true);
    QVERIFY(answers[6]["result"]["found"] == false);
    QCOMPARE(worker.end(), 0);
  }

  void end_of_input_ends_it_in_the_middle_of_a_job() {
    WorkerPipes worker;
    QVERIFY(worker.ask(load).contains("result"));
    std::string tokens = "1";
    for (int i = 0; i < 500000; ++i) tokens += ",2";
    worker.write(R"({"id":2,"do":"evaluate","model":1,"context":512,"tokens":[)" + tokens + "]}");
    QVERIFY(worker.line().contains("started"));
    QVERIFY(worker.line().contains("progress"));
    worker.close_input();
    for (Json line = worker.line(); line.is_object(); line = worker.line())
      QVERIFY2(!line.contains("result"), line.dump().c_str()); // it did not go on to the job's end
    QCOMPARE(worker.end(), 0);
  }

  void tokens_are_streamed_with_their_text() {
    WorkerPipes worker;
    QVERIFY(worker.ask(load).contains("result"));
    worker.ask(R"({"id":2,"do":"sequence","model":1,"capacity":64})");
    worker.write(
        R"({"id":3,"do":"generate","sequence":2,"prompt":[1,2,3],"max_tokens":8,"sampling":{"temperature":0}})");
    std::vector<int> tokens;
    std::string text;
    for (;;) {
      const Json line = worker.line();
      QVERIFY(line.is_object());
      if (line.contains("result")) {
        QCOMPARE(line["result"]["tokens"].get<std::vector<int>>(), tokens);
        QCOMPARE(line["result"]["text"].get<std::string>(), text);
        break;
      }
      if (line.contains("token")) tokens.push_back(line["token"].get<int>());
      text += line.value("text", "");
    }
    QVERIFY(!tokens.empty() && !text.empty());
  }
};

QTEST_GUILESS_MAIN(TestProtocol)
#include "test_protocol.moc"
