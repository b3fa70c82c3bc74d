// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/test_support.h"

#include <QProcess>
#include <cstdlib>
#include <fstream>

namespace intarsia::test {

std::filesystem::path tests_folder() { return INTARSIA_TESTS_DIR; }
std::filesystem::path resources_folder() { return INTARSIA_RESOURCES_DIR; }

std::filesystem::path shared_folder() {
  const char* overridden = std::getenv("INTARSIA_SHARED_DIR");
  return overridden ? overridden : INTARSIA_SHARED_DIR;
}

CliResult run_cli(const QStringList& arguments, int timeout_ms) {
  QProcess process;
  process.start(QStringLiteral(INTARSIA_CLI), arguments);
  process.closeWriteChannel();
  CliResult result;
  if (!process.waitForFinished(timeout_ms)) {
    process.kill();
    process.waitForFinished();
    return result;
  }
  if (process.exitStatus() == QProcess::NormalExit) result.exit_code = process.exitCode();
  result.out = process.readAllStandardOutput().toStdString();
  result.err = process.readAllStandardError().toStdString();
  return result;
}

void write_file(const std::filesystem::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary).write(content.data(), std::streamsize(content.size()));
}

} // namespace intarsia::test
