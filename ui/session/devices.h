// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The devices of this machine, the one that jobs run on, which is kept from one start to the next, and the
// test of its kernels.
#pragma once

#include <QObject>
#include <QString>
#include <functional>
#include <memory>

#include "core/device/device.h"
#include "core/jobs/execution_target.h"
#include "core/jobs/usable_devices.h"
#include "core/tensor/kernel_check.h"
#include "ui/session/tracked_job.h"

namespace intarsia::ui {

class Devices : public QObject {
  Q_OBJECT
 public:
  using Find = std::function<DeviceList()>;
  explicit Devices(Find find, QObject* parent = nullptr);

  const DeviceList& list() const { return list_; } // empty until it is looked for
  const Device& device() const { return device_; } // the CPU until then
  // Of the device with this id; it stays the same while nothing else is chosen.
  const std::shared_ptr<const ExecutionTarget>& target() const { return target_; }
  const JobStatus& selftest() const { return selftest_.status(); }
  const std::vector<KernelCheck>& selftest_checks() const { return checks_; } // of the device

 public slots:
  void look(); // off the GUI thread: asking a GPU takes seconds
  void choose(const QString& id);
  void run_selftest();
  void cancel_selftest() { selftest_.cancel(); }

 signals:
  void listed();
  void changed();                        // jobs run elsewhere from now on
  void noticed(const QString& sentence); // the device of the last time cannot be used
  void failed(const QString& sentence);
  void selftest_changed();

 private:
  const Device* find(const QString& id) const;
  void adopt(DeviceList list);
  void settle_on(const Device& device);

  Find find_devices_;
  DeviceList list_;
  Device device_;
  std::shared_ptr<const ExecutionTarget> target_;
  std::vector<KernelCheck> checks_;
  JobRunner looker_; // last: they use the others
  TrackedJob selftest_;
};

} // namespace intarsia::ui
