// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/artifact/quantize_job.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <fcntl.h>
#include <unistd.h>

#include "core/artifact/calibration_run.h"
#include "core/artifact/layout.h"
#include "core/artifact/partial_file.h"
#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/half.h"
#include "core/base/mapped_file.h"
#include "core/base/random.h"
#include "core/checkpoint/content_identity.h"
#include "core/palette/linear_source.h"

namespace intarsia {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t rows_at_once = 1024; // of an embedding

// What things take, in seconds of one core of a desktop processor; only their ratios matter, for how much is
// left.
double encoding_cost(const LinearLayer& layer, QuantizerId id) {
  const bool searched = id.family == QuantizerFamily::tcq || id.family == QuantizerFamily::half_tcq;
  return double(layer.weights()) * (searched ? 3.5e-6 : 1e-7);
}
constexpr double pass_cost = 6e-11; // of a token through a weight
constexpr double passes = 2;        // to read a block's inputs, and to sum them
constexpr double sampling_cost = 1e-10;
constexpr double weighing_cost = 2e-10; // of a token through a weight, to the head and back

double block_cost(const LayerGraph& graph, std::size_t block, std::size_t tokens) {
  double weights = 0;
  for (const LinearLayer& layer : graph.linears)
    if (layer.block == block) weights += double(layer.weights());
  return passes * pass_cost * weights * double(tokens);
}

// Of the whole text through the whole model, at so much for a token and a weight.
double text_work(double cost, const LayerGraph& graph, std::size_t tokens) {
  return cost * double(graph.linear_weights() + graph.embedding.weights()) * double(tokens);
}

QuantizedLinear on_cpu(const LinearSource& source, const JobControl& control) {
  return quantize_linear(source, control);
}

class QuantizeRun {
 public:
  QuantizeRun(const Checkpoint& checkpoint, const Plan& plan, fs::path folder, const QuantizeOptions& options,
              const JobControl& control)
      : checkpoint_(checkpoint)
      , plan_(plan)
      , folder_(std::move(folder))
      , options_(options)
      , control_(control)
      , layout_(artifact_layout(checkpoint.graph(), plan))
      , file_(folder_, layout_, identity(), options.resume) {
    for (const LinearLayer* layer : checkpoint.graph().all_layers())
      if (plan.layers.contains(layer->name)) total_ += encoding_cost(*layer, plan.quantizer_of(*layer));
    if (!options.calibration) return;
    calibration_.emplace(checkpoint, options, folder_);
    for (std::size_t block = 0; block < checkpoint.config().blocks; ++block)
      total_ += block_cost(checkpoint.graph(), block, options.calibration->tokens);
    total_ += sampling_left() + weighing_left();
  }

  void run() {
    // First of all: what is left of an interrupted run says which plan it belongs to.
    write_file_atomically(folder_ / "plan.json", to_json(plan_).dump(2) + "\n");
    write_floats();
    for (const LinearLayer* layer : checkpoint_.graph().all_layers())
      if (!plan_.layers.contains(layer->name))
        write_halves(*layer); // routers too
      else if (in_vocabulary(*layer))
        write_layer(*layer);
    const std::size_t blocks = checkpoint_.config().blocks;
    const std::size_t first = first_unfinished();
    if (calibration_ && first < blocks) start_calibration(first);
    for (std::size_t block = 0; block < blocks; ++block) write_block(block, first);
    write_side_files();
    CalibrationRun::remove_files(folder_);
    remove_unfinished_writes(folder_); // of runs that were killed
    file_.sync();
  }

 private:
  std::size_t first_unfinished() const {
    for (const LinearLayer& layer : checkpoint_.graph().linears)
      if (!finished(layer)) return layer.block;
    return checkpoint_.config().blocks;
  }

  // A stage of `cost`, whatever unit it reports in.
  JobControl stage(double cost) const {
    return {[this, start = done_, cost](const Progress& progress) {
              const double share = progress.total > 0 ? progress.done / progress.total : 0;
              control_.report(progress.stage, start + share * cost, total_);
            },
            control_.stop};
  }

  double sampling_left() const {
    return calibration_->unsampled() *
           text_work(sampling_cost, checkpoint_.graph(), options_.calibration->tokens);
  }
  double weighing_left() const {
    return calibration_->unweighed() *
           text_work(weighing_cost, checkpoint_.graph(), options_.calibration->tokens);
  }

