// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/session/calibration_choice.h"

#include <QCryptographicHash>
#include <QDir>
#include <QFileInfo>
#include <QSettings>

#include "core/base/error.h"
#include "core/base/mapped_file.h"
#include "ui/session/file_path.h"

namespace intarsia::ui {
namespace {

QString key_of(const QString& out) {
  const QString folder = QDir::cleanPath(QFileInfo(out).absoluteFilePath());
  const QByteArray digest =
      QCryptographicHash::hash(folder.toUtf8(), QCryptographicHash::Sha1).toHex().left(16);
  return QStringLiteral("calibrations/") + QString::fromLatin1(digest);
}

} // namespace

bool operator==(const Calibration& a, const Calibration& b) {
  return a.text == b.text && a.file == b.file && a.tokens == b.tokens;
}

std::optional<CalibrationChoice> calibration_choice(const Calibration& calibration,
                                                    const Tokenizer* tokenizer) {
  if (calibration.text == CalibrateOn::none) return std::nullopt;
  CalibrationChoice choice;
  choice.tokens = calibration.tokens;
  if (calibration.text == CalibrateOn::own) return choice;
  const auto path = to_path(calibration.file);
  if (!tokenizer)
    throw input_error(path.string() +
                      ": this model has no tokenizer to read it with; calibrate on the model's own text");
  Tokenizer::EncodeOptions options;
  options.add_special = false;
  choice.text = tokenizer->encode(read_corpus(path), options);
  choice.name = path.filename().string();
  if (choice.text.empty())
    throw input_error(path.string() + ": is empty; choose another text to calibrate on");
  return choice;
}

void save_calibration(const QString& out, const Calibration& calibration) {
  QSettings().setValue(key_of(out), QStringList{QString::number(int(calibration.text)), calibration.file,
                                                QString::number(calibration.tokens)});
}

Calibration saved_calibration(const QString& out) {
  const QStringList parts = QSettings().value(key_of(out)).toStringList();
  if (parts.size() != 3) return {};
  const int text = parts[0].toInt();
  if (text < int(CalibrateOn::own) || text > int(CalibrateOn::none)) return {};
  const Calibration saved{CalibrateOn(text), parts[1], std::size_t(parts[2].toULongLong())};
  return saved.tokens > 0 ? saved : Calibration{};
}

void forget_calibration(const QString& out) { QSettings().remove(key_of(out)); }

} // namespace intarsia::ui
