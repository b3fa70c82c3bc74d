// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/session/partial_run.h"

#include <QFileInfo>

#include "ui/session/file_path.h"

namespace intarsia::ui {

QString partial_folder(const QString& out) {
  QString folder = out;
  while (folder.size() > 1 && folder.endsWith(QLatin1Char('/'))) folder.chop(1);
  return folder + QStringLiteral(".partial");
}

bool has_partial_run(const QString& out) { return QFileInfo::exists(partial_folder(out)); }

std::optional<Plan> partial_plan(const QString& out, const OpenedModel* model) {
  const auto file = to_path(partial_folder(out)) / "plan.json";
  if (!model || !model->checkpoint) return std::nullopt;
  try {
    if (std::filesystem::exists(file)) return read_plan(file, model->graph());
  } catch (const std::exception&) { // of another model, or incomplete: it cannot be resumed
  }
  return std::nullopt;
}

} // namespace intarsia::ui
