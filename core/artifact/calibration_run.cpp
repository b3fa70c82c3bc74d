// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/artifact/calibration_run.h"

#include <algorithm>

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/format_bytes.h"
#include "core/base/free_memory.h"
#include "core/base/mapped_file.h"
#include "core/device/device.h"
#include "core/memory/memory_model.h"
#include "core/sensitivity/backward_pass.h"

namespace intarsia {
namespace {

namespace fs = std::filesystem;

constexpr const char *stream_name = "stream", *gradients_name = "gradients",
                     *record_name = "calibration.json";
// What a layer needs beside the calibration while it is quantized: its weights twice and their codes.
constexpr std::uint64_t copies_of_a_layer = 4 * sizeof(float);

std::uint64_t largest_layer(const LayerGraph& graph) {
  std::size_t weights = 0;
  for (const LinearLayer& layer : graph.linears) weights = std::max(weights, layer.weights());
  return copies_of_a_layer * weights;
}

} // namespace

CalibrationRun::CalibrationRun(const Checkpoint& checkpoint, const QuantizeOptions& options, fs::path folder)
    : checkpoint_(checkpoint)
    , options_(options)
    , choice_(*options.calibration)
    , folder_(std::move(folder))
    , original_(dense_weights(checkpoint)) {
  if (choice_.own()) own_.emplace(checkpoint, choice_);
  if (const fs::path kept = folder_ / record_name; fs::exists(kept)) try {
      for (const Json& sentence : read_json_file(kept).value("notes", Json::array()))
        notes_.push_back(sentence.get<std::string>());
    } catch (const std::exception&) { // damaged: those of this run remain
    }
}

CalibrationRun::~CalibrationRun() = default;

std::uint64_t CalibrationRun::free_memory() const {
  return options_.memory ? options_.memory : available_memory();
}

void CalibrationRun::note(const std::string& sentence) {
  if (std::find(notes_.begin(), notes_.end(), sentence) != notes_.end()) return;
  notes_.push_back(sentence);
  keep_record();
  if (options_.on_note) options_.on_note(sentence);
}

bool CalibrationRun::must_sample() const { return own_ && !own_->find(); }

// Null, and noted, where the model does not fit.
std::unique_ptr<LanguageModel> CalibrationRun::load(const JobControl& control) {
  const std::uint64_t halves = f16_model_bytes(checkpoint_.graph(), checkpoint_.config()),
                      free = free_memory();
  if (free != 0 && halves > free) {
    note("quantized without calibration: to sample the model's own text needs " + format_bytes(halves) +
         " of memory, and only " + format_bytes(free) + " are free; a given text needs less");
    return nullptr;
  }
  const bool half = free != 0 && 2 * halves > free;
  return load_on_cpu(*original_, {.half_precision_cache = half, .half_precision_weights = half}, control);
}

std::optional<CalibrationText> CalibrationRun::text(const JobControl& control) {
  if (!own_) return given_text(choice_, checkpoint_.config());
  if (auto known = own_->find()) return known;
  if (!model_)
    model_ = load({[&](const Progress& progress) { control.report(progress.stage, 0, 1); }, control.stop});
  if (!model_) return std::nullopt;
  return own_->write(*model_, control);
}

bool CalibrationRun::fits(std::size_t tokens) {
  const std::uint64_t needed = Calibration::bytes(checkpoint_.config(), checkpoint_.graph(), tokens) +
                               largest_layer(checkpoint_.graph());
  const std::uint64_t free = free_memory();
  if (free == 0 || needed <= free) return true;
  note("quantized without calibration: it needs " + format_bytes(needed) + " of memory, and only " +
       format_bytes(free) + " are free");
  return false;
}

void CalibrationRun::start(const JobControl& control) {
  const JobControl loading{[&](const Progress& progress) { control.report(progress.stage, 0, 1); },
                           control.stop};
  if (options_.load) model_ = options_.load(loading); // its products are needed whatever text there is
  auto found = text(control);
  if (!found) return keep_record();
  text_ = std::move(*found);
  if (!options_.load) {
    model_.reset(); // sampled from; calibrating needs a block at a time
    give_back_free_memory();
  }
  if (!fits(text_.tokens())) text_ = {};
  keep_record();
}

std::optional<OutputGradients> CalibrationRun::gradients(const JobControl& control) {
  const std::string alike = "all tokens weigh alike in the calibration: ";
  OutputGradients found(checkpoint_.config().head_dim);
  if (found.restore(folder_ / gradients_name, checkpoint_.graph(), text_.tokens())) return found;
  const std::uint64_t free = free_memory(), needed = backward_bytes(checkpoint_.config(), checkpoint_.graph(),
                                                                    text_.sequences[0].size());
  if (free != 0 && needed > free) {
    note(alike + "to tell them apart needs " + format_bytes(needed) + " of memory, and only " +
         format_bytes(free) + " are free");
    return std::nullopt;
  }
  const JobControl named{[&](const Progress& progress) {
                           control.report("calibrating: which tokens matter", progress.done, progress.total);
                         },
                         control.stop};
  add_output_gradients(*original_, text_.sequences, {choice_.seed, 0},
                       model_ ? model_->products() : cpu_products(), named, found);
  if (!found.finite()) {
    note(alike + "the gradients that tell them apart are not finite");
    return std::nullopt;
  }
  found.save(folder_ / gradients_name);
  return found;
}

void CalibrationRun::weigh_tokens(std::size_t first_block, const JobControl& control) {
  if (text_.sequences.empty()) return;
  gradients_ = gradients(control);
  calibration_ =
      std::make_unique<Calibration>(*original_, text_.sequences, model_ ? model_->products() : cpu_products(),
                                    gradients_ ? &*gradients_ : nullptr);
  if (calibration_->restore(folder_ / stream_name) && calibration_->next_block() > first_block)
    calibration_->restart(); // an earlier block's codes were damaged
  keep_record();
}

std::shared_ptr<const HessianFactor> CalibrationRun::factor(const LinearLayer& layer,
                                                            const Rotation& rotation) {
  if (layer.input == failed_input_) return nullptr;
  try {
    return calibration_->factor(layer, rotation);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::input) throw;
    if (failed_input_.empty())
      note(layer.name + " and what reads such inputs is rounded without feedback: " + error.what());
    failed_input_ = layer.input;
    return nullptr;
  }
}

void CalibrationRun::pass_block(const JobControl& control) {
  calibration_->pass_block(control);
  calibration_->save(folder_ / stream_name);
}

// Written as it changes: a resumed run may have nothing left to calibrate.
void CalibrationRun::keep_record() const {
  OrderedJson record = active() ? record_of(choice_, text_) : OrderedJson{{"text", "none"}};
  if (!notes_.empty()) record["notes"] = notes_;
  write_file_atomically(folder_ / record_name, record.dump() + "\n");
}

OrderedJson CalibrationRun::record() const {
  return OrderedJson::parse(read_text_file(folder_ / record_name));
}

void CalibrationRun::remove_files(const fs::path& folder) {
  for (const char* name : {stream_name, "stream.new", gradients_name, record_name}) fs::remove(folder / name);
}

} // namespace intarsia
