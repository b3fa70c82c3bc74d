// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// `cmake --install` puts everything where the programs look for it: the command line finds its model and its
// worker there, and nothing of the build tree is needed.
#include <QDirIterator>
#include <QProcess>

#include "core/base/json.h"
#include "tests/support/paths.h"
#include "tests/support/test_support.h"

using namespace intarsia::test;
namespace fs = std::filesystem;

class TestInstalledLayout : public QObject {
  Q_OBJECT

  QTemporaryDir folder_;
  QString path(const QString& name) const { return folder_.filePath(name); }

  // What an installed program says, in an environment that knows nothing of the build.
  QByteArray output_of(const QString& program, const QStringList& arguments) const {
    QProcess process;
    process.setWorkingDirectory("/");
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    environment.remove("INTARSIA_WORKER");
    environment.insert("XDG_CACHE_HOME", path("cache"));
    environment.insert("INTARSIA_CPU_IN_WORKER", "1");
    process.setProcessEnvironment(environment);
    process.start(path("prefix/bin/" + program), arguments);
    process.closeWriteChannel();
    if (!process.waitForFinished(120000) || process.exitCode() != 0)
      return "failed: " + process.readAllStandardError();
    return process.readAllStandardOutput();
  }

 private slots:
  void initTestCase() {
    QProcess cmake;
    cmake.setProcessChannelMode(QProcess::MergedChannels);
    cmake.start(INTARSIA_CMAKE, {"--install", INTARSIA_BUILD_DIR, "--prefix", path("prefix")});
    QVERIFY2(cmake.waitForFinished(120000) && cmake.exitCode() == 0, cmake.readAll());
  }

  void every_resource_is_there_and_nothing_else() {
    const auto files = [](const QString& folder) {
      QStringList names;
      QDirIterator found(folder, QDir::Files, QDirIterator::Subdirectories);
      while (found.hasNext()) {
        const QString name = QDir(folder).relativeFilePath(found.next());
        if (!name.endsWith(".py") && !name.contains("__pycache__")) names << name;
      }
      names.sort();
      return names;
    };
    const QStringList installed = files(path("prefix/share/intarsia"));
    QVERIFY(installed.contains("demo-model/config.json") && installed.contains("help/hacking.md"));
    QCOMPARE(installed, files(QString::fromStdString(resources_folder().string())));
    QCOMPARE(QDir(path("prefix")).entryList(QDir::AllEntries | QDir::NoDotAndDotDot),
             QStringList({"bin", "share"}));
    for (const QString& name : QDir(path("prefix/bin")).entryList(QDir::Files))
      QVERIFY2(QFileInfo(path("prefix/bin/" + name)).isExecutable(), qPrintable(name));
  }

  // The built-in model by its worker: both are found.
  void the_installed_programs_work() {
    const QString model = path("prefix/share/intarsia/demo-model");
    write_file(path("text.txt").toStdString(),
               "Walnut is a hard wood. Ebony is a hard wood. Pine is a soft wood.");
    const QByteArray said = output_of("intarsia", {"evaluate", path("prefix/share/intarsia/demo-model"),
                                                   "--text", path("text.txt"), "--json"});
    const auto json = intarsia::Json::parse(said.toStdString(), nullptr, false);
    QVERIFY2(json.is_object() && json.contains("perplexity"), said);
  }
};

QTEST_GUILESS_MAIN(TestInstalledLayout)
#include "test_installed_layout.moc"
