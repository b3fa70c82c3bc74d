// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The program finds its resources from where it lies, wherever that is, and nowhere else.
#include <QFile>
#include <QProcess>

#include "tests/support/paths.h"
#include "tests/support/test_support.h"

using namespace intarsia::test;
namespace fs = std::filesystem;

class TestMovedProgram : public QObject {
  Q_OBJECT

  QTemporaryDir folder_;
  fs::path root() const { return folder_.path().toStdString(); }

  // The device profiles that `program` knows, from a working directory that has none; or its complaint.
  static QByteArray profiles(const fs::path& program) {
    QProcess process;
    process.setWorkingDirectory("/");
    process.start(QString::fromStdString(program.string()), {"profile", "any", "--estimate", "list"});
    process.closeWriteChannel();
    return process.waitForFinished(60000) ? process.readAllStandardOutput() + process.readAllStandardError()
                                          : "it did not start";
  }
  fs::path place_program(const fs::path& folder) const {
    fs::create_directories(folder);
    fs::copy_file(INTARSIA_CLI, folder / "intarsia");
    return folder / "intarsia";
  }
  static void place_profiles(const fs::path& folder) {
    fs::create_directories(folder);
    fs::copy(resources_folder() / "device-profiles", folder / "device-profiles");
  }

 private slots:
  void installed() {
    const fs::path program = place_program(root() / "installed/bin");
    place_profiles(root() / "installed/share/intarsia");
    QVERIFY2(profiles(program).contains("raspberry-pi-5-8gb"), profiles(program));
    fs::rename(root() / "installed", root() / "moved");
    QVERIFY(profiles(root() / "moved/bin/intarsia").contains("raspberry-pi-5-8gb"));
  }

  void the_build_tree() {
    const fs::path program = place_program(root() / "build/app/cli");
    fs::create_directories(root() / "build/share");
    place_profiles(root() / "tree");
    fs::create_directory_symlink("../../tree", root() / "build/share/intarsia");
    QVERIFY2(profiles(program).contains("raspberry-pi-5-8gb"), profiles(program));
  }

  void without_them_it_says_where_they_belong() {
    const QByteArray said = profiles(place_program(root() / "alone/bin"));
    QVERIFY2(said.contains((root() / "alone/share/intarsia").c_str()), said);
    QCOMPARE(said.count('\n'), 1);
  }

  void no_path_of_the_source_is_built_in() {
    QFile program(QStringLiteral(INTARSIA_CLI));
    QVERIFY(program.open(QIODevice::ReadOnly));
    QVERIFY(!program.readAll().contains(resources_folder().c_str()));
  }
};

QTEST_GUILESS_MAIN(TestMovedProgram)
#include "test_moved_program.moc"
