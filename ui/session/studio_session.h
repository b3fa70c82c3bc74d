// SPDX-License-Identifier: GPL-3.0-or-later
// The one model behind all views: what is open, what is planned, what is being done. Views read it, listen to
// its signals and call its slots; they hold no state of the model's. Everything long runs on other threads.
#pragma once

#include <QObject>
#include <QString>
#include <memory>
#include <optional>
#include <vector>

#include "core/allocation/allocator.h"
#include "core/allocation/memory_model.h"
#include "core/artifact/open_model.h"
#include "core/artifact/quantize_job.h"
#include "core/device/device.h"
#include "core/evaluation/evaluation.h"
#include "core/runtime/conversation.h"
#include "core/worker/device_jobs.h"
#include "ui/session/device_choice.h"
#include "ui/session/job_runner.h"
#include "ui/session/solver_thread.h"

namespace intarsia::ui {

struct Budgets {
  MemoryBudget memory = BitsPerWeight{4};
  std::optional<double> latency_seconds; // of a decode step; needs a latency table
  std::size_t context = 4096;
  std::set<QuantizerFamily> families{QuantizerFamily::nuq, QuantizerFamily::vq, QuantizerFamily::tcq};
};

enum class JobState { idle, running, done, failed, cancelled };

struct JobStatus {
  JobState state = JobState::idle;
  QString stage;
  double done = 0, total = 0; // the job's own unit
  double seconds_left = -1;   // < 0: unknown
  QString sentence;           // of a failure
};

// What a model on disk and in memory is for chat and evaluation.
struct RunningModel {
  std::shared_ptr<const OpenedModel> opened;
  std::shared_ptr<LanguageModel> model;
  explicit operator bool() const { return model != nullptr; }
};

struct ChatTurn {
  QString question, answer;
  bool finished = false;
  bool answered = false; // to its end or to a stop: the model is shown it with the next question
  QString problem;       // why there is no answer
  StopReason reason = StopReason::end_of_text;
  double tokens_per_second = 0, first_token_seconds = 0;
  std::size_t tokens = 0, context_used = 0, context_size = 0;
};

struct Quality {
  double original_perplexity = 0, quantized_perplexity = 0, kl = 0;
  QString text;        // file it was measured on
  QString no_original; // why the original was not measured beside it; empty when it was
};

// Where the latency table comes from.
enum class LatencySource { none, measured, imported, estimated };

// A device of resources/device-profiles, to plan for.
struct PlannedDevice {
  QString file, name;
};

class StudioSession : public QObject {
  Q_OBJECT
 public:
  explicit StudioSession(QObject* parent = nullptr, DeviceChoice::Find find_devices = detect_usable_devices);
  ~StudioSession() override;

  const std::shared_ptr<const OpenedModel>& model() const { return model_; }
  QString model_path() const { return model_path_; }
  const DeviceList& devices() const { return devices_.list(); } // empty until they are found
  const Device& device() const { return devices_.device(); }    // that jobs run on
  std::uint64_t memory_free() const; // of the device, or of the one that is planned for
  const std::optional<Sensitivity>& sensitivity() const { return sensitivity_; }
  const std::optional<LatencyTable>& latency_table() const { return latency_; }
  LatencySource latency_source() const { return latency_source_; }
  bool latency_is_estimated() const { return latency_ && !latency_->estimated.empty(); }
  static std::vector<PlannedDevice> planned_devices();
  bool can_measure_latency() const; // there is a model whose layers can be timed
  bool busy() const;                // with what would disturb a measurement of time
  const Budgets& budgets() const { return budgets_; }
  const std::map<std::string, QuantizerId>& pins() const { return pins_; }
  const std::map<std::string, std::set<QuantizerId>>& forbidden() const { return forbidden_; }
  const SolverAnswer& answer() const { return answer_; }
  const Frontier& frontier() const { return frontier_; }
  const Plan* plan() const { return answer_.plan ? &*answer_.plan : nullptr; }
  ModelMemory memory() const; // of the plan; before there is one, of what no plan changes
  const JobStatus& sensitivity_job() const { return sensitivity_job_; }
  const JobStatus& quantize_job() const { return quantize_job_; }
  const JobStatus& profile_job() const { return profile_job_; }
  const JobStatus& selftest_job() const { return selftest_job_; }
  const std::vector<KernelCheck>& selftest_checks() const { return selftest_checks_; } // of the device
  const std::vector<LayerDone>& quantized_layers() const { return quantized_layers_; }
  QString artifact_path() const { return artifact_path_; }
  bool can_resume(const QString& out) const;
  const std::optional<Quality>& quality() const { return quality_; }
  const std::vector<ChatTurn>& chat() const { return chat_; }
  bool chatting() const { return chat_runner_.running(); }
  bool chat_uses_quantized() const { return chat_quantized_; }