  void start_calibration(std::size_t first_block) {
    const double sampling = sampling_left(), weighing = weighing_left();
    calibration_->start(stage(sampling));
    done_ += sampling;
    calibration_->weigh_tokens(first_block, stage(weighing));
    done_ += weighing;
  }

  // Blocks before `first` are there already; the stream may have to pass them.
  void write_block(std::size_t block, std::size_t first) {
    const bool calibrates = calibration_ && calibration_->active() && block >= calibration_->next_block();
    const double cost =
        calibration_ ? block_cost(checkpoint_.graph(), block, options_.calibration->tokens) : 0;
    const bool reads = calibrates && block >= first,
               leaves = calibrates && block + 1 < checkpoint_.config().blocks;
    if (reads)
      calibration_->read_block(stage(cost));
    else if (leaves)
      calibration_->pass_block(stage(cost));
    done_ += cost;
    for (const LinearLayer& layer : checkpoint_.graph().linears)
      if (layer.block == block) write_layer(layer);
    if (reads && leaves) calibration_->pass_block(stage(0));
  }

  // What must be the same for an interrupted run to be taken up: the model, the plan, the seed and the
  // calibration.
  std::string identity() const {
    std::string text = std::to_string(options_.seed);
    for (const auto& [name, layer] : plan_.layers) text += name + to_string(layer.quantizer);
    if (options_.calibration) text += identity_of(*options_.calibration);
    return content_identity(checkpoint_) + "-" + std::to_string(crc32_of(std::as_bytes(std::span(text))));
  }

  template <typename T>
  void write_whole(const std::string& name, std::span<const T> values) {
    if (file_.finished(name)) return;
    file_.write(name, std::as_bytes(values));
    file_.finish(name);
  }

  void write_floats() {
    const LayerGraph& graph = checkpoint_.graph();
    const auto copy = [&](const std::string& name) {
      const std::vector<float> values = checkpoint_.read(name);
      const auto damaged = std::ranges::find_if_not(values, [](float value) { return std::isfinite(value); });
      if (damaged != values.end()) throw non_finite_weight(name, std::size_t(damaged - values.begin()));
      write_whole<float>(name, values);
    };
    for (const NormLayer& norm : graph.norms) copy(norm.name + ".weight");
    for (const LinearLayer& layer : graph.linears)
      if (layer.bias) copy(layer.name + ".bias");
    for (const auto& [name, layer] : plan_.layers)
      if (const auto book = quantizer(layer.quantizer).codebook(); !book.empty())
        write_whole<float>(codebook_name(layer.quantizer), book);
  }

  void write_halves(const LinearLayer& layer) {
    const std::string name = weight_name(layer);
    if (file_.finished(name)) return;
    const std::size_t rows = layer.d_out, columns = layer.d_in;
    std::vector<float> values;
    std::vector<std::uint16_t> halves;
    for (std::size_t first = 0; first < rows; first += rows_at_once) {
      control_.throw_if_stopped();
      const std::size_t count = std::min(rows_at_once, rows - first);
      values.resize(count * columns);
      halves.resize(values.size());
      checkpoint_.read_rows(name, first, count, values);
      std::transform(values.begin(), values.end(), halves.begin(), float_to_half);
      for (std::size_t i = 0; i < values.size(); ++i) {
        if ((halves[i] & 0x7C00) != 0x7C00) continue; // the exponent of NaN and infinity
        const std::size_t index = first * columns + i;
        if (!std::isfinite(values[i])) throw non_finite_weight(layer.name, index);
        throw input_error("layer " + layer.name + ": weight " + std::to_string(index) + " is " +
                          std::to_string(values[i]) +
                          ", more than f16 holds; pin the layer to a quantizer, whose codes have scales");
      }
      file_.write(name, std::as_bytes(std::span(halves)));
    }
    file_.finish(name);
  }

  std::shared_ptr<const Rotation> rotation_of(const LinearLayer& layer) const {
    return std::make_shared<const Rotation>(layer.d_in, seed_for(options_.seed, layer.input));
  }

  std::shared_ptr<const HessianFactor> hessian_of(const LinearLayer& layer, QuantizerId id,
                                                  const Rotation& rotation) {
    const bool plain = in_vocabulary(layer) || id.family == QuantizerFamily::f16;
    if (!calibration_ || !calibration_->active() || plain) return nullptr;
    return calibration_->factor(layer, rotation);
  }

