// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/budget/budget_text.h"

#include <QLocale>
#include <QObject>
#include <QRegularExpression>
#include <cmath>

namespace intarsia::ui {
namespace {

constexpr double min_change = 0.05; // percent of the loss that are worth a sentence

QString tr(const char* text) { return QObject::tr(text); }

// "3,25 gib" as "3.25GiB"; without a unit the one given is put behind.
std::string normalised(const QString& text, const QString& unit) {
  static const QRegularExpression parts(QStringLiteral("^\\s*([0-9.,\\s]+?)\\s*([^0-9.,\\s].*)?\\s*$"));
  const auto match = parts.match(text);
  if (!match.hasMatch()) return text.trimmed().toStdString();
  QString number = match.captured(1), written = match.captured(2).trimmed();
  number.remove(QRegularExpression(QStringLiteral("\\s")));
  if (number.contains(QLatin1Char('.')) && number.contains(QLatin1Char(','))) {
    // The last of them is the decimal one.
    const QChar groups = number.lastIndexOf(QLatin1Char('.')) > number.lastIndexOf(QLatin1Char(','))
                             ? QLatin1Char(',')
                             : QLatin1Char('.');
    number.remove(groups);
  }
  number.replace(QLatin1Char(','), QLatin1Char('.'));
  if (written.isEmpty()) written = unit;
  for (const char* known :
       {"bpw", "%", "B", "KiB", "MiB", "GiB", "TiB", "KB", "MB", "GB", "TB", "ms", "s", "tok/s"})
    if (written.compare(QLatin1String(known), Qt::CaseInsensitive) == 0) written = QLatin1String(known);
  for (const char* bits : {"bit", "bits", "bits per weight"})
    if (written.compare(QLatin1String(bits), Qt::CaseInsensitive) == 0) written = QStringLiteral("bpw");
  return (number + written).toStdString();
}

QString shortened(const QString& text) {
  constexpr int most = 10; // characters
  return text.size() > most ? text.left(most - 1) + QChar(0x2026) : text;
}

// That memory_text() ends with.
QString shown_unit(const MemoryBudget& budget) {
  if (std::holds_alternative<BitsPerWeight>(budget)) return QStringLiteral("bpw");
  if (std::holds_alternative<ModelFraction>(budget)) return QStringLiteral("%");
  const std::uint64_t bytes = std::get<MemoryBytes>(budget).bytes;
  return bytes >= std::uint64_t(1) << 30   ? QStringLiteral("GiB")
         : bytes >= std::uint64_t(1) << 20 ? QStringLiteral("MiB")
                                           : QStringLiteral("KiB");
}

double percent_cut(double before, double after) { return before > 0 ? 100 * (before - after) / before : 0; }

QString cut(const QString& more, double percent) {
  return tr("%1 more would cut the predicted loss by %2 %")
      .arg(more, QLocale().toString(percent, 'f', percent < 10 ? 1 : 0));
}

} // namespace

QString memory_text(const MemoryBudget& budget) {
  const QLocale locale;
  if (const auto* average = std::get_if<BitsPerWeight>(&budget))
    return tr("%1 bpw").arg(locale.toString(average->bits, 'g', 4));
  if (const auto* part = std::get_if<ModelFraction>(&budget))
    return tr("%1 %").arg(locale.toString(100 * part->fraction, 'g', 4));
  return locale.formattedDataSize(qint64(std::get<MemoryBytes>(budget).bytes), 2);
}

QString latency_text(double seconds) { return tr("%1 ms").arg(QLocale().toString(seconds * 1e3, 'f', 2)); }

MemoryBudget read_memory(const QString& text, const MemoryBudget& present) {
  return parse_memory_budget(normalised(text, shown_unit(present)));
}

double read_latency(const QString& text) {
  return parse_latency_budget(normalised(text, QStringLiteral("ms")));
}

QString refused_memory(const QString& text) {
  return tr("\"%1\" is not a memory budget: write 6.2 GiB, 3.25 bpw or 40 %.").arg(shortened(text));
}

QString refused_latency(const QString& text) {
  return tr("\"%1\" is not a latency budget: write 6.5 ms or 150 tok/s.").arg(shortened(text));
}

MemoryBudget budget_of_bytes(double bytes, const MemoryBudget& unit, const BudgetScale& scale) {
  if (std::holds_alternative<BitsPerWeight>(unit))
    return BitsPerWeight{std::max(0.01, std::round(scale.bits.bits(bytes) * 100) / 100)};
  if (std::holds_alternative<ModelFraction>(unit))
    return ModelFraction{std::max(0.001, std::round(1e3 * (bytes - scale.beside) / scale.f16_bytes) / 1e3)};
  return MemoryBytes{std::uint64_t(std::max(1.0, bytes))};
}

double bytes_of_budget(const MemoryBudget& budget, const BudgetScale& scale) {
  if (const auto* average = std::get_if<BitsPerWeight>(&budget)) return scale.bits.bytes(average->bits);
  if (const auto* part = std::get_if<ModelFraction>(&budget))
    return part->fraction * scale.f16_bytes + scale.beside;
  return double(std::get<MemoryBytes>(budget).bytes);
}

QString memory_price(const SolverAnswer& answer) {
  if (!answer.plan || !answer.more_memory) return {};
  const Plan& plan = *answer.plan;
  const double percent = percent_cut(plan.predicted.loss, answer.more_memory->loss);
  const QString more = QLocale().formattedDataSize(qint64(answer.more_memory->amount), 0);
  if (percent >= min_change) return cut(more, percent);
  if (answer.more_time && percent_cut(plan.predicted.loss, answer.more_time->loss) >= min_change)
    return tr("More memory alone would change nothing: the latency budget decides.");
  if (double(plan.predicted.memory_bytes) >= answer.memory_range.high * (1 - 1e-6))
    return tr("More memory would change nothing: every layer has the best quantizer.");
  return tr("%1 more would change nothing.").arg(more);
}

QString latency_price(const SolverAnswer& answer) {
  if (!answer.plan || !answer.more_time) return {};
  const double loss = answer.plan->predicted.loss, percent = percent_cut(loss, answer.more_time->loss);
  const QString more = tr("%1 ms").arg(QLocale().toString(1e3 * answer.more_time->amount, 'g', 2));
  if (percent >= min_change) return cut(more, percent);
  if (answer.more_memory && percent_cut(loss, answer.more_memory->loss) >= min_change)
    return tr("More time alone would change nothing: the memory budget decides.");
  return tr("%1 more would change nothing.").arg(more);
}

} // namespace intarsia::ui
