// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/budget/scale_slider.h"

#include <QMouseEvent>
#include <QPainter>
#include <algorithm>
#include <cmath>

#include "ui/theme/theme.h"

namespace intarsia::ui {
namespace {

constexpr int steps = 1000, knob = 16, groove_top = 10, groove_height = 4, ticks_top = 22;

} // namespace

ScaleSlider::ScaleSlider(QWidget* parent)
    : QSlider(Qt::Horizontal, parent) {
  setRange(0, steps);
  setSingleStep(steps / 200);
  setPageStep(steps / 20);
  setFocusPolicy(Qt::StrongFocus);
  connect(this, &QSlider::valueChanged, this, [this] {
    if (has_scale()) emit moved(shown_value(), isSliderDown());
  });
  connect(this, &QSlider::sliderReleased, this, &ScaleSlider::let_go);
}

void ScaleSlider::set_scale(double low, double high, std::vector<Tick> ticks, std::optional<double> limit) {
  low_ = low;
  high_ = high;
  ticks_ = std::move(ticks);
  limit_ = limit;
  update();
}

void ScaleSlider::show_value(double value) {
  if (!has_scale() || isSliderDown()) return;
  const QSignalBlocker blocker(this);
  setValue(int(std::lround(std::clamp((value - low_) / (high_ - low_), 0.0, 1.0) * steps)));
}

double ScaleSlider::shown_value() const { return low_ + (high_ - low_) * value() / steps; }

double ScaleSlider::pixel_of(double value) const {
  const double part = has_scale() ? (value - low_) / (high_ - low_) : 0;
  return knob / 2.0 + part * (width() - knob);
}

int ScaleSlider::position_at(double x) const {
  return int(std::lround((x - knob / 2.0) / std::max(1, width() - knob) * steps));
}

void ScaleSlider::mousePressEvent(QMouseEvent* event) {
  if (event->button() != Qt::LeftButton || !has_scale()) return event->ignore();
  setSliderDown(true);
  setSliderPosition(position_at(event->position().x()));
}

void ScaleSlider::mouseMoveEvent(QMouseEvent* event) {
  if (isSliderDown()) setSliderPosition(position_at(event->position().x()));
}

void ScaleSlider::mouseReleaseEvent(QMouseEvent*) {
  if (isSliderDown()) setSliderDown(false);
}

QSize ScaleSlider::sizeHint() const { return {200, ticks_top + fontMetrics().height()}; }

void ScaleSlider::paintEvent(QPaintEvent*) {
  const Theme theme = Theme::of(palette());
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  const double at = knob / 2.0 + double(value()) / steps * (width() - knob);
  const auto bar = [&](double from, double to, const QColor& colour) {
    if (to <= from) return;
    painter.setPen(Qt::NoPen);
    painter.setBrush(colour);
    painter.drawRoundedRect(QRectF(from, groove_top, to - from, groove_height), 2, 2);
  };
  const QColor accent = isEnabled() ? theme.accent : theme.muted;
  bar(knob / 2.0, width() - knob / 2.0, theme.track);
  if (limit_ && *limit_ < high_) {
    QColor beyond = theme.danger;
    beyond.setAlphaF(0.35f);
    bar(std::max(knob / 2.0, pixel_of(*limit_)), width() - knob / 2.0, beyond);
  }
  const bool over = limit_ && has_scale() && shown_value() > *limit_;
  if (has_scale()) bar(knob / 2.0, at, over ? theme.danger : accent);
  QFont small = font();
  small.setPixelSize(std::max(9, fontInfo().pixelSize() - 2));
  painter.setFont(small);
  double free_from = -1e9; // the end of the last name
  for (const Tick& tick : ticks_) {
    const double x = pixel_of(tick.value);
    if (x < 0 || x > width()) continue;
    painter.setPen(theme.muted);
    painter.drawLine(QPointF(x, groove_top + 7), QPointF(x, groove_top + 11));
    const double size = QFontMetricsF(small).horizontalAdvance(tick.name);
    const double left = std::clamp(x - size / 2, 0.0, std::max(0.0, width() - size));
    if (left < free_from + 4) continue;
    painter.drawText(QPointF(left, height() - 2), tick.name);
    free_from = left + size;
  }
  painter.setPen(QPen(over ? theme.danger : accent, hasFocus() ? 3.5 : 2));
  painter.setBrush(theme.card);
  if (has_scale()) painter.drawEllipse(QPointF(at, groove_top + groove_height / 2.0), 6.5, 6.5);
}

} // namespace intarsia::ui
