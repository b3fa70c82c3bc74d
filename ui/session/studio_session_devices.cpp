// SPDX-License-Identifier: GPL-3.0-or-later
// StudioSession: the device, its latency table and its selftest.
#include <random>

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/resources.h"
#include "core/device/device_profile.h"
#include "core/runtime/cpu_profiler.h"
#include "ui/session/device_jobs.h"
#include "ui/session/latency_cache.h"
#include "ui/session/studio_session.h"

namespace intarsia::ui {

// --- device ---

void StudioSession::connect_devices() {
  connect(&devices_, &DeviceChoice::listed, this, &StudioSession::devices_changed);
  connect(&devices_, &DeviceChoice::changed, this, &StudioSession::leave_device);
  connect(&devices_, &DeviceChoice::noticed, this, &StudioSession::noticed);
  connect(&devices_, &DeviceChoice::failed, this, &StudioSession::error_occurred);
}

void StudioSession::refresh_devices() { devices_.look(); }

void StudioSession::choose_device(const QString& id) { devices_.choose(id); }

// What is measured about a device ends with it; what it computes may end there: a quantization goes on.
void StudioSession::leave_device() {
  profile_runner_.abandon();
  selftest_runner_.abandon();
  profile_job_ = selftest_job_ = {};
  selftest_checks_.clear();
  chat_runner_.cancel();
  drop_models();
  if (latency_source_ == LatencySource::measured) set_latency_table({}, LatencySource::none);
  find_measured_table();
  const bool weights = model_ && model_->checkpoint && model_->checkpoint->has_weights();
  if (weights && !sensitivity_ && !sensitivity_runner_.running())
    start_sensitivity(); // it failed on the other device
  emit device_changed();
  emit latency_changed();
  emit selftest_changed();
  emit chat_changed();
}

// Off the GUI thread: a worker whose last model goes is waited for.
void StudioSession::drop_models() {
  struct Dropped {
    RunningModel original, quantized;
    std::shared_ptr<Conversation> conversation; // last: it uses a model
  };
  dropper_.start([dropped = Dropped{std::exchange(original_, {}), std::exchange(quantized_, {}),
                                    std::exchange(conversation_, nullptr)}](const JobControl&) {
    return JobRunner::Finish();
  });
}

std::uint64_t StudioSession::memory_free() const {
  if (latency_source_ == LatencySource::estimated) return latency_->device_memory;
  return device().memory_free;
}

// --- latency ---

bool StudioSession::can_measure_latency() const { return model_ && model_->checkpoint; }

bool StudioSession::busy() const {
  return sensitivity_runner_.running() || quantize_runner_.running() || quality_runner_.running() ||
         chat_runner_.running() || selftest_runner_.running();
}

void StudioSession::set_latency_table(std::optional<LatencyTable> table, LatencySource source) {
  latency_ = std::move(table);
  latency_source_ = source;
  budgets_.latency_seconds.reset();
  emit budgets_changed();
  emit latency_changed();
  new_problem();
}

void StudioSession::import_latency_table(const QString& file) {
  try {
    set_latency_table(read_latency_table(file.toStdString()), LatencySource::imported);
  } catch (const Error& error) {
    emit error_occurred(QString::fromUtf8(error.what()));
  }
}

std::vector<PlannedDevice> StudioSession::planned_devices() {
  std::vector<PlannedDevice> devices;
  try {
    const auto folder = resource("device-profiles");
    for (const std::string& name : device_profile_names(folder)) {
      const auto file = folder / (name + ".json");
      devices.push_back(
          {QString::fromStdString(file.string()), QString::fromStdString(read_device_profile(file).name)});
    }
  } catch (const Error&) { // not installed: there are none to offer
  }
  return devices;
}

void StudioSession::plan_for_device(const QString& profile_file) {
  if (!can_measure_latency()) return;
  try {
    const std::size_t context = ProfileOptions().context;
    set_latency_table(estimate_latency(read_device_profile(profile_file.toStdString()), model_->config(),
                                       model_->graph(), std::min(context, model_->config().max_positions)),
                      LatencySource::estimated);
  } catch (const Error& error) {
    emit error_occurred(QString::fromUtf8(error.what()));
  }
}

void StudioSession::plan_for_this_device() {
  if (latency_source_ != LatencySource::estimated) return;
  set_latency_table({}, LatencySource::none);
  find_measured_table();
}

// What was measured before of this model on this device is used at once.
void StudioSession::find_measured_table() {
  table_finder_.abandon();
  if (!can_measure_latency()) return;
  table_finder_.start([this, opened = model_, device = device()](const JobControl&) -> JobRunner::Finish {
    auto kept = LatencyCache(device, *opened).find();
    if (!kept) return {};
    return [this, kept = std::move(kept)] {
      if (latency_source_ == LatencySource::none) set_latency_table(kept, LatencySource::measured);
    };
  });
}

void StudioSession::measure_latency() {
  if (!can_measure_latency() || profile_runner_.running() || busy()) return;
  profile_job_ = {JobState::running, {}, 0, 0, -1, {}};
  emit latency_changed();
  profile_runner_.start([this, opened = model_, device = device(),
                         workplace = devices_.workplace()](const JobControl& control) -> JobRunner::Finish {
    const LatencyCache cache(device, *opened);
    auto table = cache.find();
    if (!table) {
      table = profile_at(workplace->get(), *opened, control);
      cache.keep(*table);
    }
    return [this, table = std::move(table)] { set_latency_table(table, LatencySource::measured); };
  });
}

void StudioSession::cancel_measuring() { profile_runner_.cancel(); }

void StudioSession::save_latency_table(const QString& file) {
  if (!latency_) return;
  try {
    write_file_atomically(file.toStdString(), to_json(*latency_).dump(1) + "\n");
  } catch (const Error& error) {
    emit error_occurred(QString::fromUtf8(error.what()));
  }
}

// --- selftest ---

void StudioSession::run_selftest() {
  if (selftest_runner_.running()) return;
  selftest_checks_.clear();
  selftest_job_ = {JobState::running, {}, 0, 0, -1, {}};
  emit selftest_changed();
  const std::uint64_t seed = std::random_device()(); // other shapes and inputs each time
  selftest_runner_.start(
      [this, seed, workplace = devices_.workplace()](const JobControl& control) -> JobRunner::Finish {
        const auto checks = selftest_at(workplace->get(), seed, control);
        return [this, checks] { selftest_checks_ = checks; };
      });
}

void StudioSession::cancel_selftest() { selftest_runner_.cancel(); }

} // namespace intarsia::ui
