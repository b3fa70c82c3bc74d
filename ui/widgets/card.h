// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <QFrame>
#include <QLabel>
#include <QVBoxLayout>

namespace intarsia::ui {

// A rounded surface with a title and a vertical layout for its content.
class Card : public QFrame {
  Q_OBJECT
 public:
  explicit Card(const QString& title = {}, QWidget* parent = nullptr);
  QVBoxLayout* content() { return layout_; }

 private:
  QVBoxLayout* layout_;
};

// Another of the theme's styles for a label.
void restyle(QWidget& widget, const char* style);

// The button of a card that stands out, or no longer.
void make_primary(QWidget& button, bool primary);

// A label of one of the theme's styles: "title", "body", "muted", "gain", "error", "warning", "question".
QLabel* make_label(const QString& text, const char* style, QWidget* parent = nullptr);

} // namespace intarsia::ui
