// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/widgets/sentence.h"

#include <algorithm>

namespace intarsia::ui {

QString as_sentence(const QString& text) {
  if (text.isEmpty()) return text;
  QString sentence = text;
  const QString first = text.section(QLatin1Char(' '), 0, 0);
  const bool name =
      std::any_of(first.begin(), first.end(), [](QChar c) { return !c.isLetter() && c != u'\''; });
  if (!name) sentence[0] = sentence[0].toUpper();
  if (!QStringLiteral(".!?…").contains(sentence.back())) sentence += QLatin1Char('.');
  return sentence;
}

} // namespace intarsia::ui
