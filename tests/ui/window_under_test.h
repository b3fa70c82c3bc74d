// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What tests of the whole window share: the session, its window, and the eyes and hands of a person.
#pragma once

#include <QApplication>
#include <QDir>
#include <QLabel>
#include <QLineEdit>
#include <QSlider>
#include <QTemporaryDir>
#include <QTest>
#include <memory>
#include <vector>

#include "tests/support/test_support.h"
#include "ui/allocation/heatmap_view.h"
#include "ui/session/studio_session.h"
#include "ui/theme/theme.h"
#include "ui/window/main_window.h"

namespace intarsia::test {

constexpr int timeout = 120000; // ms; a slow machine needs longer, no result depends on it

inline void use_palette(bool dark) {
  QPalette palette;
  if (dark) {
    palette.setColor(QPalette::Window, QColor("#17181C"));
    palette.setColor(QPalette::WindowText, QColor("#ECEDF1"));
    palette.setColor(QPalette::Base, QColor("#202227"));
    palette.setColor(QPalette::Text, QColor("#ECEDF1"));
    palette.setColor(QPalette::Button, QColor("#202227"));
    palette.setColor(QPalette::ButtonText, QColor("#ECEDF1"));
  }
  QApplication::setPalette(palette);
  qApp->setStyleSheet(ui::Theme::of(QApplication::palette()).style_sheet());
}

struct WindowUnderTest {
  QTemporaryDir cache_;
  std::unique_ptr<ui::StudioSession> session_;
  std::unique_ptr<ui::MainWindow> window_;

  // INTARSIA_WINDOW=1024x640 in the environment is for looking at screenshots in another size.
  bool open_window(QSize size, ui::Devices::Find find_devices = detect_usable_devices) {
    use_palette(false);
    qputenv("XDG_CACHE_HOME", cache_.path().toUtf8()); // nothing is known of any model yet
    window_.reset();
    session_ = std::make_unique<ui::StudioSession>(nullptr, std::move(find_devices));
    window_ = std::make_unique<ui::MainWindow>(*session_);
    const QStringList given = qEnvironmentVariable("INTARSIA_WINDOW").split('x');
    window_->resize(given.size() == 2 ? QSize(given[0].toInt(), given[1].toInt()) : size);
    window_->show();
    return QTest::qWaitForWindowExposed(window_.get());
  }

  template <typename Widget>
  Widget* find(const char* name) {
    auto* found = window_->findChild<Widget*>(QString::fromLatin1(name));
    if (!found) qFatal("no widget \"%s\"", name);
    return found;
  }

  // What a person can read in the window now.
  bool shows(const QString& words, QWidget* where = nullptr) {
    for (const auto* label :
         (where ? where : static_cast<QWidget*>(window_.get()))->template findChildren<QLabel*>())
      if (label->isVisible() && label->text().contains(words)) return true;
    return false;
  }
  void type(const char* field_name, const QString& text) {
    auto* field = find<QLineEdit>(field_name);
    field->setFocus();
    field->selectAll();
    QTest::keyClicks(field, text);
    QTest::keyClick(field, Qt::Key_Return);
    field->clearFocus();
  }

  std::vector<QRgb> cell_colours() {
    auto* heatmap = find<ui::HeatmapView>("heatmap");
    std::vector<QRgb> colours;
    for (int row = 0; row < int(heatmap->grid().roles.size()); ++row)
      for (int block = 0; block < int(heatmap->grid().blocks); ++block)
        colours.push_back(heatmap->cell_colour({row, block}).rgb());
    return colours;
  }

  // The built-in model without the sensitivities that it comes with: they have to be measured.
  QString unmeasured_model() {
    const QString to = cache_.filePath("unmeasured");
    QDir().mkpath(to);
    const QDir from(QString::fromStdString((resources_folder() / "demo-model").string()));
    for (const QString& name : from.entryList(QDir::Files))
      if (!name.startsWith("intarsia-sensitivity")) QFile::copy(from.filePath(name), to + "/" + name);
    return to;
  }

  // From the handle's place to `to` (0: left end, 1: right end), in steps as a hand does.
  void drag(QSlider* slider, double to) {
    const auto at = [&](double part) { return QPoint(int(part * slider->width()), slider->height() / 2); };
    const double from = double(slider->value() - slider->minimum()) / (slider->maximum() - slider->minimum());
    QTest::mousePress(slider, Qt::LeftButton, {}, at(std::clamp(from, 0.02, 0.98)));
    for (int step = 1; step <= 20; ++step) QTest::mouseMove(slider, at(from + (to - from) * step / 20));
    QTest::mouseRelease(slider, Qt::LeftButton, {}, at(to));
  }

  // With INTARSIA_SCREENSHOTS=FOLDER: in light and in dark.
  void screenshot(const QString& name) { screenshot_of(*window_, name); }
  void screenshot_of(QWidget& widget, const QString& name) {
    const QByteArray folder = qgetenv("INTARSIA_SCREENSHOTS");
    if (folder.isEmpty()) return;
    for (const bool dark : {false, true}) {
      use_palette(dark);
      QTest::qWait(300);
      widget.grab().save(QString::fromLocal8Bit(folder) + "/" + name + (dark ? "-dark.png" : "-light.png"));
    }
    use_palette(false);
  }
};

} // namespace intarsia::test
