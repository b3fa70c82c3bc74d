// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/chat/thinking.h"

namespace intarsia::ui {

ThoughtAndAnswer split_thinking(const QString& text) {
  static const QString opening = QStringLiteral("<think>"), closing = QStringLiteral("</think>");
  const QString rest = text.trimmed();
  const qsizetype end = rest.indexOf(closing);
  const bool opened = rest.startsWith(opening);
  if (end < 0 && !opened) return {{}, text, false};
  const qsizetype begin = opened ? opening.size() : 0;
  if (end < 0) return {rest.mid(begin).trimmed(), {}, true};
  return {rest.mid(begin, end - begin).trimmed(), rest.mid(end + closing.size()).trimmed(), false};
}

} // namespace intarsia::ui
