// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What comes from outside a widget: something dropped on the window, the context menu of the heatmap, and a
// desktop that turns dark while the window is open.
#include <QContextMenuEvent>
#include <QDropEvent>
#include <QMenu>
#include <QMimeData>
#include <QSettings>
#include <QSignalSpy>

#include "tests/support/test_support.h"
#include "tests/ui/window_under_test.h"

using namespace intarsia;
using namespace intarsia::ui;
using intarsia::test::timeout;

class TestGestures : public QObject, private test::WindowUnderTest {
  Q_OBJECT

  QTemporaryDir dir_;
  const QString model_ = dir_.filePath("model");

  // Answers whether the window took it.
  bool drop(const QList<QUrl>& urls) {
    QMimeData data;
    data.setUrls(urls);
    QDragEnterEvent enter({10, 10}, Qt::CopyAction, &data, Qt::LeftButton, {});
    enter.ignore();
    QApplication::sendEvent(window_.get(), &enter);
    if (!enter.isAccepted()) return false;
    QDropEvent dropped({10, 10}, Qt::CopyAction, &data, Qt::LeftButton, {});
    QApplication::sendEvent(window_.get(), &dropped);
    return true;
  }
  // The menu that a right click on the cell opens.
  QMenu* menu_at(GridPosition cell) {
    auto* heatmap = find<HeatmapView>("heatmap");
    const QPoint at = heatmap->cell_centre(cell);
    QContextMenuEvent click(QContextMenuEvent::Mouse, at, heatmap->mapToGlobal(at));
    QApplication::sendEvent(heatmap, &click);
    return heatmap->findChild<QMenu*>("cellMenu");
  }
  // "Pin to/NUQ/nuq-8"
  static QAction* action(QMenu* menu, const QString& path) {
    const QStringList names = path.split('/');
    for (const QString& name : names) {
      const auto actions = menu->actions();
      const auto found =
          std::find_if(actions.begin(), actions.end(), [&](QAction* a) { return a->text() == name; });
      if (found == actions.end()) return nullptr;
      if (!(*found)->menu()) return *found;
      menu = (*found)->menu();
    }
    return nullptr;
  }
  const PlanInputs& inputs() { return session_->planner().inputs(); }

 private slots:
  void initTestCase() {
    // A copy: the studio leaves measured sensitivities beside a model.
    std::filesystem::copy(test::tests_folder() / "golden/runtime/gqa", model_.toStdString());
    QSettings::setPath(QSettings::NativeFormat, QSettings::UserScope, dir_.path());
    QApplication::setOrganizationName("IntarsiaTest");
    QVERIFY(open_window({1280, 820}));
  }

  void only_one_local_file_is_taken() {
    QVERIFY(!drop({}));
    QVERIFY(!drop({QUrl("https://example.org/model.gguf")}));
    QVERIFY(!drop({QUrl::fromLocalFile("/a"), QUrl::fromLocalFile("/b")}));
    QVERIFY(!shows("Let go to open it"));
  }

  void a_dropped_folder_is_opened() {
    QVERIFY(drop({QUrl::fromLocalFile(model_)}));
    QVERIFY(!shows("Let go to open it"));
    QTRY_VERIFY_WITH_TIMEOUT(session_->model() != nullptr, timeout);
    QCOMPARE(session_->models().path(), model_);
    QTRY_VERIFY_WITH_TIMEOUT(session_->planner().plan() != nullptr, timeout);
  }

  void what_is_no_model_is_a_sentence() {
    QSignalSpy errors(session_.get(), &StudioSession::error_occurred);
    const QString file = dir_.filePath("notes.txt");
    test::write_file(file.toStdString(), "not a model");
    QVERIFY(drop({QUrl::fromLocalFile(file)}));
    QTRY_COMPARE_WITH_TIMEOUT(errors.count(), 1, timeout);
    QVERIFY(errors[0][0].toString().contains("notes.txt"));
    QCOMPARE(session_->models().path(), model_);
  }

  void the_context_menu_decides_about_its_cell() {
    window_->show_page(MainWindow::allocation);
    auto* heatmap = find<HeatmapView>("heatmap");
    QTRY_VERIFY_WITH_TIMEOUT(!heatmap->grid().empty(), timeout);
    const std::string layer = heatmap->grid().at(2, 1).layer;
    const QuantizerId eight = parse_quantizer_id("nuq-8"), two = parse_quantizer_id("nuq-2");

    QMenu* menu = menu_at({2, 1});
    QVERIFY(menu && heatmap->focus_position() == (GridPosition{2, 1}));
    QVERIFY(action(menu, "Pin to/NUQ/nuq-8"));
    action(menu, "Pin to/NUQ/nuq-8")->trigger();
    menu->close();
    QCOMPARE(inputs().pins.size(), std::size_t(1));
    QVERIFY(inputs().pins.at(layer) == eight);

    QTRY_VERIFY(!heatmap->findChild<QMenu*>("cellMenu")); // it deletes itself
    menu = menu_at({2, 1});
    action(menu, "Forbid/NUQ/nuq-2")->trigger();
    menu->close();
    QVERIFY(inputs().forbidden.at(layer).contains(two));

    QTRY_VERIFY(!heatmap->findChild<QMenu*>("cellMenu"));
    menu = menu_at({2, 1});
    action(menu, "Select row")->trigger();
    action(menu, "Unpin and allow all")->trigger();
    menu->close();
    QVERIFY(inputs().pins.empty() && inputs().forbidden.empty());
    QCOMPARE(heatmap->target_layers().size(), heatmap->grid().blocks);
  }

  void a_click_beside_the_cells_opens_no_menu() {
    auto* heatmap = find<HeatmapView>("heatmap");
    QTRY_VERIFY(!heatmap->findChild<QMenu*>("cellMenu"));
    QContextMenuEvent click(QContextMenuEvent::Mouse, {1, 1}, heatmap->mapToGlobal(QPoint(1, 1)));
    QApplication::sendEvent(heatmap, &click);
    QVERIFY(!heatmap->findChild<QMenu*>("cellMenu"));
  }

  void the_window_follows_a_desktop_that_turns_dark() {
    const QPalette light = QApplication::palette();
    QPalette dark = light;
    dark.setColor(QPalette::Window, QColor("#17181C"));
    dark.setColor(QPalette::WindowText, QColor("#ECEDF1"));
    const Theme day = Theme::of(light), night = Theme::of(dark);
    QVERIFY(!day.dark && night.dark);
    const auto looks_like = [&](const Theme& theme) {
      return qApp->styleSheet().contains(theme.ground.name()) &&
             find<HeatmapView>("heatmap")->xAxis->labelColor() == theme.muted &&
             find<QCustomPlot>("frontier")->xAxis->labelColor() == theme.muted;
    };
    QApplication::setPalette(dark);
    QTRY_VERIFY(looks_like(night));
    QApplication::setPalette(light);
    QTRY_VERIFY(looks_like(day));
  }
};

QTEST_MAIN(TestGestures)
#include "test_gestures.moc"
