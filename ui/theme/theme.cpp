// SPDX-License-Identifier: GPL-3.0-or-later
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
  return t;
}

} // namespace

Theme Theme::of(const QPalette& palette) {
  return palette.color(QPalette::Window).lightness() < 128 ? dark_theme() : light_theme();
}

QString Theme::style_sheet() const {
  return QStringLiteral(R"(
    QWidget { color: %1; font-size: 13px; }
    QMainWindow, QWidget#ground { background: %2; }
    QFrame#card { background: %3; border: 1px solid %4; border-radius: 12px; }
    QWidget#header, QWidget#rail, QWidget#statusLine { background: %3; }
    QLabel { background: transparent; }
    QLabel#title { font-size: 15px; font-weight: 600; }
    QLabel#muted { color: %5; }
    QLabel#gain { color: %6; }
    QLabel#error { color: %7; }
    QPushButton { background: %3; border: 1px solid %4; border-radius: 8px; padding: 6px 14px; }
    QPushButton:hover { border-color: %8; }
    QPushButton:focus { border: 2px solid %8; padding: 5px 13px; }
    QPushButton:disabled { color: %5; }
    QPushButton#primary { background: %8; color: %9; border: 1px solid %8; font-weight: 600; padding: 9px 16px; }
    QPushButton#primary:focus { border: 2px solid %1; padding: 8px 15px; }
    QPushButton#primary:disabled { background: %10; color: %5; border-color: %10; }
    QPushButton#chip { border-radius: 13px; padding: 4px 12px; }
    QPushButton#chip:checked { background: %11; border: 1px solid %8; color: %8; }
    QToolButton { background: transparent; border: none; border-radius: 8px; padding: 6px; color: %5; }
    QToolButton:hover { background: %11; }
    QToolButton:focus { border: 2px solid %8; padding: 4px; }
    QToolButton:checked { background: %11; color: %1; font-weight: 600; }
    QLineEdit, QSpinBox, QDoubleSpinBox, QPlainTextEdit, QTextBrowser, QTableView { background: %3; border: 1px solid %4; border-radius: 8px; padding: 4px 8px; selection-background-color: %8; selection-color: %9; }
    QLineEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus, QPlainTextEdit:focus, QTableView:focus { border: 1px solid %8; }
    QTableView { padding: 0; gridline-color: %4; alternate-background-color: %2; }
    QHeaderView::section { background: %3; color: %5; border: none; border-bottom: 1px solid %4; padding: 6px 8px; }
    QTableCornerButton::section { background: %3; border: none; }
    QProgressBar { background: %10; border: none; border-radius: 4px; height: 8px; text-align: center; color: transparent; }
    QProgressBar::chunk { background: %8; border-radius: 4px; }
    QSlider::groove:horizontal { background: %10; height: 4px; border-radius: 2px; }
    QSlider::sub-page:horizontal { background: %8; height: 4px; border-radius: 2px; }
    QSlider::handle:horizontal { background: %3; border: 2px solid %8; width: 12px; height: 12px; margin: -6px 0; border-radius: 8px; }
    QSlider:focus { border: 1px solid %8; border-radius: 6px; }
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
    QScrollBar:vertical { background: transparent; width: 10px; }
    QScrollBar::handle:vertical { background: %10; border-radius: 5px; min-height: 32px; }
    QScrollBar::add-line, QScrollBar::sub-line, QScrollBar::add-page, QScrollBar::sub-page { background: transparent; height: 0; }
    QScrollArea { background: transparent; border: none; }
  )")
      .arg(text.name(), ground.name(), card.name(), border.name(), muted.name(), good.name(), danger.name(),
           accent.name(), on_accent.name())
      .arg(track.name(), accent_soft.name());
}

QColor cividis(double t) {
  // Every sixteenth of the published 256-entry table.
  constexpr std::array<QRgb, 17> stops{0xFF00204D, 0xFF00286A, 0xFF11366C, 0xFF31446B, 0xFF414F6C, 0xFF515A6D,
                                       0xFF60666F, 0xFF6E7073, 0xFF7C7B78, 0xFF8B8778, 0xFF9C9576, 0xFFAFA371,
                                       0xFFC0B16A, 0xFFD3BF60, 0xFFE5CE52, 0xFFF5DB47, 0xFFFFEA46};
  const double position = std::clamp(t, 0.0, 1.0) * double(stops.size() - 1);
  const auto index = std::min(std::size_t(position), stops.size() - 2);
  const double part = position - double(index);
  const auto mix = [&](int a, int b) { return int(a + (b - a) * part + 0.5); };
  return QColor(mix(qRed(stops[index]), qRed(stops[index + 1])),
                mix(qGreen(stops[index]), qGreen(stops[index + 1])),
                mix(qBlue(stops[index]), qBlue(stops[index + 1])));
}

} // namespace intarsia::ui
