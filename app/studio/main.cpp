// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// intarsia-studio [MODEL]: opens the window, on MODEL when one is named.
#include <QApplication>
#include <QFile>

#include "ui/session/studio_session.h"
#include "ui/theme/theme.h"
#include "ui/window/main_window.h"

int main(int argc, char** argv) {
  QApplication application(argc, argv);
  QApplication::setOrganizationName(QStringLiteral("Intarsia"));
  QApplication::setApplicationName(QStringLiteral("intarsia-studio"));
  application.setStyleSheet(intarsia::ui::Theme::of(QApplication::palette()).style_sheet());
  intarsia::ui::StudioSession session;
  intarsia::ui::MainWindow window(session);
  window.show();
  if (argc > 1) window.open(QFile::decodeName(argv[1]));
  return QApplication::exec();
}
