// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <QWidget>

#include "ui/allocation/allocation_grid.h"
#include "ui/session/studio_session.h"

class QLabel;
class QStackedWidget;

namespace intarsia::ui {

class AllocationTableModel;
class ColourLegend;
class FrontierView;
class HeatmapView;
class Inspector;
class Note;
class Segments;

// Budgets at the left, the heatmap (or the same as a table) above, frontier and inspector below.
class AllocationPage : public QWidget {
  Q_OBJECT
 public:
  explicit AllocationPage(StudioSession& session, QWidget* parent = nullptr);

 signals:
  void quantize_wanted();
  void latency_table_wanted();
  void save_latency_wanted();

 protected:
  void resizeEvent(QResizeEvent* event) override;

 private:
  QWidget* build_heatmap_card();
  QWidget* build_frontier_card();
  QWidget* build_table();
  void connect_views();
  void refresh();
  void refresh_inspector();
  void refresh_frontier();
  void refresh_table();
  bool provisional() const;

  StudioSession& session_;
  HeatmapView* heatmap_;
  FrontierView* frontier_;
  ColourLegend* legend_;
  Inspector* inspector_;
  AllocationTableModel* table_;
  QStackedWidget* views_;
  Segments *quantity_, *view_, *axis_;
  Note* worth_;
  QWidget* budgets_ = nullptr;
  QWidget* lower_ = nullptr;      // frontier and inspector
  QLabel* no_frontier_ = nullptr; // instead of it, of a model that is quantized already
  AllocationGrid grid_;
  // Of the inputs, what the grid shows.
  std::map<std::string, QuantizerId> shown_pins_;
  std::map<std::string, std::set<QuantizerId>> shown_forbidden_;
  std::set<QuantizerFamily> shown_families_;
};

} // namespace intarsia::ui
