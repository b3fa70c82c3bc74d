// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The house has floors (README, "For those who build it"): a file includes files of its own folder's floor
// and of those below, never of one above, and production code includes nothing of tests/. Neither folders nor
// files include each other in a circle.
#include <QDirIterator>
#include <QRegularExpression>
#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "tests/support/paths.h"
#include "tests/support/test_support.h"

namespace {

// Longer names first where one is inside the other.
const std::vector<std::pair<QString, int>> floors{{"app", 10},
                                                  {"ui", 9},
                                                  {"core/jobs", 8},
                                                  {"core/server", 8},
                                                  {"core/worker", 7},
                                                  {"core/artifact", 6},
                                                  {"core/allocation", 6},
                                                  {"core/sensitivity", 5},
                                                  {"core/evaluation", 5},
                                                  {"cuda", 5},
                                                  {"core/runtime", 4},
                                                  {"core/memory", 4},
                                                  {"core/device", 3},
                                                  {"core/palette", 3},
                                                  {"core/checkpoint", 3},
                                                  {"core/text", 2},
                                                  {"core/model", 2},
                                                  {"core/tensor", 2},
                                                  {"core/base", 1}};

struct Room {
  QString folder;
  int floor = 0; // 0: in no room of the house
};

Room room_of(const QString& file) {
  for (const auto& [folder, floor] : floors)
    if (file.startsWith(folder + "/")) return {folder, floor};
  return {};
}

using Includes = std::map<QString, std::set<QString>>; // of a file, by names relative to the project

std::set<QString> included_by(const QString& source) {
  static const QRegularExpression include(QStringLiteral("^\\s*#\\s*include \"([^\"]+)\""),
                                          QRegularExpression::MultilineOption);
  std::set<QString> names;
  for (auto match = include.globalMatch(source); match.hasNext();) names.insert(match.next().captured(1));
  return names;
}

Includes read_project() {
  const QDir project(QString::fromStdString((intarsia::test::tests_folder() / "..").string()));
  Includes includes;
  for (const char* top : {"app", "core", "cuda", "ui"}) {
    QDirIterator files(project.filePath(top), {"*.cpp", "*.h", "*.cu", "*.cuh", "*.inc"}, QDir::Files,
                       QDirIterator::Subdirectories);
    while (files.hasNext()) {
      QFile file(files.next());
      if (!file.open(QIODevice::ReadOnly)) continue;
      includes[project.relativeFilePath(file.fileName())] = included_by(QString::fromUtf8(file.readAll()));
    }
  }
  return includes;
}

// One line for each include that climbs or leaves the house.
QStringList faults(const Includes& includes) {
  QStringList found;
  for (const auto& [file, names] : includes) {
    const Room room = room_of(file);
    if (room.floor == 0) found << file + ": stands in no room of the house";
    for (const QString& name : names) {
      const Room other = room_of(name);
      if (other.floor == 0)
        found << file + " includes " + name + ", which is not production code";
      else if (other.floor > room.floor)
        found << file + " (floor " + QString::number(room.floor) + ") includes " + name + " (floor " +
                     QString::number(other.floor) + ")";
    }
  }
  return found;
}

// A circle's members, or nothing.
QStringList circle(const Includes& graph) {
  std::map<QString, int> state; // 1: on the path, 2: done
  QStringList path;
  const std::function<bool(const QString&)> visit = [&](const QString& node) {
    if (state[node] == 2) return false;
    path << node;
    if (state[node] == 1) return true;
    state[node] = 1;
    if (const auto found = graph.find(node); found != graph.end())
      for (const QString& next : found->second)
        if (visit(next)) return true;
    state[node] = 2;
    path.removeLast();
    return false;
  };
  for (const auto& [node, unused] : graph)
    if (visit(node)) return path.mid(path.indexOf(path.last()));
  return {};
}

QString folder_of(const QString& file) { return file.section('/', 0, -2); }

// A folder and one inside it are one room.
Includes between_folders(const Includes& includes) {
  Includes folders;
  for (const auto& [file, names] : includes)
    for (const QString& name : names) {
      const QString from = folder_of(file) + '/', to = folder_of(name) + '/';
      if (!from.startsWith(to) && !to.startsWith(from)) folders[from].insert(to);
    }
  return folders;
}

QStringList repeated_headers(const Includes& includes) {
  std::map<QString, QStringList> files;
  for (const auto& [file, names] : includes)
    if (file.endsWith(".h") || file.endsWith(".cuh")) files[file.section('/', -1)] << file;
  QStringList repeated;
  for (const auto& [name, all] : files)
    if (all.size() > 1) repeated << all.join(" and ");
  return repeated;
}

Includes between_floors(const Includes& includes) {
  Includes folders;
  for (const auto& [file, names] : includes)
    for (const QString& name : names) {
      const QString from = room_of(file).folder, to = room_of(name).folder;
      if (!to.isEmpty() && from != to) folders[from].insert(to);
    }
  return folders;
}

} // namespace

class TestFloors : public QObject {
  Q_OBJECT
 private slots:
  void no_include_climbs() {
    const Includes includes = read_project();
    QVERIFY2(includes.size() > 300, "the project's sources were not found");
    const QStringList found = faults(includes);
    QVERIFY2(found.isEmpty(), qPrintable(found.join('\n')));
  }

  void nothing_is_included_in_a_circle() {
    const Includes includes = read_project();
    QCOMPARE(circle(includes).join(" -> "), QString());
    QCOMPARE(circle(between_floors(includes)).join(" -> "), QString());
    QCOMPARE(circle(between_folders(includes)).join(" -> "), QString());
  }

  void no_two_headers_have_one_name() { QCOMPARE(repeated_headers(read_project()), QStringList()); }

  void a_planted_fault_is_found() {
    QCOMPARE(faults({{"core/base/a.h", {"core/text/b.h"}}}).size(), 1);
    QCOMPARE(faults({{"core/runtime/a.cpp", {"ui/session/b.h"}}}).size(), 1);
    QCOMPARE(faults({{"cuda/a.cuh", {"tests/cuda/b.h"}}}).size(), 1);
    QCOMPARE(faults({{"core/cellar/a.h", {}}}).size(), 1);
    QCOMPARE(faults({{"ui/session/a.cpp", {"core/base/b.h"}}}).size(), 0);
    QCOMPARE(circle(between_folders({{"ui/a/x.h", {"ui/b/y.h"}}, {"ui/b/z.cpp", {"ui/a/w.h"}}})).size(), 3);
    QCOMPARE(repeated_headers({{"ui/a/x.h", {}}, {"core/base/x.h", {}}, {"core/base/y.h", {}}}),
             QStringList("core/base/x.h and ui/a/x.h"));
    QCOMPARE(circle({{"a", {"b"}}, {"b", {"c"}}, {"c", {"b"}}}), QStringList({"b", "c", "b"}));
    QCOMPARE(circle({{"a", {"b", "c"}}, {"b", {"c"}}}), QStringList());
    QCOMPARE(included_by("#include <x>\n  # include \"core/a.h\"\n#include \"b.h\" // why\n"),
             (std::set<QString>{"core/a.h", "b.h"}));
  }
};

QTEST_GUILESS_MAIN(TestFloors)
#include "test_floors.moc"