  bool finished(const LinearLayer& layer) const {
    if (!file_.has_distortion(layer.name)) return false;
    if (plan_.quantizer_of(layer).family == QuantizerFamily::f16) return file_.finished(weight_name(layer));
    return file_.finished(codes_name(layer)) && file_.finished(row_scales_name(layer)) &&
           file_.finished(signs_name(layer));
  }

  LinearSource source_of(const LinearLayer& layer, QuantizerId id, std::shared_ptr<const Rotation> rotation,
                         const HessianFactor* hessian) const {
    const auto rows = [this, name = layer.name + ".weight"](std::size_t first, std::size_t count,
                                                            std::span<float> to) {
      checkpoint_.read_rows(name, first, count, to);
    };
    return {id, {layer.d_out, layer.d_in}, rotation, layer.name, rows, hessian};
  }

  QuantizedLinear encode(const LinearLayer& layer, const LinearSource& source,
                         const JobControl& control) const {
    const EncodeLinear encode = options_.encode ? options_.encode : EncodeLinear(on_cpu);
    const auto rows = source.hessian ? calibration_->row_factor(layer) : nullptr;
    return rows ? encode_by_strips(source, *rows, encode, control) : encode(source, control);
  }

  void write_layer(const LinearLayer& layer) {
    control_.throw_if_stopped();
    const auto start = std::chrono::steady_clock::now();
    const QuantizerId id = plan_.quantizer_of(layer);
    const double cost = encoding_cost(layer, id);
    LayerDone done{layer.name,     id, file_.distortion(layer.name), file_.proxy_loss(layer.name), 0,
                   finished(layer)};
    if (!done.resumed) {
      control_.report(layer.name, done_, total_);
      const JobControl inner{[&, of_stage = stage(cost)](const Progress& progress) {
                               of_stage.report(layer.name, progress.done, progress.total);
                             },
                             control_.stop};
      const auto rotation = rotation_of(layer);
      const auto hessian = hessian_of(layer, id, *rotation);
      const QuantizedLinear quantized = encode(layer, source_of(layer, id, rotation, hessian.get()), inner);
      // Noted before the codes: a run that stops in between does the layer again.
      file_.note_distortion(layer.name, quantized.distortion, quantized.proxy_loss);
      if (id.family == QuantizerFamily::f16) {
        write_whole<std::byte>(weight_name(layer), quantized.codes);
      } else {
        write_whole<std::uint8_t>(signs_name(layer), rotation->signs());
        write_whole<std::uint16_t>(row_scales_name(layer), quantized.row_scales);
        write_whole<std::byte>(codes_name(layer), quantized.codes);
      }
      done.distortion = quantized.distortion;
      done.proxy_loss = quantized.proxy_loss;
    }
    done.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    done_ += cost;
    control_.report(layer.name, done_, total_);
    if (options_.on_layer) options_.on_layer(done);
  }

  void write_side_files() {
    write_file_atomically(folder_ / "config.json", to_json(checkpoint_.config()).dump(2) + "\n");
    write_tokenizer();
    OrderedJson layers = OrderedJson::object(), checksums = OrderedJson::object();
    for (const LinearLayer* layer : checkpoint_.graph().all_layers()) {
      if (!plan_.layers.contains(layer->name)) continue;
      OrderedJson entry{{"quantizer", to_string(plan_.quantizer_of(*layer))},
                        {"shape", {layer->d_out, layer->d_in}},
                        {"input", layer->input},
                        {"distortion", file_.distortion(layer->name)}};
      if (const auto proxy = file_.proxy_loss(layer->name)) entry["proxy_loss"] = *proxy;
      layers[layer->name] = std::move(entry);
    }
    for (const auto& [name, checksum] : file_.checksums()) checksums[name] = checksum;
    OrderedJson manifest{
        {"format", artifact_format}, {"model", checkpoint_.config().name}, {"seed", options_.seed}};
    write_calibration(manifest);
    manifest["layers"] = layers;
    manifest["crc32"] = checksums;
    write_file_atomically(folder_ / "artifact.json", manifest.dump(2) + "\n");
  }

  void write_calibration(OrderedJson& manifest) const {
    if (!calibration_) {
      manifest["calibration"] = {{"text", "none"}};
      return;
    }
    const OrderedJson record = calibration_->record();
    if (record.contains("tokens")) manifest["calibration_tokens"] = record["tokens"];
    manifest["calibration"] = record;
  }

