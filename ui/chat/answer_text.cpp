// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/chat/answer_text.h"

#include <QClipboard>
#include <QEvent>
#include <QGuiApplication>
#include <QTextBlock>
#include <QTextDocument>

#include "ui/theme/theme.h"

namespace intarsia::ui {
namespace {

const QString copy_scheme = QStringLiteral("copy");

bool is_code(const QTextBlock& block) {
  return block.isValid() && (block.blockFormat().hasProperty(QTextFormat::BlockCodeFence) ||
                             block.blockFormat().hasProperty(QTextFormat::BlockCodeLanguage));
}

} // namespace

AnswerText::AnswerText(QWidget* parent)
    : QTextBrowser(parent) {
  setObjectName(QStringLiteral("answer"));
  setAccessibleName(tr("Answer"));
  setFrameShape(QFrame::NoFrame);
  setStyleSheet(QStringLiteral("border: none; padding: 0; background: transparent;"));
  setVerticalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  document()->setDocumentMargin(0); // as far left as who speaks
  setOpenLinks(false);              // a model's links are text, not places to go
  connect(this, &QTextBrowser::anchorClicked, this, [this](const QUrl& link) {
    bool ok = false;
    const int index = link.path().toInt(&ok);
    if (link.scheme() == copy_scheme && ok && index >= 0 && index < code_.size())
      QGuiApplication::clipboard()->setText(code_[index]);
  });
}

void AnswerText::show_markdown(const QString& markdown) {
  if (markdown == shown_ && !document()->isEmpty()) return;
  shown_ = markdown;
  render();
}

void AnswerText::render() {
  document()->setMarkdown(shown_, QTextDocument::MarkdownFeatures(QTextDocument::MarkdownDialectGitHub |
                                                                  QTextDocument::MarkdownNoHTML));
  offer_copies();
  fit_height();
}

// The colours within the text are of the palette that it was rendered under.
void AnswerText::changeEvent(QEvent* event) {
  QTextBrowser::changeEvent(event);
  const bool recoloured = event->type() == QEvent::PaletteChange || event->type() == QEvent::StyleChange;
  if (recoloured && !code_.isEmpty()) render();
}

// A line with the link behind the last line of each block of code.
void AnswerText::offer_copies() {
  code_.clear();
  QStringList lines;
  for (QTextBlock block = document()->begin(); block.isValid(); block = block.next()) {
    if (!is_code(block)) continue;
    lines << block.text();
    QTextBlockFormat ground = block.blockFormat();
    ground.setBackground(Theme::of(QGuiApplication::palette()).ground);
    QTextCursor(block).setBlockFormat(ground);
    const QTextBlock next = block.next();
    const bool goes_on = is_code(next) && !lines.isEmpty();
    if (goes_on) continue;
    QTextCursor cursor(block);
    cursor.movePosition(QTextCursor::EndOfBlock);
    cursor.insertBlock(QTextBlockFormat(), QTextCharFormat());
    QTextCharFormat link;
    link.setAnchor(true);
    link.setAnchorHref(copy_scheme + QLatin1Char(':') + QString::number(code_.size()));
    link.setForeground(Theme::of(QGuiApplication::palette()).accent);
    cursor.insertText(tr("Copy code"), link);
    code_ << lines.join(QLatin1Char('\n'));
    lines.clear();
    block = cursor.block();
  }
}

void AnswerText::fit_height() {
  document()->setTextWidth(viewport()->width());
  setFixedHeight(int(document()->size().height()) + 4);
}

} // namespace intarsia::ui
