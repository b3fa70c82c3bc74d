// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/device/device_text.h"

#include <QLocale>
#include <QObject>
#include <algorithm>

namespace intarsia::ui {

namespace {

constexpr double min_bandwidth = 1e9; // bytes per second; what is shown has no more digits

} // namespace

QString device_figures(const Device& device) {
  const QLocale locale;
  const QString memory = QObject::tr("%1 free of %2")
                             .arg(locale.formattedDataSize(qint64(device.memory_free), 1),
                                  locale.formattedDataSize(qint64(device.memory_total), 1));
  if (device.bandwidth < min_bandwidth) return memory; // unknown, or measured on a busy machine
  return QObject::tr("%1 · %2 GB/s").arg(memory, locale.toString(device.bandwidth / 1e9, 'f', 0));
}

QString device_summary(const Device& device) {
  return QObject::tr("%1   %2").arg(QString::fromStdString(device.name), device_figures(device));
}

QString target_summary(const PlanTarget& target) {
  if (!target.here) {
    const QString name = QObject::tr("Plan for %1").arg(target.name);
    return target.memory_total > 0
               ? QObject::tr("%1   %2").arg(name, QLocale().formattedDataSize(qint64(target.memory_total), 1))
               : name;
  }
  Device device;
  device.name = target.name.toStdString();
  device.memory_free = target.memory_free;
  device.memory_total = target.memory_total;
  device.bandwidth = target.bandwidth;
  return device_summary(device);
}

QString check_line(const KernelCheck& check) {
  const QLocale locale;
  const QString kernel = QString::fromStdString(check.kernel);
  if (!check.problem.empty())
    return QObject::tr("✗ %1: %2").arg(kernel, QString::fromStdString(check.problem));
  return (check.ok() ? QObject::tr("✓ %1: error %2, allowed %3") : QObject::tr("✗ %1: error %2, allowed %3"))
      .arg(kernel, locale.toString(check.worst, 'g', 2), locale.toString(check.tolerance, 'g', 2));
}

QString verdict(const std::vector<KernelCheck>& checks, const Device& device) {
  const auto wrong =
      std::count_if(checks.begin(), checks.end(), [](const KernelCheck& check) { return !check.ok(); });
  const QString name = QString::fromStdString(device.name);
  if (wrong == 0) return QObject::tr("All %1 kernels compute correctly on %2.").arg(checks.size()).arg(name);
  return QObject::tr("%1 of %2 kernels compute wrongly on %3: choose another device, and please report it.")
      .arg(wrong)
      .arg(checks.size())
      .arg(name);
}

} // namespace intarsia::ui
