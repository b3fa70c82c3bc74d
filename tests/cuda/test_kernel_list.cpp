// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// No kernel escapes the harness: each INTARSIA_KERNEL in cuda/ is launched by a test.
#include <QDirIterator>
#include <QFile>
#include <QRegularExpression>

#include "tests/support/test_support.h"

namespace {

QString sources_in(const QString& folder, const QString& pattern) {
  QString text;
  QDirIterator files(folder, {pattern}, QDir::Files, QDirIterator::Subdirectories);
  while (files.hasNext()) {
    QFile file(files.next());
    if (file.open(QIODevice::ReadOnly)) text += QString::fromUtf8(file.readAll()) + '\n';
  }
  return text;
}

// Names declared as `INTARSIA_KERNEL void [INTARSIA_LAUNCH_BOUNDS(…)] name(`.
QStringList kernels_of(const QString& source) {
  static const QRegularExpression kernel(
      QStringLiteral("^(?:template <[^;{]*>\\s*)?INTARSIA_KERNEL\\s+void\\s+"
                     "(?:INTARSIA_LAUNCH_BOUNDS\\([^)]*\\)\\s+)?(\\w+)\\s*\\("),
      QRegularExpression::MultilineOption);
  QStringList names;
  for (auto match = kernel.globalMatch(source); match.hasNext();) names << match.next().captured(1);
  names.removeDuplicates();
  return names;
}

bool is_launched(const QString& name, const QString& tests) {
  const QRegularExpression launch(QStringLiteral("\\blaunch(?:_checked)?\\(\\s*&?(?:\\w+::)*%1\\b")
                                      .arg(QRegularExpression::escape(name)));
  return launch.match(tests).hasMatch();
}

} // namespace

class TestKernelList : public QObject {
  Q_OBJECT
 private slots:
  void every_kernel_is_launched_by_a_test() {
    const QString root = QString::fromStdString(intarsia::test::tests_folder().parent_path().string());
    const QString source = sources_in(root + "/cuda", "*.cuh"),
                  tests = sources_in(root + "/tests/cuda", "test_*.cpp");
    const QStringList names = kernels_of(source);
    // The pattern misses none: each marker but those of simt.cuh itself is a kernel found.
    static const QRegularExpression marker("^(?!#|//).*\\bINTARSIA_KERNEL\\b",
                                           QRegularExpression::MultilineOption);
    qsizetype markers = 0;
    for (auto match = marker.globalMatch(source); match.hasNext(); match.next()) ++markers;
    QVERIFY(names.size() >= 10);
    QCOMPARE(names.size(), markers);
    for (const QString& name : names) QVERIFY2(is_launched(name, tests), qPrintable(name + " has no test"));
    QVERIFY2(!sources_in(root + "/cuda", "*.cuh")
                  .contains(QRegularExpression("^[^#/\\n]*__global__", QRegularExpression::MultilineOption)),
             "a kernel is marked __global__ and not INTARSIA_KERNEL");
  }

  void a_kernel_without_a_test_is_found() {
    const QString source = "template <typename T>\nINTARSIA_KERNEL void lonely(T* x) {\n}\n"
                           "INTARSIA_KERNEL void INTARSIA_LAUNCH_BOUNDS(256) bound(\n    int* y) {}\n";
    QCOMPARE(kernels_of(source), QStringList({"lonely", "bound"}));
    QVERIFY(!is_launched("lonely", "launch(&lonelier, lonely)"));
    QVERIFY(is_launched("lonely", "launch_checked(\n    &kernels::lonely<float>, {1})"));
  }
};

QTEST_APPLESS_MAIN(TestKernelList)
#include "test_kernel_list.moc"
