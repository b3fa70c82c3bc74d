// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include "ui/session/studio_session.h"
#include "ui/widgets/card.h"

class QCheckBox;
class QLabel;
class QLineEdit;
class QPushButton;
class QSpinBox;

namespace intarsia::ui {

// Switches the server for other programs on and off, and says how they reach it.
class ServerCard : public Card {
  Q_OBJECT
 public:
  explicit ServerCard(StudioSession& session, QWidget* parent = nullptr);

 private:
  void refresh();
  QString state_text() const;

  StudioSession& session_;
  QCheckBox* switch_;
  QSpinBox* port_;
  QLineEdit* key_;
  QWidget* settings_; // that count from the next start
  QLabel* state_;
  QPushButton* copy_;
};

} // namespace intarsia::ui
