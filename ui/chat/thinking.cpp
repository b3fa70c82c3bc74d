// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/chat/thinking.h"

#include "core/text/chat_format.h"

namespace intarsia::ui {

ThoughtAndAnswer split_thinking(const QString& text) {
  const QString rest = text.trimmed();
  for (const ThinkingMarks& marks : thinking_marks()) {
    const QString opening = QString::fromStdString(marks.open), closing = QString::fromStdString(marks.close);
    const bool opened = rest.startsWith(opening);
    const qsizetype end = rest.indexOf(closing);
    const bool only_closed = end >= 0 && &marks == &thinking_marks().front(); // the others occur in texts
    if (!opened && !only_closed) continue;
    const qsizetype begin = opened ? opening.size() : 0;
    if (end < 0) return {rest.mid(begin).trimmed(), {}, true};
    return {rest.mid(begin, end - begin).trimmed(), rest.mid(end + closing.size()).trimmed(), false};
  }
  return {{}, text, false};
}

} // namespace intarsia::ui
