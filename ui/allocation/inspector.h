// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "ui/allocation/allocation_grid.h"
#include "ui/widgets/card.h"

class QFormLayout;

namespace intarsia::ui {

// Everything about the focused layer.
class Inspector : public Card {
  Q_OBJECT
 public:
  explicit Inspector(QWidget* parent = nullptr);
  void show_cell(const AllocationCell* cell); // null: nothing is focused

 private:
  QLabel *title_, *shape_;
  QFormLayout* form_;
};

} // namespace intarsia::ui
