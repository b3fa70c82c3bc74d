// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <QSlider>
#include <optional>
#include <vector>

namespace intarsia::ui {

// A slider over a range of real numbers, with named ticks where their values are and, beyond a limit, a part
// of another colour.
class ScaleSlider : public QSlider {
  Q_OBJECT
 public:
  struct Tick {
    double value;
    QString name;
  };
  explicit ScaleSlider(QWidget* parent = nullptr);

  void set_scale(double low, double high, std::vector<Tick> ticks, std::optional<double> limit = {});
  bool has_scale() const { return high_ > low_; }
  void show_value(double value); // moves the knob without telling anybody; clamped; not while it is dragged
  double shown_value() const;

 signals:
  void moved(double value, bool dragging); // by a person
  void let_go();

 protected:
  void paintEvent(QPaintEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override; // the knob goes where it is pressed
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;
  QSize sizeHint() const override;
  QSize minimumSizeHint() const override { return {80, sizeHint().height()}; }

 private:
  double pixel_of(double value) const;
  int position_at(double x) const;
  double low_ = 0, high_ = 0;
  std::vector<Tick> ticks_;
  std::optional<double> limit_;
};

} // namespace intarsia::ui
