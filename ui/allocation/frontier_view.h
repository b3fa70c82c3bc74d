// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>
#include <optional>

#include "core/allocation/frontier.h"

class QCustomPlot;
class QCPGraph;

namespace intarsia::ui {

// Predicted loss against memory and against latency, with the closed-form bound dotted and the present plan
// as a diamond. A click chooses the budget under it.
class FrontierView : public QWidget {
  Q_OBJECT
 public:
  explicit FrontierView(QWidget* parent = nullptr);

  void set_frontier(const Frontier& frontier, bool estimated_latency);
  void set_plan(std::optional<FrontierPoint> plan); // nothing: none

 signals:
  void bits_chosen(double bits);
  void seconds_chosen(double seconds);

 protected:
  void changeEvent(QEvent* event) override;

 private:
  struct Plot {
    QCustomPlot* widget;
    QCPGraph *best, *ideal, *plan; // ideal is null for latency
  };
  Plot make_plot(const char* name, const QString& label, bool with_ideal);
  void apply_theme();
  void show_plan();

  Plot memory_, latency_;
  Frontier frontier_;
  std::optional<FrontierPoint> plan_;
};

} // namespace intarsia::ui
