// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/device_choice.h"

#include <QSettings>

namespace intarsia::ui {
namespace {

const QString cpu = QStringLiteral("cpu"), setting = QStringLiteral("device");

Device unknown_cpu() {
  Device device;
  device.id = cpu.toStdString();
  device.name = "CPU";
  return device;
}

} // namespace

DeviceChoice::DeviceChoice(Find find, QObject* parent)
    : QObject(parent)
    , find_devices_(std::move(find))
    , device_(unknown_cpu())
    , workplace_(std::make_shared<Workplace>(device_)) {
  connect(&looker_, &JobRunner::failed, this, &DeviceChoice::failed);
}

void DeviceChoice::look() {
  looker_.start([this](const JobControl&) -> JobRunner::Finish {
    return [this, list = find_devices_()] { adopt(list); };
  });
}

void DeviceChoice::choose(const QString& id) {
  const Device* device = find(id);
  if (!device || !device->usable) return;
  QSettings().setValue(setting, id);
  settle_on(*device);
}

const Device* DeviceChoice::find(const QString& id) const {
  for (const Device& device : list_.devices)
    if (device.id == id.toStdString()) return &device;
  return nullptr;
}

void DeviceChoice::adopt(const DeviceList& list) {
  list_ = list;
  const QString wanted = QSettings().value(setting, cpu).toString();
  const Device* device = find(wanted);
  if (!device || !device->usable) {
    QSettings().setValue(setting, cpu); // so that it is said once
    const QString why = device                  ? QString::fromStdString(device->reason)
                        : list.gpu_note.empty() ? tr("it is not there any more")
                                                : QString::fromStdString(list.gpu_note);
    emit noticed(tr("The device chosen last time, %1, cannot be used: %2. The CPU is used; another can be "
                    "chosen at the top right.")
                     .arg(device ? QString::fromStdString(device->name) : wanted, why));
    device = find(cpu);
  }
  if (device) settle_on(*device);
  emit listed();
}

void DeviceChoice::settle_on(const Device& device) {
  const bool other = device.id != device_.id;
  device_ = device; // its free memory is new in any case
  if (!other) return;
  workplace_ = std::make_shared<Workplace>(device);
  emit changed();
}

} // namespace intarsia::ui
