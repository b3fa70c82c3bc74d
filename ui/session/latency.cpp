// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/session/latency.h"

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/resources.h"
#include "core/device/device_profile.h"
#include "core/jobs/profile.h"
#include "core/jobs/result_cache.h"
#include "ui/session/file_path.h"

namespace intarsia::ui {

Latency::Latency(QObject* parent)
    : QObject(parent)
    , target_(std::make_shared<const ExecutionTarget>(Device())) {
  connect(&job_, &TrackedJob::changed, this, &Latency::progressed);
}

void Latency::set_model(std::shared_ptr<const OpenedModel> model) {
  model_ = std::move(model);
  job_.abandon();
  finder_.abandon();
  set_table({}, LatencySource::none);
  find_measured();
}

void Latency::set_device(const Device& device, std::shared_ptr<const ExecutionTarget> target) {
  const bool other = device.id != device_.id;
  device_ = device;
  target_ = std::move(target);
  if (!other) return;
  job_.abandon();
  finder_.abandon();
  if (source_ == LatencySource::measured) set_table({}, LatencySource::none); // it was the other device's
  find_measured();
}

PlanTarget Latency::target() const {
  if (source_ == LatencySource::none || source_ == LatencySource::measured)
    return {QString::fromStdString(device_.name),
            device_.memory_free,
            device_.memory_total,
            device_.bandwidth,
            true,
            memory_of(device_)};
  return {QString::fromStdString(table_->device_name),
          table_->device_memory,
          table_->device_memory,
          0,
          false,
          memory_of(*table_)};
}

void Latency::set_table(std::optional<LatencyTable> table, LatencySource source) {
  const bool nothing_new = !table && !table_ && source == source_;
  table_ = std::move(table);
  source_ = source;
  if (!nothing_new) emit table_changed();
}

void Latency::import_table(const QString& file) {
  try {
    set_table(read_latency_table(to_path(file)), LatencySource::imported);
  } catch (const Error& error) {
    emit failed(QString::fromUtf8(error.what()));
  }
}

std::vector<PlannedDevice> Latency::planned_devices() {
  std::vector<PlannedDevice> devices;
  try {
    const auto folder = resource("device-profiles");
    for (const std::string& name : device_profile_names(folder)) {
      const auto file = folder / (name + ".json");
      devices.push_back({from_path(file), QString::fromStdString(read_device_profile(file).name)});
    }
  } catch (const Error&) { // not installed: there are none to offer
  }
  return devices;
}

void Latency::plan_for(const QString& profile_file) {
  if (!can_measure()) return;
  try {
    const std::size_t context = ProfileOptions().context;
    set_table(estimate_latency(read_device_profile(to_path(profile_file)), model_->config(), model_->graph(),
                               std::min(context, model_->config().max_positions)),
              LatencySource::estimated);
  } catch (const Error& error) {
    emit failed(QString::fromUtf8(error.what()));
  }
}

void Latency::plan_for_this_device() {
  if (source_ != LatencySource::estimated && source_ != LatencySource::imported) return;
  set_table({}, LatencySource::none);
  find_measured();
}

// What was measured before of this model on this device is used at once.
void Latency::find_measured() {
  if (!can_measure()) return;
  finder_.start([this, opened = model_, device = device_](const JobControl&) -> JobRunner::Finish {
    auto cached = LatencyCache(device, *opened->checkpoint).find();
    if (!cached) return {};
    return [this, cached = std::move(cached)] {
      if (source_ == LatencySource::none) set_table(cached, LatencySource::measured);
    };
  });
}

void Latency::measure() {
  if (!can_measure() || job_.running()) return;
  job_.start([this, opened = model_, device = device_,
              target = target_](const JobControl& control, const JobRunner::Post&) -> JobRunner::Finish {
    const LatencyCache cache(device, *opened->checkpoint);
    auto table = cache.find();
    if (!table) {
      table = measure_latency(*target, *opened, {}, control);
      cache.store(*table);
    }
    return [this, table = std::move(table)] { set_table(table, LatencySource::measured); };
  });
}

void Latency::save(const QString& file) {
  if (!table_) return;
  try {
    write_file_atomically(to_path(file), to_json(*table_).dump(1) + "\n");
  } catch (const Error& error) {
    emit failed(QString::fromUtf8(error.what()));
  }
}

} // namespace intarsia::ui
