// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// How long the studio's event loop stands still, and how soon a drag is answered.
//   bench_ui [8B FOLDER [MODEL]]
//   bench_ui --launch MODEL    (or `built-in`)
// The folder has config.json, sensitivity.json and latency-rtx4090.json of Llama-3.1-8B; MODEL is one that is
// measured for some seconds. Prints a line a phase: the longest time between two turns of the event loop, the
// longest CPU time of the thread itself between two (what counts on a machine that is busy otherwise) and
// how many were longer than 50 ms; for drags the median time from a move to the first plan that answers it or
// a later one. --launch: how long it takes from the start of the process until the heatmap with the first
// plan in it is painted. Offscreen unless QT_QPA_PLATFORM says otherwise.
#include <QApplication>
#include <QElapsedTimer>
#include <QEventLoop>
#include <QFile>
#include <QFileInfo>
#include <QSettings>
#include <QTemporaryDir>
#include <QTimer>
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <functional>
#include <unistd.h>
#include <vector>

#include "ui/allocation/heatmap_view.h"
#include "ui/session/file_path.h"
#include "ui/theme/theme.h"
#include "ui/window/main_window.h"

using namespace intarsia;
using namespace intarsia::ui;

namespace {

constexpr double drag_seconds = 10;

struct Stalls {
  double longest = 0; // ms
  double longest_work =
      0; // ms of the thread's own CPU time: the rest of a stall is other threads and programs
  int above_50 = 0;
};

double thread_milliseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return 1e3 * double(now.tv_sec) + 1e-6 * double(now.tv_nsec);
}

// Turns the event loop until `done`, and notes the pauses between two turns of it.
Stalls stalls_until(const std::function<bool()>& done) {
  QElapsedTimer since;
  Stalls stalls;
  QEventLoop loop;
  QTimer tick;
  tick.setInterval(0);
  since.start();
  double worked = thread_milliseconds();
  QObject::connect(&tick, &QTimer::timeout, &loop, [&] {
    const double pause = double(since.nsecsElapsed()) * 1e-6;
    stalls.longest = std::max(stalls.longest, pause);
    stalls.above_50 += pause > 50;
    const double now = thread_milliseconds();
    stalls.longest_work = std::max(stalls.longest_work, now - std::exchange(worked, now));
    since.restart();
    if (done()) loop.quit();
  });
  tick.start();
  loop.exec();
  return stalls;
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::nth_element(values.begin(), values.begin() + std::ptrdiff_t(values.size() / 2), values.end());
  return values[values.size() / 2];
}

void print(const char* name, const Stalls& stalls, const char* more = "") {
  std::printf("%-28s longest stall %6.1f ms (own work %5.1f ms), above 50 ms: %d%s\n", name, stalls.longest,
              stalls.longest_work, stalls.above_50, more);
  std::fflush(stdout);
}

void phase(const char* name, const std::function<bool()>& done) { print(name, stalls_until(done)); }

// Opens a model; from then to the first heatmap that has a plan in it, painted.
void first_heatmap(StudioSession& session, MainWindow& window, const char* name, const QString& path) {
  QElapsedTimer watch;
  watch.start();
  window.open(path);
  phase(name, [&] { return session.models().path() == path && session.planner().plan(); });
  window.grab();
  std::printf("%-28s %.2f s from opening to the first heatmap\n", name, double(watch.elapsed()) / 1000);
}

// The memory slider is moved 25 times a second, to and fro.
void drag(StudioSession& session, const char* name) {
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
  const Stalls stalls = stalls_until([&] { return whole.elapsed() > drag_seconds * 1000; });
  print(name, stalls);
  std::printf("%-28s answers %zu, median %.0f ms\n", name, answers.size(), median(answers));
}

// Since the kernel started this process.
double process_seconds() {
  QFile stat("/proc/self/stat");
  if (!stat.open(QIODevice::ReadOnly)) return 0;
  const QByteArray text = stat.readAll();
  const QList<QByteArray> after_name = text.mid(text.lastIndexOf(')') + 2).split(' ');
  constexpr int start_time = 19; // 22nd field of the line, in ticks since boot
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return double(now.tv_sec) + double(now.tv_nsec) * 1e-9 -
         after_name[start_time].toDouble() / double(sysconf(_SC_CLK_TCK));
}

int launch(StudioSession& session, MainWindow& window, const QString& model) {
  auto* heatmap = window.findChild<HeatmapView*>("heatmap");
  bool painted = false, failed = false;
  QObject::connect(&session.models(), &ModelStore::failed, heatmap, [&](const QString& sentence) {
    std::fprintf(stderr, "%s\n", qPrintable(sentence));
    failed = true;
  });
  QObject::connect(heatmap, &QCustomPlot::afterReplot, heatmap, [&] {
    painted = painted || (heatmap->isVisible() && session.planner().plan() && !heatmap->grid().empty());
  });
  if (model == "built-in")
    window.open_built_in();
  else
    window.open(model);
  stalls_until([&] { return painted || failed; });
  if (failed) return 1;
  std::printf("%-28s %.2f s from the start of the process to the first heatmap, %s\n",
              qPrintable(QFileInfo(model).fileName()), process_seconds(),
              session.sensitivities().kind() == SensitivityKind::provisional ? "provisional" : "measured");
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  QElapsedTimer since_start;
  since_start.start();
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
  if (argc > 2 && QByteArray(argv[1]) == "--launch")
    return launch(session, window, QFile::decodeName(argv[2]));
  session.models().open_built_in();
  phase("built-in model", [&] { return session.planner().plan() != nullptr; });
  window.grab();
  std::printf("%-28s %.2f s from the start to the first heatmap\n", "built-in model",
              double(since_start.elapsed()) / 1000);
  phase("settling", [&] { return session.planner().answer().more_memory.has_value(); });
  drag(session, "dragging, built-in model");
  session.quantization().quantize(*session.planner().plan(), dir.filePath("out"));
  phase("quantizing", [&] { return !session.quantization().running(); });
  phase("measuring its quality", [&] { return !session.quantization().measuring(); });
  window.show_page(MainWindow::chat);
  ChatSettings settings;
  settings.sampling.temperature = 2; // rambles on
  session.chat().send("What is walnut good for?", settings);
  phase("chatting", [&] { return !session.chat().answering(); });
  session.chat().clear();
  if (argc < 2) return 0;
  const QString folder = QFile::decodeName(argv[1]);
  first_heatmap(session, window, "8B, config.json", folder + "/config.json");
  session.sensitivities().import_file(folder + "/sensitivity.json");
  session.latency().import_table(folder + "/latency-rtx4090.json");
  phase("8B, table imported", [&] { return session.planner().answer().latency_range.has_value(); });
  session.planner().set_latency(0.005);
  phase("8B, both budgets", [&] { return session.planner().answer().request.latency_seconds.has_value(); });
  drag(session, "dragging, 8B, both budgets");
  if (argc < 3) return 0;
  first_heatmap(session, window, "a model to measure", QFile::decodeName(argv[2]));
  QElapsedTimer measuring;
  measuring.start();
  phase("measuring sensitivities",
        [&] { return measuring.elapsed() > drag_seconds * 1000 || !session.sensitivities().measuring(); });
  return 0;
}
