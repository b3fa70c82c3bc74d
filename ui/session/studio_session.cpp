// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/studio_session.h"

#include <algorithm>

#include "core/allocation/sensitivity_cache.h"
#include "core/base/error.h"
#include "core/worker/worker_jobs.h"

namespace intarsia::ui {
namespace {

std::filesystem::path to_path(const QString& path) { return path.toStdString(); }

// `running`: the model that was loaded for it, if that is in this process.
Sensitivity measure_sensitivity(const Place& place, const std::shared_ptr<const OpenedModel>& opened,
                                RunningModel& running, const JobControl& control) {
  if (place.worker)
    return sensitivity_in_worker(*place.worker, place.device.id, path_of(*opened), {}, {}, control);
  running = {opened, load_on_cpu(opened->weights(), cpu_options(*opened), control)};
  return estimate_sensitivity(*running.model, opened->weights(), opened->config().name, {}, {}, control);
}

void note_progress(JobStatus& status, const JobRunner& runner, const QString& stage, double done,
                   double total) {
  status.state = JobState::running;
  status.stage = stage;
  status.done = done;
  status.total = total;
  status.seconds_left = runner.seconds_left(done, total);
}

} // namespace

StudioSession::StudioSession(QObject* parent, DeviceChoice::Find find_devices)
    : QObject(parent)
    , devices_(std::move(find_devices)) {
  connect_jobs();
  connect_devices();
  connect(&solver_, &SolverThread::traced, this, [this](const Frontier& frontier) {
    if (!sensitivity_) return; // of a model that is no longer open
    frontier_ = frontier;
    emit frontier_changed();
  });
  connect(&solver_, &SolverThread::answered, this, [this](const SolverAnswer& answer) {
    if (!sensitivity_) return; // of a model that was open before
    answer_ = answer;
    emit plan_changed();
  });
}

StudioSession::~StudioSession() = default;

void StudioSession::connect_jobs() {
  connect(&loader_, &JobRunner::failed, this, &StudioSession::error_occurred);
  const auto follow = [this](JobRunner& runner, JobStatus& status, void (StudioSession::*changed)()) {
    connect(&runner, &JobRunner::progressed, this,
            [&runner, &status, changed, this](const QString& stage, double done, double total) {
              note_progress(status, runner, stage, done, total);
              emit(this->*changed)();
            });
    connect(&runner, &JobRunner::failed, this, [&status, changed, this](const QString& sentence) {
      status.state = JobState::failed;
      status.sentence = sentence;
      emit(this->*changed)();
      emit error_occurred(sentence);
    });
    connect(&runner, &JobRunner::cancelled, this, [&status, changed, this] {
      status.state = JobState::cancelled;
      emit(this->*changed)();
    });
    connect(&runner, &JobRunner::finished, this, [&status, changed, this] {
      status.state = JobState::done;
      emit(this->*changed)();
    });
  };
  follow(sensitivity_runner_, sensitivity_job_, &StudioSession::sensitivity_changed);
  follow(quantize_runner_, quantize_job_, &StudioSession::quantize_changed);
  follow(profile_runner_, profile_job_, &StudioSession::latency_changed);
  follow(selftest_runner_, selftest_job_, &StudioSession::selftest_changed);
  connect(&quality_runner_, &JobRunner::failed, this, &StudioSession::error_occurred);
  connect(&chat_runner_, &JobRunner::failed, this, &StudioSession::end_answer);
  connect(&chat_runner_, &JobRunner::cancelled, this, [this] { end_answer({}); }); // while it was loaded
}

// --- model ---

void StudioSession::open_built_in() {
  try {
    open_model(QString::fromStdString(built_in_model().string()));
  } catch (const Error& error) {
    emit error_occurred(QString::fromUtf8(error.what()));
  }
}

void StudioSession::open_model(const QString& path) {
  loader_.start([this, path](const JobControl&) -> JobRunner::Finish {
    auto opened = std::make_shared<const OpenedModel>(intarsia::open_model(to_path(path)));
    return [this, opened, path] { adopt_model(opened, path); };
  });
}

void StudioSession::adopt_model(std::shared_ptr<const OpenedModel> model, const QString& path) {
  for (JobRunner* runner : {&sensitivity_runner_, &quantize_runner_, &quality_runner_, &chat_runner_,
                            &profile_runner_, &table_finder_})
    runner->abandon();
  model_ = std::move(model);
  model_path_ = path;
  sensitivity_.reset();
  latency_.reset();
  latency_source_ = LatencySource::none;
  budgets_.latency_seconds.reset();
  pins_.clear();
  forbidden_.clear();
  answer_ = {};
  frontier_ = {};
  quality_.reset();
  quantized_layers_.clear();
  quantize_job_ = sensitivity_job_ = profile_job_ = {};
  drop_models();
  artifact_path_.clear();
  chat_.clear();
  budgets_.context = std::min<std::size_t>(4096, model_->config().max_positions);
  chat_quantized_ = model_->artifact != nullptr;
  if (model_->artifact) artifact_path_ = path;
  emit model_changed();
  emit budgets_changed();
  emit plan_changed();
  emit frontier_changed();
  emit quantize_changed();
  emit chat_changed();
  emit latency_changed();
  find_measured_table();
  if (model_->checkpoint && model_->checkpoint->has_weights()) start_sensitivity();
}

void StudioSession::start_sensitivity() {
  sensitivity_job_ = {JobState::running, tr("loading"), 0, 0, -1, {}};
  emit sensitivity_changed();
  sensitivity_runner_.start([this, opened = model_, workplace = devices_.workplace()](
                                const JobControl& control) -> JobRunner::Finish {
    const SensitivityCache cache(*opened->checkpoint, {}, {});
    RunningModel running; // what it is measured on, if that is in this process
    auto result = cache.find();
    if (!result) {
      result = measure_sensitivity(workplace->get(), opened, running, control);
      cache.keep(*result);
    }
    return [this, workplace, running, result = std::move(*result)] {
      if (running && !has_left(workplace)) original_ = running;
      sensitivity_ = result;
      new_problem();
    };
  });
}

void StudioSession::import_sensitivity(const QString& file) {
  try {
    sensitivity_ = read_sensitivity(to_path(file));
  } catch (const Error& error) {
    emit error_occurred(QString::fromUtf8(error.what()));
    return;
  }
  sensitivity_runner_.abandon();
  sensitivity_job_ = {};
  emit sensitivity_changed();
  new_problem();
}

// --- plan ---

ModelMemory StudioSession::memory() const {
  if (!model_) return {};
  if (const Plan* present = plan())
    return plan_memory(model_->config(), model_->graph(), *present, budgets_.context);
  return fixed_memory(model_->config(), model_->graph(), budgets_.context);
}

void StudioSession::new_problem() {
  if (!model_ || !sensitivity_) return;
  AllocationProblem problem;
  problem.config = model_->config();
  problem.graph = model_->graph();
  problem.sensitivity = *sensitivity_;
  problem.latency = latency_;
  problem.pins = pins_;
  problem.forbidden = forbidden_;
  problem.only = budgets_.families;
  solver_.set_problem(std::move(problem));
  request_plan();
}

void StudioSession::request_plan() {
  if (!model_ || !sensitivity_) return;
  AllocationRequest request;
  request.memory = budgets_.memory;
  request.latency_seconds = budgets_.latency_seconds;
  request.context = budgets_.context;
  request.gap = 1e-3;
  request.time_limit = 0.3; // while a slider moves; SolverThread goes on from there
  solver_.request(request);
}

void StudioSession::set_memory(const MemoryBudget& budget) {
  budgets_.memory = budget;
  emit budgets_changed();
  request_plan();
}

void StudioSession::set_latency(std::optional<double> seconds) {
  budgets_.latency_seconds = seconds;
  emit budgets_changed();
  request_plan();
}

void StudioSession::set_context(std::size_t tokens) {
  if (!model_) return;
  budgets_.context = std::clamp<std::size_t>(tokens, 1, model_->config().max_positions);
  emit budgets_changed();
  request_plan();
}

void StudioSession::set_family(QuantizerFamily family, bool allowed) {
  if (allowed)
    budgets_.families.insert(family);
  else
    budgets_.families.erase(family);
  emit budgets_changed();
  new_problem();
}

void StudioSession::pin(const std::vector<std::string>& layers, QuantizerId quantizer) {
  for (const auto& layer : layers) pins_[layer] = quantizer;
  new_problem();
}

void StudioSession::forbid(const std::vector<std::string>& layers, QuantizerId quantizer) {
  for (const auto& layer : layers) {
    forbidden_[layer].insert(quantizer);
    if (const auto pin = pins_.find(layer); pin != pins_.end() && pin->second == quantizer) pins_.erase(pin);
  }
  new_problem();
}

void StudioSession::release(const std::vector<std::string>& layers) {
  for (const auto& layer : layers) {
    pins_.erase(layer);
    forbidden_.erase(layer);
  }
  new_problem();
}

} // namespace intarsia::ui
