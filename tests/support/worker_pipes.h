// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// intarsia-worker spoken to line by line, as a program in any language would.
#pragma once

#include <QProcess>

#include "core/base/json.h"
#include "tests/support/paths.h"
#include "tests/support/test_support.h"

namespace intarsia::test {

class WorkerPipes {
 public:
  WorkerPipes() { process_.start(QStringLiteral(INTARSIA_WORKER), {}); }
  ~WorkerPipes() {
    process_.kill();
    process_.waitForFinished();
  }

  void write_raw(const std::string& bytes) {
    process_.write(bytes.data(), qint64(bytes.size()));
    while (process_.bytesToWrite() > 0 && process_.waitForBytesWritten(10000)) {
    }
  }
  void write(const std::string& line) { write_raw(line + "\n"); }
  // The next line, whatever it is; null when none comes.
  Json line() {
    while (!process_.canReadLine())
      if (!process_.waitForReadyRead(60000)) return nullptr;
    return Json::parse(process_.readLine().toStdString(), nullptr, false);
  }
  // The next line that ends a request; `passed` counts the others.
  Json answer(int* passed = nullptr) {
    for (;;) {
      Json json = line();
      if (!json.is_object() || json.contains("result") || json.contains("error")) return json;
      if (passed) ++*passed;
    }
  }
  Json ask(const std::string& request) {
    write(request);
    return answer();
  }
  QByteArray bytes(qint64 count) {
    while (process_.bytesAvailable() < count && process_.waitForReadyRead(60000)) {
    }
    return process_.read(count);
  }
  void close_input() { process_.closeWriteChannel(); }
  // Closes its input; its exit code, or -1.
  int end() {
    close_input();
    process_.waitForFinished(20000); // false also where it has ended already
    if (process_.state() != QProcess::NotRunning || process_.exitStatus() != QProcess::NormalExit) return -1;
    return process_.exitCode();
  }

 private:
  QProcess process_;
};

} // namespace intarsia::test
