// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/checkpoint/weight_files.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/checkpoint/part_name.h"

namespace intarsia {
namespace {

namespace fs = std::filesystem;

constexpr const char* index_name = "model.safetensors.index.json";

// Inside the folder, or below it; an index cannot point elsewhere.
bool stays_below(const fs::path& name) {
  if (name.empty() || name.is_absolute() || !name.has_filename()) return false;
  return std::none_of(name.begin(), name.end(), [](const fs::path& part) { return part == ".."; });
}

WeightFiles files_of_index(const fs::path& index) {
  const Json json = read_json_file(index);
  const JsonObject map = JsonObject(json, index.string()).object("weight_map");
  std::set<fs::path> names;
  for (const auto& [tensor, file] : map.json().items()) {
    const std::string name = map.string(tensor);
    if (!stays_below(name))
      throw input_error(map.origin() + ": \"" + name +
                        "\" is no plain file name, nor a path below the folder");
    names.insert(fs::path(name).lexically_normal());
  }
  WeightFiles found;
  for (const fs::path& name : names) {
    const fs::path file = index.parent_path() / name;
    (fs::exists(file) ? found.files : found.absent).push_back(file);
  }
  if (found.files.empty() && !found.absent.empty())
    throw Error(ErrorKind::resource, found.absent.front().string() + ": is missing, though " + index_name +
                                         " names it; download the weights too");
  return found;
}

// Parts of a numbered set that are not there.
void note_absent_parts(const fs::path& folder, WeightFiles& found) {
  const auto last = part_name(found.files.back());
  if (!last || last->count > 4096) return;
  for (std::uint64_t number = 1; number <= last->count; ++number)
    if (const fs::path part = part_path(folder, *last, number); !fs::exists(part))
      found.absent.push_back(part);
}

std::string adapter_sentence(const fs::path& folder) {
  std::string base;
  try {
    const Json json = read_json_file(folder / "adapter_config.json");
    base = JsonObject(json, "adapter_config.json").string_or("base_model_name_or_path", "");
  } catch (const Error&) { // it is one all the same
  }
  return "holds an adapter (PEFT, LoRA)" + (base.empty() ? "" : " of \"" + base + "\"") +
         ", not a model; merge it into its base model in Python: "
         "peft.AutoPeftModelForCausalLM.from_pretrained"
         "(\"FOLDER\").merge_and_unload().save_pretrained(\"NEW_FOLDER\")";
}

struct OtherFormat {
  std::string_view ending;
  std::string_view what;
};

constexpr std::string_view convert_pytorch =
    "holds PyTorch checkpoints (.bin, .pt, .pth), which run code when they are read; convert them to "
    "safetensors in "
    "Python: transformers.AutoModelForCausalLM.from_pretrained(\"FOLDER\").save_pretrained(\"NEW_FOLDER\")";
constexpr std::string_view unfinished = "holds a download that is not finished; download the model again";

// In order of what says most.
constexpr std::array other_formats{
    OtherFormat{"consolidated.safetensors",
                "holds only consolidated.safetensors, whose tensors have Mistral's own names; download the "
                "model-*.safetensors of the same repository"},
    OtherFormat{".incomplete", unfinished},
    OtherFormat{".part", unfinished},
    OtherFormat{".crdownload", unfinished},
    OtherFormat{".aria2", unfinished},
    OtherFormat{".bin", convert_pytorch},
    OtherFormat{".pt", convert_pytorch},
    OtherFormat{".pth", convert_pytorch},
    OtherFormat{".ckpt", convert_pytorch},
    OtherFormat{".msgpack", "holds Flax weights (.msgpack); download the model as safetensors"},
    OtherFormat{".h5", "holds TensorFlow weights (.h5); download the model as safetensors"},
    OtherFormat{".onnx", "holds an ONNX model; download the model as safetensors or GGUF"},
    OtherFormat{".npz", "holds NumPy arrays (.npz); download the model as safetensors"},
};

} // namespace

bool is_weight_file(const fs::path& file) {
  const std::string name = file.filename().string();
  if (file.extension() != ".safetensors" || name.starts_with("._")) return false;
  return !name.starts_with("adapter_") && !name.starts_with("consolidated") && !name.starts_with("optimizer");
}

std::string other_content_of(const fs::path& folder) {
  if (fs::exists(folder / "adapter_config.json")) return adapter_sentence(folder);
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
  for (const OtherFormat& format : other_formats)
    if (std::any_of(names.begin(), names.end(), [&](const std::string& name) {
          return name.ends_with(format.ending) && name != "training_args.bin";
        }))
      return std::string(format.what);
  return {};
}

WeightFiles weight_files(const fs::path& folder) {
  const fs::path whole = folder / "model.safetensors";
  if (fs::exists(fs::symlink_status(whole))) return {{whole}, {}};
  if (fs::exists(folder / index_name)) return files_of_index(folder / index_name);
  WeightFiles found;
  for (const auto& entry : fs::directory_iterator(folder))
    if (is_weight_file(entry.path())) found.files.push_back(entry.path());
  std::sort(found.files.begin(), found.files.end());
  if (found.files.empty()) {
    const std::string other = other_content_of(folder);
    throw input_error(folder.string() + ": " +
                      (other.empty()
                           ? "holds a config.json but no .safetensors file; download the weights too, or "
                             "name the config.json itself to plan without them"
                           : other));
  }
  note_absent_parts(folder, found);
  return found;
}

} // namespace intarsia
