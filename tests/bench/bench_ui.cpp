// SPDX-License-Identifier: GPL-3.0-or-later
// How long the studio's event loop stands still, and how soon a drag is answered.
//   bench_ui [8B FOLDER]   (a folder with config.json, sensitivity.json, latency-*.json of Llama-3.1-8B)
// Prints a line a phase: the longest time between two turns of the event loop; for drags the median time from
// a move to the first plan that answers it or a later one. Offscreen unless QT_QPA_PLATFORM says otherwise.
#include <QApplication>
#include <QElapsedTimer>
#include <QEventLoop>
#include <QSettings>
#include <QTemporaryDir>
#include <QTimer>
#include <algorithm>
#include <cstdio>
#include <functional>
#include <vector>

#include "ui/session/file_path.h"
#include "ui/theme/theme.h"
#include "ui/window/main_window.h"

using namespace intarsia;
using namespace intarsia::ui;

namespace {

constexpr double drag_seconds = 10;

// Turns the event loop until `done`, and notes the longest pause between two turns of it.
double longest_stall(const std::function<bool()>& done) {
  QElapsedTimer since;
  double longest = 0;
  QEventLoop loop;
  QTimer tick;
  tick.setInterval(0);
  since.start();
  QObject::connect(&tick, &QTimer::timeout, &loop, [&] {
    longest = std::max(longest, double(since.nsecsElapsed()) * 1e-6);
    since.restart();
    if (done()) loop.quit();
  });
  tick.start();
  loop.exec();
  return longest;
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::nth_element(values.begin(), values.begin() + std::ptrdiff_t(values.size() / 2), values.end());
  return values[values.size() / 2];
}

void phase(const char* name, const std::function<bool()>& done) {
  std::printf("%-28s longest stall %7.1f ms\n", name, longest_stall(done));
}

// The memory slider is moved 25 times a second, to and fro.
void drag(StudioSession& session) {
  Planner& planner = session.planner();
  const auto range = planner.answer().memory_range;
  std::vector<double> answers;
  QElapsedTimer whole, asked;
  bool waiting = false;
  QObject context;
  QObject::connect(&planner, &Planner::plan_changed, &context, [&] {
    if (std::exchange(waiting, false)) answers.push_back(double(asked.nsecsElapsed()) * 1e-6);
  });
  QTimer move;
  int step = 0;
  QObject::connect(&move, &QTimer::timeout, &context, [&] {
    const double part = 0.5 + 0.4 * std::sin(0.05 * ++step);
    if (!waiting) asked.start();
    waiting = true;
    planner.set_memory(MemoryBytes{std::uint64_t(range.low + (range.high - range.low) * part)},
                       Gesture::dragging);
  });
  move.start(40);
  whole.start();
  const double stall = longest_stall([&] { return whole.elapsed() > drag_seconds * 1000; });
  std::printf("%-28s longest stall %7.1f ms, answers %zu, median %.0f ms\n", "dragging, both budgets", stall,
              answers.size(), median(answers));
}

} // namespace

int main(int argc, char** argv) {
  if (qEnvironmentVariableIsEmpty("QT_QPA_PLATFORM")) qputenv("QT_QPA_PLATFORM", "offscreen");
  QApplication application(argc, argv);
  QTemporaryDir dir;
  QSettings::setPath(QSettings::NativeFormat, QSettings::UserScope, dir.path());
  qputenv("XDG_CACHE_HOME", dir.path().toUtf8());
  application.setStyleSheet(Theme::of(QApplication::palette()).style_sheet());
  StudioSession session;
  MainWindow window(session);
  window.resize(1440, 900);
  window.show();
  QElapsedTimer launch;
  launch.start();
  session.models().open_built_in();
  phase("loading, first plan", [&] { return session.planner().plan() != nullptr; });
  std::printf("%-28s %.2f s from open to the first plan\n", "built-in model",
              double(launch.elapsed()) / 1000);
  session.quantization().quantize(*session.planner().plan(), dir.filePath("out"));
  phase("quantizing", [&] { return !session.quantization().running(); });
  session.chat().send("What is walnut good for?", {});
  phase("chatting", [&] { return !session.chat().answering(); });
  if (argc < 2) return 0;
  const QString folder = QFile::decodeName(argv[1]);
  launch.restart();
  session.models().open(folder + "/config.json");
  phase("loading 8B's config.json",
        [&] { return session.planner().plan() && session.planner().graph().linears.size() > 200; });
  std::printf("%-28s %.2f s from open to the first plan\n", "8B", double(launch.elapsed()) / 1000);
  session.sensitivities().import_file(folder + "/sensitivity.json");
  session.latency().import_table(folder + "/latency-rtx4090.json");
  phase("table imported", [&] { return session.planner().answer().latency_range.has_value(); });
  session.planner().set_latency(0.005);
  phase("both budgets", [&] { return session.planner().answer().request.latency_seconds.has_value(); });
  drag(session);
  return 0;
}
