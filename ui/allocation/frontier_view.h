// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <QWidget>
#include <optional>

#include "core/allocation/frontier.h"

class QCPAbstractItem;
class QCPGraph;
class QCPItemText;
class QCustomPlot;

namespace intarsia::ui {

// Predicted loss against memory or latency: the best plans, what ideal quantizers would lose (dotted), plans
// with one quantizer for all layers (crosses), and the present plan as a point that can be dragged along.
class FrontierView : public QWidget {
  Q_OBJECT
 public:
  enum class Axis { memory, latency };
  explicit FrontierView(QWidget* parent = nullptr);

  void set_frontier(const Frontier& frontier);
  void set_plan(std::optional<FrontierPoint> plan, bool provisional); // nothing: none
  void set_axis(Axis axis);
  Axis axis() const { return axis_; }
  bool has_latency() const { return !frontier_.latency.empty(); }
  QCustomPlot* plot() const { return plot_; }

 signals:
  void bytes_chosen(double bytes); // while the point is dragged, or where it was clicked
  void seconds_chosen(double seconds);
  void let_go();

 protected:
  void changeEvent(QEvent* event) override;
  bool eventFilter(QObject* watched, QEvent* event) override; // arrow keys move the point

 private:
  const std::vector<FrontierPoint>& best() const;
  double key_of(const FrontierPoint& point) const; // on the axis, in its unit
  double unit() const;                             // bytes or seconds of one on the axis
  void choose(double key);
  void show_all();
  void place_label();
  void apply_theme();

  QCustomPlot* plot_;
  QCPGraph *best_, *ideal_, *single_, *present_; // owned by the plot
  QCPItemText* label_;
  Axis axis_ = Axis::memory;
  Frontier frontier_;
  std::optional<FrontierPoint> plan_;
  bool provisional_ = false, dragging_ = false;
};

} // namespace intarsia::ui
