// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/studio_session.h"

#include <QFileInfo>
#include <algorithm>

#include "core/allocation/sensitivity_cache.h"
#include "core/base/error.h"
#include "core/base/mapped_file.h"

namespace intarsia::ui {
namespace {

std::filesystem::path to_path(const QString& path) { return path.toStdString(); }

RunningModel load(std::shared_ptr<const OpenedModel> opened, const JobControl& control) {
  CpuOptions options;
  options.half_precision_weights = options.half_precision_cache = opened->artifact != nullptr;
  auto model = load_on_cpu(opened->weights(), options, control);
  return {std::move(opened), std::move(model)};
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

StudioSession::StudioSession(QObject* parent)
    : QObject(parent) {
  connect_jobs();
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
  connect(&quality_runner_, &JobRunner::failed, this, &StudioSession::error_occurred);
  connect(&chat_runner_, &JobRunner::failed, this, [this](const QString& sentence) {
    if (!chat_.empty()) chat_.back().finished = true;
    emit chat_changed();
    emit error_occurred(sentence);
  });
}

void StudioSession::refresh_devices() {
  // The first measurement takes some 50 ms, so it runs beside the window too.
  auto* runner = new JobRunner(this);
  connect(runner, &JobRunner::finished, runner, &QObject::deleteLater);
  runner->start([this](const JobControl&) -> JobRunner::Finish {
    return [this, list = detect_devices()] {
      devices_ = list;
      emit devices_changed();
    };
  });
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
  for (JobRunner* runner : {&sensitivity_runner_, &quantize_runner_, &quality_runner_, &chat_runner_})
    runner->abandon();
  model_ = std::move(model);
  model_path_ = path;
  sensitivity_.reset();
  latency_.reset();
  budgets_.latency_seconds.reset();
  pins_.clear();
  forbidden_.clear();
  answer_ = {};
  frontier_ = {};
  quality_.reset();
  quantized_layers_.clear();
  quantize_job_ = sensitivity_job_ = {};
  original_ = quantized_ = {};
  artifact_path_.clear();
  conversation_.reset();
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
  if (model_->checkpoint && model_->checkpoint->has_weights()) start_sensitivity();
}

void StudioSession::start_sensitivity() {
  sensitivity_job_ = {JobState::running, tr("loading"), 0, 0, -1, {}};
  emit sensitivity_changed();
  sensitivity_runner_.start([this, opened = model_](const JobControl& control) -> JobRunner::Finish {
    const SensitivityCache cache(*opened->checkpoint, {}, {});
    if (auto kept = cache.find())
      return [this, kept = std::move(*kept)] {
        sensitivity_ = kept;
        new_problem();
      };
    RunningModel running = load(opened, control);
    auto result =
        estimate_sensitivity(*running.model, opened->weights(), opened->config().name, {}, {}, control);
    cache.keep(result);
    return [this, running, result = std::move(result)] {
      original_ = running;
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

void StudioSession::import_latency_table(const QString& file) {
  try {
    latency_ = read_latency_table(to_path(file));
  } catch (const Error& error) {
    emit error_occurred(QString::fromUtf8(error.what()));
    return;
  }
  budgets_.latency_seconds.reset();
  emit budgets_changed();
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

// --- quantize ---

bool StudioSession::can_resume(const QString& out) const {
  return QFileInfo::exists(out + QStringLiteral(".partial"));
}

void StudioSession::quantize(const QString& out, bool resume) {
  if (!plan() || !model_->checkpoint) return;
  quantized_layers_.clear();
  quality_.reset();
  quantize_job_ = {JobState::running, {}, 0, double(model_->graph().linear_weights()), -1, {}};
  emit quantize_changed();
  quantize_runner_.start(
      [this, out, resume, opened = model_, plan = *plan()](const JobControl& control) -> JobRunner::Finish {
        QuantizeOptions options;
        options.resume = resume;
        options.on_layer = [this](const LayerDone& layer) {
          QMetaObject::invokeMethod(
              this, [this, layer] { quantized_layers_.push_back(layer); }, Qt::QueuedConnection);
        };
        quantize_model(*opened->checkpoint, plan, to_path(out), options, control);
        auto artifact = std::make_shared<const OpenedModel>(intarsia::open_model(to_path(out)));
        RunningModel running = load(artifact, control);
        return [this, out, running] {
          artifact_path_ = out;
          quantized_ = running;
          conversation_.reset();
          chat_quantized_ = true;
          measure_quality();
          emit chat_changed();
        };
      });
}

void StudioSession::cancel_quantize() { quantize_runner_.cancel(); }

// On the held-out text that came with the model, where there is one.
void StudioSession::measure_quality() {
  const auto text = to_path(model_path_) / "heldout.txt";
  if (!original_ || !quantized_ || !original_.opened->tokenizer || !std::filesystem::exists(text)) return;
  quality_runner_.start([this, text, original = original_,
                         quantized = quantized_](const JobControl& control) -> JobRunner::Finish {
    constexpr std::size_t most_tokens = 4096, window = 256;
    Tokenizer::EncodeOptions plain;
    plain.add_special = false;
    auto tokens = original.opened->tokenizer->encode(read_text_file(text), plain);
    tokens.resize(std::min(tokens.size(), most_tokens));
    const auto result = divergence(*quantized.model, *original.model, tokens, window, -1, control);
    return [this, text, result] {
      quality_ = Quality{result.reference.perplexity, result.model.perplexity, result.mean_kl,
                         QString::fromStdString(text.string())};
      emit quality_changed();
    };
  });
}

// --- chat ---

void StudioSession::choose_chat_model(bool quantized) {
  if (quantized == chat_quantized_) return;
  chat_quantized_ = quantized;
  conversation_.reset();
  clear_chat();
}

void StudioSession::clear_chat() {
  chat_runner_.abandon();
  chat_.clear();
  conversation_.reset();
  emit chat_changed();
}

void StudioSession::drop_last_turn() {
  if (chat_.empty() || chat_runner_.running()) return;
  chat_.pop_back();
  if (conversation_) conversation_->drop_last_turn();
  emit chat_changed();
}

void StudioSession::stop_chat() { chat_runner_.cancel(); }

void StudioSession::send(const QString& message, const QString& system, const SamplingSettings& sampling,
                         int max_tokens) {
  if (!model_ || chat_runner_.running() || message.trimmed().isEmpty()) return;
  const RunningModel& wanted = chat_quantized_ ? quantized_ : original_;
  if (conversation_system_ != system) conversation_.reset();
  conversation_system_ = system;
  chat_.push_back({message, {}, false, {}, 0, 0, 0, 0, 0});
  emit chat_changed();
  chat_runner_.start([this, message, system, sampling, max_tokens, running = wanted,
                      conversation = conversation_, path = chat_quantized_ ? artifact_path_ : model_path_,
                      quantized = chat_quantized_](const JobControl& control) mutable -> JobRunner::Finish {
    if (!running)
      running = load(std::make_shared<const OpenedModel>(intarsia::open_model(to_path(path))), control);
    if (!running.opened->tokenizer)
      throw input_error(path.toStdString() + ": has no tokenizer, so it cannot chat");
    if (!conversation)
      conversation = std::make_shared<Conversation>(*running.opened->tokenizer, *running.model,
                                                    usual_context(*running.opened), system.toStdString());
    const auto on_text = [this](std::string_view piece) {
      QMetaObject::invokeMethod(
          this,
          [this, text = QString::fromUtf8(piece.data(), qsizetype(piece.size()))] {
            if (chat_.empty() || chat_.back().finished) return;
            chat_.back().answer += text;
            emit chat_text(text);
          },
          Qt::QueuedConnection);
    };
    const auto result =
        conversation->reply(message.toStdString(), std::size_t(max_tokens), sampling, on_text, control.stop);
    return [this, result, running, conversation, quantized] {
      (quantized ? quantized_ : original_) = running;
      conversation_ = conversation;
      if (chat_.empty()) return;
      ChatTurn& turn = chat_.back();
      turn.answer = QString::fromStdString(result.text);
      turn.finished = true;
      turn.reason = result.reason;
      turn.tokens = result.tokens.size();
      turn.first_token_seconds = result.prefill_seconds;
      if (result.decode_seconds > 0)
        turn.tokens_per_second = double(result.tokens.size() - 1) / result.decode_seconds;
      turn.context_used = conversation->context_used();
      turn.context_size = conversation->context_size();
      emit chat_changed();
    };
  });
}

} // namespace intarsia::ui
