// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QMap>

#include "ui/session/studio_session.h"
#include "ui/widgets/card.h"

class QLabel;
class QLineEdit;
class QPushButton;
class QSlider;
class QSpinBox;

namespace intarsia::ui {

class LatencyControl;
class MemoryBar;

// Memory slider and field, what the memory goes to, latency, context length, families.
class BudgetPanel : public Card {
  Q_OBJECT
 public:
  explicit BudgetPanel(StudioSession& session, QWidget* parent = nullptr);

 signals:
  void quantize_wanted();
  void latency_table_wanted();
  void save_latency_wanted();

 private:
  void build_memory();
  void build_context();
  void build_families();
  void show_budgets();
  void show_plan();
  void field_edited();

  StudioSession& session_;
  QSlider* memory_slider_;
  QLineEdit* memory_field_;
  QLabel *price_, *problem_;
  MemoryBar* bar_;
  QSpinBox* context_;
  QMap<int, QPushButton*> families_;
  QPushButton* quantize_;
};

} // namespace intarsia::ui
