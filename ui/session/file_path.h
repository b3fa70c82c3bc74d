// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Between Qt's paths and the engine's. By QFile's own encoding: a file's name need not be UTF-8.
#pragma once

#include <QFile>
#include <filesystem>

namespace intarsia::ui {

inline std::filesystem::path to_path(const QString& path) { return QFile::encodeName(path).toStdString(); }

inline QString from_path(const std::filesystem::path& path) {
  return QFile::decodeName(QByteArray::fromStdString(path.string()));
}

} // namespace intarsia::ui
