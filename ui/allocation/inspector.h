// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include "ui/allocation/allocation_grid.h"
#include "ui/widgets/card.h"

class QFormLayout;
class QPushButton;
class QMenu;

namespace intarsia::ui {

// Everything about the focused layer, and what can be decided about it or the selection it is in.
class Inspector : public Card {
  Q_OBJECT
 public:
  explicit Inspector(QWidget* parent = nullptr);
  void set_quantizers(std::vector<QuantizerId> quantizers) { quantizers_ = std::move(quantizers); }
  // Null: nothing is focused. `selected`: how many layers the buttons are for. `fixed`: nothing can be
  // decided.
  void show_cell(const AllocationCell* cell, std::size_t selected, bool fixed);

 signals:
  void pin_wanted(QuantizerId quantizer);
  void forbid_wanted(QuantizerId quantizer);
  void unpin_wanted();
  void row_wanted();

 private:
  struct Fact {
    QLabel *label, *value;
  };
  void show_facts(const AllocationCell* cell, std::size_t selected, bool fixed);
  void add_fact(const QString& label, const QString& value);
  void open_menu(QPushButton* below, void (Inspector::*chosen)(QuantizerId));

  QLabel *title_, *shape_;
  QFormLayout* form_;
  std::vector<Fact> facts_; // rows of the form, of which the first so many are shown
  std::size_t facts_shown_ = 0;
  std::size_t rotated_ = 0; // inputs whose rotation this describes
  QString rotation_;
  QPushButton *pin_, *forbid_, *unpin_, *row_;
  std::vector<QuantizerId> quantizers_;
};

} // namespace intarsia::ui
