// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// How long the model's layers take on the device that is planned for, and which device that is.
#pragma once

#include <QString>
#include <optional>

#include "core/artifact/open_model.h"
#include "core/device/latency_table.h"
#include "core/jobs/execution_target.h"
#include "core/memory/memory_model.h"
#include "ui/session/tracked_job.h"

namespace intarsia::ui {

// Where the latency table comes from.
enum class LatencySource { none, measured, imported, estimated };

// A device of resources/device-profiles, to plan for.
struct PlannedDevice {
  QString file, name;
};

// Whose memory and time a plan is for: the device that computes, or another that a table stands for.
struct PlanTarget {
  QString name;
  std::uint64_t memory_free = 0, memory_total = 0; // 0: unknown
  double bandwidth = 0;                            // bytes/s; 0: unknown
  bool here = true;                                // the device that jobs run on
  std::shared_ptr<const MemoryModel> memory = cpu_memory();
};

class Latency : public QObject {
  Q_OBJECT
 public:
  explicit Latency(QObject* parent = nullptr);

  void set_model(std::shared_ptr<const OpenedModel> model); // forgets the table of the one before
  // The device that jobs run on; with the same id its free memory alone is new.
  void set_device(const Device& device, std::shared_ptr<const ExecutionTarget> target);

  const std::optional<LatencyTable>& table() const { return table_; }
  LatencySource source() const { return source_; }
  bool estimated() const { return table_ && !table_->estimated.empty(); }
  bool can_measure() const { return model_ && model_->checkpoint; } // there are layers to time
  const JobStatus& job() const { return job_.status(); }
  bool measuring() const { return job_.running(); }
  PlanTarget target() const;
  static std::vector<PlannedDevice> planned_devices();

 public slots:
  void measure(); // or takes what was measured before
  void cancel() { job_.cancel(); }
  void import_table(const QString& file);
  void plan_for(const QString& profile_file); // by an estimated table
  void plan_for_this_device();                // again, by what was measured on it
  void save(const QString& file);

 signals:
  void table_changed();
  void progressed(); // of measuring
  void failed(const QString& sentence);

 private:
  void set_table(std::optional<LatencyTable> table, LatencySource source);
  void find_measured();

  std::shared_ptr<const OpenedModel> model_;
  Device device_;
  std::shared_ptr<const ExecutionTarget> target_;
  std::optional<LatencyTable> table_;
  LatencySource source_ = LatencySource::none;
  TrackedJob job_; // last: they use the others
  JobRunner finder_;
};

} // namespace intarsia::ui
