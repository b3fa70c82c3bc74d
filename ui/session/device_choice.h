// SPDX-License-Identifier: GPL-3.0-or-later
// The devices of this machine and the one that jobs run on, which is kept from one start to the next.
#pragma once

#include <QObject>
#include <QString>
#include <functional>
#include <memory>

#include "core/device/device.h"
#include "ui/session/job_runner.h"
#include "ui/session/workplace.h"

namespace intarsia::ui {

class DeviceChoice : public QObject {
  Q_OBJECT
 public:
  using Find = std::function<DeviceList()>;
  explicit DeviceChoice(Find find, QObject* parent = nullptr);

  const DeviceList& list() const { return list_; } // empty until it is looked for
  const Device& device() const { return device_; } // the CPU until then
  // Of the device with this id; it stays the same while nothing else is chosen.
  const std::shared_ptr<Workplace>& workplace() const { return workplace_; }

  void look(); // off the GUI thread: asking a GPU takes seconds
  void choose(const QString& id);

 signals:
  void listed();
  void changed();                        // jobs run elsewhere from now on
  void noticed(const QString& sentence); // the device of the last time cannot be used
  void failed(const QString& sentence);

 private:
  const Device* find(const QString& id) const;
  void adopt(const DeviceList& list);
  void settle_on(const Device& device);

  Find find_devices_;
  DeviceList list_;
  Device device_;
  std::shared_ptr<Workplace> workplace_;
  JobRunner looker_; // last: it uses the others
};

} // namespace intarsia::ui
