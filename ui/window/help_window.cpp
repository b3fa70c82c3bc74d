// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/window/help_window.h"

#include <QDesktopServices>
#include <QDir>
#include <QHBoxLayout>
#include <QListWidget>
#include <QTextBrowser>
#include <QUrl>
#include <algorithm>

#include "core/base/error.h"
#include "core/base/resources.h"
#include "ui/session/file_path.h"
#include "ui/theme/theme.h"

namespace intarsia::ui {
namespace {

const QString keys_page = QStringLiteral("keys");

QString keys_text() {
  return HelpWindow::tr("# Keys\n\n"
                        "| Keys | What they do |\n|---|---|\n"
                        "| Ctrl+1 … Ctrl+4 | Model, Allocation, Quantize, Chat |\n"
                        "| Ctrl+O, Ctrl+Shift+O | open a folder, a file |\n"
                        "| Ctrl+Z, Ctrl+Shift+Z | undo and redo what was decided about the plan |\n"
                        "| Ctrl+I, Ctrl+L | import sensitivities, a latency table |\n"
                        "| Ctrl++, Ctrl+- | larger and smaller text |\n"
                        "| Arrows, Home, End | in the heatmap: from layer to layer |\n"
                        "| Shift+arrows, R | select a range of layers, the whole row |\n"
                        "| P, Delete | pin or forbid, unpin |\n"
                        "| +, -, 0 | zoom the heatmap, show all of it |\n"
                        "| Enter, Shift+Enter, Esc | in the chat: send, a new line, stop the answer |\n"
                        "| F1 | this help |\n");
}

// "# Devices" is the page's name.
QString title_of(const QString& markdown, const QString& fallback) {
  const QString first = markdown.section(QLatin1Char('\n'), 0, 0);
  return first.startsWith(QLatin1String("# ")) ? first.mid(2).trimmed() : fallback;
}

QString read(const QString& file) {
  QFile page(file);
  return page.open(QIODevice::ReadOnly) ? QString::fromUtf8(page.readAll()) : QString();
}

} // namespace

HelpWindow::HelpWindow(QWidget* parent)
    : QDialog(parent)
    , list_(new QListWidget(this))
    , text_(new QTextBrowser(this)) {
  setWindowTitle(tr("Intarsia help"));
  resize(900, 640);
  auto* layout = new QHBoxLayout(this);
  layout->addWidget(list_);
  layout->addWidget(text_, 1);
  list_->setObjectName(QStringLiteral("helpPages"));
  list_->setAccessibleName(tr("Pages"));
  list_->setFixedWidth(220);
  text_->setObjectName(QStringLiteral("helpText"));
  text_->setOpenLinks(false);
  const auto add = [this](const QString& title, const QString& name, const QString& file) {
    auto* item = new QListWidgetItem(title, list_);
    item->setData(Qt::UserRole, name);
    item->setData(Qt::UserRole + 1, file);
  };
  QFileInfoList files;
  try {
    files =
        QDir(from_path(resource("help"))).entryInfoList({QStringLiteral("*.md")}, QDir::Files, QDir::Name);
  } catch (const Error&) { // not installed: the keys alone
  }
  // First what is for who uses the studio, in the order of the work; then what is for who builds on it.
  static const QStringList first{QStringLiteral("studio"), QStringLiteral("model-files"),
                                 QStringLiteral("devices"), QStringLiteral("command-line"),
                                 QStringLiteral("server")};
  const auto place = [](const QFileInfo& file) {
    const auto at = first.indexOf(file.baseName());
    return at < 0 ? first.size() : at;
  };
  std::stable_sort(files.begin(), files.end(),
                   [&](const QFileInfo& a, const QFileInfo& b) { return place(a) < place(b); });
  for (const QFileInfo& file : files) {
    add(title_of(read(file.filePath()), file.baseName()), file.baseName(), file.filePath());
    if (file.baseName() == first[0]) add(tr("Keys"), keys_page, {});
  }
  if (files.isEmpty()) add(tr("Keys"), keys_page, {});
  connect(list_, &QListWidget::currentRowChanged, this, &HelpWindow::load);
  connect(text_, &QTextBrowser::anchorClicked, this, [this](const QUrl& link) {
    if (link.isRelative()) return show_page(QFileInfo(link.path()).baseName());
    QDesktopServices::openUrl(link);
  });
  list_->setCurrentRow(0);
}

void HelpWindow::load(int row) {
  if (row < 0) return;
  const QString file = list_->item(row)->data(Qt::UserRole + 1).toString();
  if (!file.isEmpty())
    text_->document()->setBaseUrl(QUrl::fromLocalFile(QFileInfo(file).path() + QLatin1Char('/')));
  text_->setMarkdown(file.isEmpty() ? keys_text() : read(file));
}

void HelpWindow::show_page(const QString& name) {
  for (int row = 0; row < list_->count(); ++row)
    if (list_->item(row)->data(Qt::UserRole).toString() == name) list_->setCurrentRow(row);
}

} // namespace intarsia::ui
