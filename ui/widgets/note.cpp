// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/widgets/note.h"

#include "ui/widgets/card.h"

namespace intarsia::ui {

Note::Note(QWidget* parent)
    : QLabel(parent) {
  setWordWrap(true);
  setTextFormat(Qt::PlainText);
  setAlignment(Qt::AlignTop | Qt::AlignLeft);
  setObjectName(QStringLiteral("muted"));
  setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Fixed);
}

void Note::say(const QString& sentence, Kind kind) {
  static constexpr const char* styles[] = {"gain", "error", "muted", "body"};
  restyle(*this, styles[kind]);
  setText(sentence);
  setToolTip(sentence.size() > 80 ? sentence : QString()); // in case it is cut off
}

QSize Note::sizeHint() const { return {100, 2 * fontMetrics().lineSpacing() + 2}; }

} // namespace intarsia::ui
