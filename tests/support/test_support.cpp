// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "tests/support/test_support.h"
#include "tests/support/paths.h"

#include "core/base/random.h"

#include <QFile>
#include <QProcess>
#include <cstdlib>
#include <fstream>

namespace intarsia::test {

std::filesystem::path tests_folder() { return INTARSIA_TESTS_DIR; }
std::filesystem::path resources_folder() { return INTARSIA_RESOURCES_DIR; }

std::filesystem::path shared_folder() {
  const char* overridden = std::getenv("INTARSIA_SHARED_DIR");
  return overridden ? overridden : INTARSIA_SHARED_FOLDER;
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

void compare_with_llama_cpp(const Tokenizer& tokenizer, const std::filesystem::path& prefix) {
  const auto read = [](const std::string& path) {
    QFile file(QString::fromStdString(path));
    return file.open(QIODevice::ReadOnly) ? QString::fromUtf8(file.readAll()) : QString();
  };
  const QStringList texts = read(prefix.string() + ".inp").split("\n__ggml_vocab_test__\n");
  const QStringList lines = read(prefix.string() + ".out").split('\n');
  QVERIFY(texts.size() > 30);
  QVERIFY(lines.size() >= texts.size());
  Tokenizer::EncodeOptions plain;
  plain.add_special = plain.parse_special = false;
  for (qsizetype i = 0; i < texts.size(); ++i) {
    std::vector<int> expected;
    for (const QString& id : lines[i].split(' ', Qt::SkipEmptyParts)) expected.push_back(id.toInt());
    const std::string text = texts[i].toStdString();
    const auto ids = tokenizer.encode(text, plain);
    if (ids != expected) qWarning() << "text" << texts[i] << "ids" << ids << "expected" << expected;
    QVERIFY(ids == expected);
    QCOMPARE(tokenizer.decode(ids), text);
  }
}

std::vector<float> gaussian(std::size_t size, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> values(size);
  for (float& value : values) value = random.normal();
  return values;
}

void write_file(const std::filesystem::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary).write(content.data(), std::streamsize(content.size()));
}

} // namespace intarsia::test
