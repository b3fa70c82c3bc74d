// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The pages in the order of the rail. A page is a folder ui/<page> and an entry in page_list.cpp: rail, menu
// and keys follow from it.
#pragma once

#include <QString>
#include <vector>

class QWidget;

namespace intarsia::ui {

class StudioSession;

enum class StepState { empty, ready, running, done, stale, failed };

// How far the work of a page is.
struct Step {
  StepState state = StepState::empty;
  QString words; // empty: those of the state
};

struct PageEntry {
  QString menu_name; // "&Model"
  QString help;
  QWidget* (*make)(StudioSession& session, QWidget* parent);
  Step (*step)(StudioSession& session);

  QString name() const { return QString(menu_name).remove(QLatin1Char('&')); }
};

std::vector<PageEntry> page_list();

} // namespace intarsia::ui
