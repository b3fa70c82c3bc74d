// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/theme/theme.h"

#include <algorithm>
#include <array>

namespace intarsia::ui {
namespace {

Theme light_theme() {
  Theme t;
  t.ground = "#F6F6F4";
  t.card = "#FFFFFF";
  t.border = "#E2E2DF";
  t.track = "#E4E5E9";
  t.text = "#1D1E24";
  t.muted = "#666974";
  t.accent = "#3F51C7";
  t.accent_soft = "#ECEEFA";
  t.on_accent = "#FFFFFF";
  t.good = "#1F7A4C";
  t.bridge = "#E4572E";
  t.danger = "#B3261E";
  t.warning = "#8A5A00";
  return t;
}

Theme dark_theme() {
  Theme t;
  t.dark = true;
  t.ground = "#17181C";
  t.card = "#202227";
  t.border = "#33363E";
  t.track = "#363943";
  t.text = "#ECEDF1";
  t.muted = "#A2A6B2";
  t.accent = "#8C9BF5";
  t.accent_soft = "#2B3050";
  t.on_accent = "#12131A";
  t.good = "#5CC48F";
  t.bridge = "#E4572E";
  t.danger = "#F2877F";
  t.warning = "#E0B060";
  return t;
}

// The application's style sheet, a string a kind of widget. %1 to %12 are colours: see style_sheet().
constexpr const char* surfaces = R"(
  QWidget { color: %1; font-size: 13px; }
  QMainWindow, QWidget#ground { background: %2; }
  QFrame#card { background: %3; border: 1px solid %4; border-radius: 12px; }
  QWidget#header, QWidget#rail, QWidget#statusLine { background: %3; }
  QLabel { background: transparent; }
  QLabel#title { font-size: 15px; font-weight: 600; }
  QLabel#muted { color: %5; }
  QLabel#gain { color: %6; }
  QLabel#error { color: %7; }
  QLabel#question { background: %11; border-radius: 12px; padding: 8px 14px; }
  QLabel#speaker { color: %5; font-weight: 600; }
  QLabel#warning { color: %12; }
  QMessageBox { background: %3; }
  QFrame#banner { background: %3; border: 1px solid %7; border-radius: 10px; }
  QFrame#dropZone { border: 2px dashed %4; border-radius: 12px; background: transparent; }
  QFrame#dropZone[over="true"] { border-color: %8; background: %11; }
)";
constexpr const char* buttons = R"(
  QPushButton { background: %3; border: 1px solid %4; border-radius: 8px; padding: 6px 14px; }
  QPushButton:hover { border-color: %8; }
  QPushButton:focus { border: 2px solid %8; padding: 5px 13px; }
  QPushButton:disabled { color: %5; }
  QPushButton#primary, QPushButton[primary="true"] { background: %8; color: %9; border: 1px solid %8; font-weight: 600; padding: 9px 16px; }
  QPushButton#primary:focus, QPushButton[primary="true"]:focus { border: 2px solid %1; padding: 8px 15px; }
  QPushButton#primary:disabled, QPushButton[primary="true"]:disabled { background: %10; color: %5; border-color: %10; }
  QPushButton::menu-indicator { subcontrol-origin: padding; subcontrol-position: right center; right: 10px; }
  QPushButton#chip { border-radius: 13px; padding: 4px 12px; }
  QPushButton#chip:checked { background: %11; border: 1px solid %8; color: %8; }
  QPushButton#chip:checked:disabled { background: %10; border: 1px solid %4; color: %5; }
  QPushButton#segment { border-radius: 0; padding: 5px; margin-left: -1px; }
  QPushButton#segment:checked { background: %11; border: 1px solid %8; color: %8; }
  QPushButton#link { border: none; background: transparent; color: %8; padding: 2px 4px; text-align: left; }
  QPushButton#link:focus { border: 1px solid %8; padding: 1px 3px; }
  QPushButton#link:disabled { color: %5; }
  QPushButton#starter { border-radius: 14px; padding: 6px 14px; color: %8; }
  QPushButton#recent { text-align: left; padding: 9px 14px; }
  QToolButton { background: transparent; border: none; border-radius: 8px; padding: 6px; color: %5; }
  QToolButton:hover { background: %11; }
  QToolButton:focus { border: 2px solid %8; padding: 4px; }
  QToolButton:disabled { color: %4; }
  QToolButton:checked { background: %11; color: %1; font-weight: 600; }
)";
constexpr const char* fields = R"(
  QLineEdit, QSpinBox, QDoubleSpinBox, QPlainTextEdit, QTextBrowser, QTableView { background: %3; border: 1px solid %4; border-radius: 8px; padding: 4px 8px; selection-background-color: %8; selection-color: %9; }
  QLineEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus, QPlainTextEdit:focus, QTableView:focus { border: 1px solid %8; }
  QCheckBox:focus { color: %8; }
)";
constexpr const char* lists = R"(
  QMenuBar { background: %3; color: %1; border: none; }
  QMenuBar::item { padding: 4px 10px; background: transparent; border-radius: 6px; }
  QMenuBar::item:selected { background: %11; }
  QTableView { padding: 0; gridline-color: %4; alternate-background-color: %2; }
  QHeaderView::section { background: %3; color: %5; border: none; border-bottom: 1px solid %4; padding: 6px 8px; }
  QTableCornerButton::section { background: %3; border: none; }
  QFrame#popup { background: %3; border: 1px solid %4; }
  QListWidget { background: %3; border: 1px solid %4; border-radius: 8px; padding: 3px; outline: none; }
  QListWidget:focus { border: 1px solid %8; }
  QListWidget::item { padding: 5px; border-radius: 6px; }
  QListWidget::item:selected { background: %11; color: %1; }
  QComboBox { background: %3; border: 1px solid %4; border-radius: 8px; padding: 5px 10px; }
  QComboBox:focus { border: 1px solid %8; }
  QComboBox:disabled { color: %5; }
  QComboBox::drop-down { border: none; width: 28px; }
  QComboBox::down-arrow { width: 0; height: 0; }
  QComboBox QAbstractItemView { background: %3; border: 1px solid %4; selection-background-color: %11; selection-color: %1; }
  QMenu { background: %3; border: 1px solid %4; }
  QMenu::item { padding: 6px 24px; }
  QMenu::item:selected { background: %11; }
  QToolTip { background: %3; color: %1; border: 1px solid %4; padding: 6px; }
)";
constexpr const char* bars = R"(
  QProgressBar { background: %10; border: none; border-radius: 4px; height: 8px; text-align: center; color: transparent; }
  QProgressBar::chunk { background: %8; border-radius: 4px; }
  QSlider::groove:horizontal { background: %10; height: 4px; border-radius: 2px; }
  QSlider::sub-page:horizontal { background: %8; height: 4px; border-radius: 2px; }
  QSlider::handle:horizontal { background: %3; border: 2px solid %8; width: 12px; height: 12px; margin: -6px 0; border-radius: 8px; }
  QSlider:focus { border: 1px solid %8; border-radius: 6px; }
  QScrollBar:vertical { background: transparent; width: 10px; }
  QScrollBar::handle:vertical { background: %10; border-radius: 5px; min-height: 32px; }
  QScrollBar:horizontal { background: transparent; height: 10px; }
  QScrollBar::handle:horizontal { background: %10; border-radius: 5px; min-width: 32px; }
  QScrollBar::add-line, QScrollBar::sub-line, QScrollBar::add-page, QScrollBar::sub-page { background: transparent; width: 0; height: 0; }
  QScrollArea { background: transparent; border: none; }
)";

} // namespace

