// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/session/devices.h"

#include <QSettings>
#include <random>

#include "core/jobs/result_cache.h"
#include "core/jobs/run_selftest.h"

namespace intarsia::ui {
namespace {

const QString cpu = QStringLiteral("cpu"), setting = QStringLiteral("device");

Device unknown_cpu() {
  Device device;
  device.id = cpu.toStdString();
  device.name = "CPU";
  return device;
}

// A machine that is busy while it is measured shows less than its memory can do: the best figure is the
// machine's.
void steady_bandwidth(Device& device) {
  if (device.kind != DeviceKind::cpu || device.bandwidth <= 0) return;
  if (const auto best = cached_measurements(device); best && best->bandwidth >= device.bandwidth)
    device.bandwidth = best->bandwidth;
  else
    cache_measurements(device);
}

} // namespace

Devices::Devices(Find find, QObject* parent)
    : QObject(parent)
    , find_devices_(std::move(find))
    , device_(unknown_cpu())
    , target_(std::make_shared<const ExecutionTarget>(device_)) {
  connect(&looker_, &JobRunner::failed, this, &Devices::failed);
  connect(&selftest_, &TrackedJob::changed, this, &Devices::selftest_changed);
}

void Devices::look() {
  looker_.start([this](const JobControl&) -> JobRunner::Finish {
    DeviceList list = find_devices_();
    for (Device& device : list.devices) steady_bandwidth(device);
    return [this, list = std::move(list)] { adopt(list); };
  });
}

void Devices::choose(const QString& id) {
  const Device* device = find(id);
  if (!device || !device->usable) return;
  QSettings().setValue(setting, id);
  settle_on(*device);
}

const Device* Devices::find(const QString& id) const {
  for (const Device& device : list_.devices)
    if (device.id == id.toStdString()) return &device;
  return nullptr;
}

void Devices::adopt(DeviceList list) {
  list_ = std::move(list);
  const QString wanted = QSettings().value(setting, cpu).toString();
  const Device* device = find(wanted);
  if (!device || !device->usable) {
    QSettings().setValue(setting, cpu); // so that it is said once
    const QString why = device                   ? QString::fromStdString(device->reason)
                        : list_.gpu_note.empty() ? tr("it is not there any more")
                                                 : QString::fromStdString(list_.gpu_note);
    emit noticed(tr("The device chosen last time, %1, cannot be used: %2. The CPU is used; another can be "
                    "chosen at the top right.")
                     .arg(device ? QString::fromStdString(device->name) : wanted, why));
    device = find(cpu);
  }
  if (device) settle_on(*device);
  emit listed();
}

void Devices::settle_on(const Device& device) {
  const bool other = device.id != device_.id;
  device_ = device; // its free memory is new in any case
  if (!other) return;
  target_ = std::make_shared<const ExecutionTarget>(device);
  selftest_.abandon();
  checks_.clear();
  emit changed();
  emit selftest_changed();
}

void Devices::run_selftest() {
  if (selftest_.running()) return;
  checks_.clear();
  const std::uint64_t seed = std::random_device()(); // other shapes and inputs each time
  selftest_.start(
      [this, seed, target = target_](const JobControl& control, const JobRunner::Post&) -> JobRunner::Finish {
        const auto checks = intarsia::selftest(*target, {.seed = seed}, control);
        return [this, checks] { checks_ = checks; };
      });
}

} // namespace intarsia::ui