 public slots:
  void refresh_devices();
  void choose_device(const QString& id);
  void run_selftest();
  void cancel_selftest();
  void open_model(const QString& path);
  void open_built_in();
  void import_sensitivity(const QString& file);
  void import_latency_table(const QString& file);
  void plan_for_device(const QString& profile_file); // by an estimated latency table
  void plan_for_this_device();                       // again, by what was measured on it
  void measure_latency();                            // or takes what was measured before
  void cancel_measuring();
  void save_latency_table(const QString& file);
  void set_memory(const intarsia::MemoryBudget& budget);
  void set_latency(std::optional<double> seconds); // nothing: no limit
  void set_context(std::size_t tokens);
  void set_family(intarsia::QuantizerFamily family, bool allowed);
  void pin(const std::vector<std::string>& layers, intarsia::QuantizerId quantizer);
  void forbid(const std::vector<std::string>& layers, intarsia::QuantizerId quantizer);
  void release(const std::vector<std::string>& layers);
  void quantize(const QString& out, bool resume);
  void cancel_quantize();
  void choose_chat_model(bool quantized);
  void send(const QString& message, const QString& system, const intarsia::SamplingSettings& sampling,
            int max_tokens);
  void stop_chat();
  void clear_chat();
  void drop_last_turn(); // to ask it again

 signals:
  void devices_changed();                // looked for again
  void device_changed();                 // another is chosen
  void noticed(const QString& sentence); // worth knowing, but nothing failed
  void model_changed();
  void sensitivity_changed();
  void latency_changed(); // the table, or the progress of measuring it
  void selftest_changed();
  void budgets_changed();
  void frontier_changed();
  void plan_changed(); // a new answer, or the reason why there is none
  void quantize_changed();
  void quality_changed();
  void chat_changed();                  // turns added, finished or cleared
  void chat_text(const QString& piece); // a piece of the last answer
  void error_occurred(const QString& sentence);

 private:
  void adopt_model(std::shared_ptr<const OpenedModel> model, const QString& path);
  void start_sensitivity();
  void new_problem();
  void request_plan();
  void set_latency_table(std::optional<LatencyTable> table, LatencySource source);
  void find_measured_table();
  void leave_device();
  void drop_models();
  bool has_left(const std::shared_ptr<Workplace>& workplace) const {
    return workplace != devices_.workplace();
  }
  void measure_quality(const RunningModel& quantized, const std::shared_ptr<Workplace>& workplace);
  void add_answer_text(const QString& piece);
  void finish_answer(const GenerationResult& result, const Conversation& conversation);
  void end_answer(const QString& problem);
  void connect_jobs();
  void connect_devices();

  std::shared_ptr<const OpenedModel> model_;
  QString model_path_, artifact_path_;
  DeviceChoice devices_;
  std::optional<Sensitivity> sensitivity_;
  std::optional<LatencyTable> latency_;
  LatencySource latency_source_ = LatencySource::none;
  Budgets budgets_;
  std::map<std::string, QuantizerId> pins_;
  std::map<std::string, std::set<QuantizerId>> forbidden_;
  SolverAnswer answer_;
  Frontier frontier_;
  JobStatus sensitivity_job_, quantize_job_, profile_job_, selftest_job_;
  std::vector<KernelCheck> selftest_checks_;
  std::vector<LayerDone> quantized_layers_;
  std::optional<Quality> quality_;
  std::vector<ChatTurn> chat_;
  bool chat_quantized_ = false;
  RunningModel original_, quantized_;
  std::shared_ptr<Conversation> conversation_; // of the chat's model; used by one chat job at a time
  QString conversation_system_;

  // Last, so that their threads end before what they use.
  SolverThread solver_;
  JobRunner loader_, sensitivity_runner_, quantize_runner_, quality_runner_, chat_runner_, profile_runner_,
      selftest_runner_, table_finder_, dropper_;
};

} // namespace intarsia::ui