Theme Theme::of(const QPalette& palette) {
  return palette.color(QPalette::Window).lightness() < 128 ? dark_theme() : light_theme();
}

QString Theme::style_sheet() const {
  QString sheet;
  for (const char* rules : {surfaces, buttons, fields, lists, bars}) sheet += QString::fromLatin1(rules);
  return sheet
      .arg(text.name(), ground.name(), card.name(), border.name(), muted.name(), good.name(), danger.name(),
           accent.name(), on_accent.name())
      .arg(track.name(), accent_soft.name(), warning.name());
}

QColor heat_colour(double t) {
  // Cividis (Nuñez, Anderton, Renslow 2018) with darker and lighter ends, at equal steps of the smallest
  // CIEDE2000 difference among normal sight and three kinds of colour blindness: neighbours differ by 6.4 at
  // least (tests/ui/test_texts.cpp).
  constexpr std::array<QRgb, 14> stops{0xFF040A22, 0xFF01193F, 0xFF0A2D5F, 0xFF2D456C, 0xFF49556D,
                                       0xFF5D636F, 0xFF707274, 0xFF828078, 0xFF969076, 0xFFACA271,
                                       0xFFC7B666, 0xFFE5CE52, 0xFFFFEB50, 0xFFFFF7B0};
  const double position = std::clamp(t, 0.0, 1.0) * double(stops.size() - 1);
  const auto index = std::min(std::size_t(position), stops.size() - 2);
  const double part = position - double(index);
  const auto mix = [&](int a, int b) { return int(a + (b - a) * part + 0.5); };
  return QColor(mix(qRed(stops[index]), qRed(stops[index + 1])),
                mix(qGreen(stops[index]), qGreen(stops[index + 1])),
                mix(qBlue(stops[index]), qBlue(stops[index + 1])));
}

} // namespace intarsia::ui
