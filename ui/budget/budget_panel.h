// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <QMap>

#include "ui/budget/budget_text.h"
#include "ui/session/studio_session.h"
#include "ui/widgets/card.h"

class QLineEdit;
class QPushButton;

namespace intarsia::ui {

class LatencyControl;
class MemoryBar;
class Note;
class ScaleSlider;

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
  void build_memory(QVBoxLayout& layout);
  void build_context(QVBoxLayout& layout);
  void build_families(QVBoxLayout& layout);
  void memory_edited();
  void context_edited();
  void fit_device();
  void refresh();
  void refresh_memory();
  void refresh_bar();
  BudgetScale scale() const;

  StudioSession& session_;
  ScaleSlider* memory_slider_;
  QLineEdit *memory_field_, *context_;
  Note *note_, *context_note_;
  MemoryBar* bar_;
  QMap<int, QPushButton*> families_;
  QPushButton *fit_, *quantize_;
  QString refused_; // why what was typed is not a budget
};

} // namespace intarsia::ui
