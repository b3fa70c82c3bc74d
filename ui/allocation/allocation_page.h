// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>

#include "ui/allocation/allocation_grid.h"
#include "ui/session/studio_session.h"

class QLabel;
class QStackedWidget;

namespace intarsia::ui {

class AllocationTableModel;
class BudgetPanel;
class ColourLegend;
class FrontierView;
class HeatmapView;
class Inspector;

// The home page: budgets at the left, the heatmap, a table of the same and the frontier, the inspector.
class AllocationPage : public QWidget {
  Q_OBJECT
 public:
  explicit AllocationPage(StudioSession& session, QWidget* parent = nullptr);

 signals:
  void quantize_wanted();
  void latency_table_wanted();
  void save_latency_wanted();

 private:
  QWidget* build_heatmap_card();
  QWidget* build_comparison_card();
  void choose_quantity(CellQuantity quantity);
  void refresh();
  void refresh_inspector();
  void refresh_comparison();
  void show_plan_on_frontier();

  StudioSession& session_;
  AllocationGrid grid_;
  HeatmapView* heatmap_;
  FrontierView* frontier_;
  ColourLegend* legend_;
  Inspector* inspector_;
  AllocationTableModel* table_;
  QStackedWidget* views_;
  QLabel* comparison_;
};

} // namespace intarsia::ui
