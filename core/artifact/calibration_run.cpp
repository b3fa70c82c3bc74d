// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/artifact/calibration_run.h"

#include <algorithm>

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/format_bytes.h"
#include "core/base/free_memory.h"
#include "core/base/mapped_file.h"
#include "core/device/device.h"
#include "core/evaluation/evaluation.h"
#include "core/memory/memory_model.h"
#include "core/sensitivity/backward_pass.h"

namespace intarsia {
namespace {

namespace fs = std::filesystem;

constexpr const char *stream_name = "stream", *gradients_name = "gradients", *text_name = "text",
                     *record_name = "calibration.json";
// What a layer needs beside the calibration while it is quantized: its weights twice and their codes.
constexpr std::uint64_t copies_of_a_layer = 4 * sizeof(float);

std::uint64_t largest_layer(const LayerGraph& graph) {
  std::size_t weights = 0;
  for (const LinearLayer& layer : graph.linears) weights = std::max(weights, layer.weights());
  return copies_of_a_layer * weights;
}

// Where every text begins with such a token, models keep much of their attention on it.
std::vector<int> begin_tokens_of(const Checkpoint& checkpoint) {
  auto spec = checkpoint.tokenizer();
  return begin_tokens(spec ? make_tokenizer(std::move(*spec)).get() : nullptr);
}

} // namespace

CalibrationRun::CalibrationRun(const Checkpoint& checkpoint, const QuantizeOptions& options, fs::path folder)
    : checkpoint_(checkpoint)
    , options_(options)
    , choice_(*options.calibration)
    , folder_(std::move(folder))
    , original_(dense_weights(checkpoint)) {
  find_text();
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

// What an earlier run or a sensitivity has left of it.
void CalibrationRun::find_text() {
  text_.gradients = OutputGradients(checkpoint_.config().head_dim);
  if (choice_.own()) {
    own_.emplace(checkpoint_, begin_tokens_of(checkpoint_), choice_.seed, choice_.tokens,
                 folder_ / text_name);
    text_ = own_->find();
    return;
  }
  text_.sequences = given_text(choice_, checkpoint_.config());
  if (const fs::path kept = folder_ / gradients_name; fs::exists(kept))
    text_.gradients.read(MappedFile(kept).bytes(), checkpoint_.graph());
  if (text_.gradients.tokens() != text_.tokens()) // of another text
    text_.gradients = OutputGradients(checkpoint_.config().head_dim);
}

double CalibrationRun::unsampled() const {
  return own_ ? 1 - double(text_.sequences.size()) / double(own_->series().count) : 0;
}

double CalibrationRun::unweighed() const {
  const std::size_t tokens = own_ ? own_->series().count * own_->series().length : text_.tokens();
  return 1 - double(text_.gradients.tokens()) / double(tokens);
}

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

// False, and noted, where the model does not fit.
bool CalibrationRun::sample(const JobControl& control) {
  SampleOptions rest = own_->series();
  rest.skip = text_.sequences.size();
  if (rest.skip == rest.count) return true;
  rest.count -= rest.skip;
  if (!model_)
    model_ = load({[&](const Progress& progress) { control.report(progress.stage, 0, 1); }, control.stop});
  if (!model_) return false;
  for (auto& sequence : sample_from_model(*model_, rest, control))
    text_.sequences.push_back(std::move(sequence));
  own_->store(text_);
  return true;
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
  if (own_ && !sample(control)) text_ = {};
  if (!options_.load) {
    model_.reset(); // sampled from; calibrating needs a block at a time
    give_back_free_memory();
  }
  if (!text_.sequences.empty() && !fits(text_.tokens())) text_ = {};
  keep_record();
}

// False, and noted, where tokens have to weigh alike.
bool CalibrationRun::weigh(const JobControl& control) {
  const std::string alike = "all tokens weigh alike in the calibration: ";
  const std::size_t length = text_.sequences[0].size(), known = text_.gradients.tokens() / length;
  if (known < text_.sequences.size()) {
    const std::uint64_t free = free_memory(),
                        needed = backward_bytes(checkpoint_.config(), checkpoint_.graph(), length);
    if (free != 0 && needed > free) {
      note(alike + "to tell them apart needs " + format_bytes(needed) + " of memory, and only " +
           format_bytes(free) + " are free");
      return false;
    }
    const JobControl named{[&](const Progress& progress) {
                             control.report("calibrating: which tokens matter", progress.done,
                                            progress.total);
                           },
                           control.stop};
    const std::vector<Tokens> rest(text_.sequences.begin() + std::ptrdiff_t(known), text_.sequences.end());
    add_output_gradients(*original_, rest, {choice_.seed, known},
                         model_ ? model_->products() : cpu_products(), named, text_.gradients);
    if (text_.gradients.finite()) keep_gradients();
  }
  if (text_.gradients.finite()) return true;
  note(alike + "the gradients that tell them apart are not finite");
  return false;
}

void CalibrationRun::keep_gradients() const {
  if (own_)
    own_->store(text_);
  else
    write_file_atomically(folder_ / gradients_name, text_.gradients.to_bytes());
}

void CalibrationRun::weigh_tokens(std::size_t first_block, const JobControl& control) {
  if (text_.sequences.empty()) return;
  const bool weighed = weigh(control);
  calibration_ =
      std::make_unique<Calibration>(*original_, text_.sequences, model_ ? model_->products() : cpu_products(),
                                    weighed ? &text_.gradients : nullptr);
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
  OrderedJson record = active() ? record_of(choice_, text_.sequences) : OrderedJson{{"text", "none"}};
  if (!notes_.empty()) record["notes"] = notes_;
  write_file_atomically(folder_ / record_name, record.dump() + "\n");
}

OrderedJson CalibrationRun::record() const {
  return OrderedJson::parse(read_text_file(folder_ / record_name));
}

void CalibrationRun::remove_files(const fs::path& folder) {
  for (const char* name : {stream_name, "stream.new", gradients_name, text_name, record_name})
    fs::remove(folder / name);
}

} // namespace intarsia