  // "additional_chat_templates/tool_use.jinja" and the like.
  void copy_named_templates(const fs::path& source) {
    const char* name = "additional_chat_templates";
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(source / name, none)) {
      if (entry.path().extension() != ".jinja") continue;
      fs::create_directories(folder_ / name);
      write_file_atomically(folder_ / name / entry.path().filename(), read_text_file(entry.path()));
    }
  }

  void write_tokenizer() {
    const fs::path source =
        fs::is_directory(checkpoint_.path()) ? checkpoint_.path() : checkpoint_.path().parent_path();
    const bool from_folder = checkpoint_.path().extension() != ".gguf" && !has_gguf_kind();
    if (from_folder) {
      constexpr std::array names{"tokenizer.json",
                                 "tokenizer_config.json",
                                 "special_tokens_map.json",
                                 "tokenizer.model",
                                 "vocab.json",
                                 "merges.txt",
                                 "added_tokens.json",
                                 "chat_template.jinja",
                                 "chat_template.json",
                                 "generation_config.json"};
      for (const char* name : names)
        if (fs::exists(source / name)) write_file_atomically(folder_ / name, read_text_file(source / name));
      copy_named_templates(source);
      return;
    }
    const auto spec = checkpoint_.tokenizer();
    if (!spec) return;
    write_file_atomically(folder_ / "tokenizer.json", to_tokenizer_json(*spec));
    write_file_atomically(folder_ / "tokenizer_config.json", to_tokenizer_config_json(*spec));
  }

  bool has_gguf_kind() const { return checkpoint_.kind().starts_with("GGUF"); }

  const Checkpoint& checkpoint_;
  const Plan& plan_;
  fs::path folder_;
  const QuantizeOptions& options_;
  const JobControl& control_;
  ArtifactLayout layout_;
  PartialFile file_;
  std::optional<CalibrationRun> calibration_;
  double done_ = 0, total_ = 0; // seconds as expected
};

fs::path existing_parent(const fs::path& path) {
  fs::path parent = fs::absolute(path).parent_path();
  while (!fs::exists(parent) && parent.has_relative_path()) parent = parent.parent_path();
  return parent;
}

void sync_folder(const fs::path& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

} // namespace

double calibration_time_factor(const LayerGraph& graph, const Plan& plan, std::size_t tokens,
                               TextAtHand at_hand) {
  double plain = 0,
         calibration = (at_hand == TextAtHand::weighed ? 0 : text_work(weighing_cost, graph, tokens)) +
                       (at_hand == TextAtHand::none ? text_work(sampling_cost, graph, tokens) : 0);
  std::size_t last = 0;
  for (const LinearLayer& layer : graph.linears) {
    plain += encoding_cost(layer, plan.quantizer_of(layer));
    last = std::max(last, layer.block);
  }
  for (std::size_t block = 0; block <= last; ++block) calibration += block_cost(graph, block, tokens);
  return 1 + calibration / plain;
}

void quantize_model(const Checkpoint& checkpoint, const Plan& plan, const fs::path& out,
                    const QuantizeOptions& options, const JobControl& control) {
  if (!checkpoint.has_weights())
    throw input_error(checkpoint.path().string() + ": has no weights to quantize; name the model's folder");
  fs::path final_path = out.lexically_normal();
  if (!final_path.has_filename()) final_path = final_path.parent_path(); // "OUT/"
  if (fs::exists(final_path))
    throw Error(ErrorKind::usage, final_path.string() + ": exists already; choose another name or remove it");
  const fs::path partial = final_path.string() + ".partial";
  try {
    if (!fs::exists(partial))
      require_space(existing_parent(partial), artifact_layout(checkpoint.graph(), plan).file_bytes);
    fs::create_directories(partial);
    QuantizeRun job(checkpoint, plan, partial, options, control); // holds the lock to the end
    job.run();
    sync_folder(partial);
    fs::rename(partial, final_path);
    fs::remove(final_path / journal_name);
    sync_folder(final_path);
    sync_folder(existing_parent(final_path));
  } catch (const fs::filesystem_error& error) {
    throw Error(ErrorKind::resource, final_path.string() + ": cannot be written: " + error.code().message());
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::input) throw; // what was done so far can be resumed
    std::error_code ignored;
    fs::remove_all(partial, ignored); // the model itself is broken
    throw;
  }
}

} // namespace intarsia
