// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/allocation/choices.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/base/error.h"
#include "core/palette/quantized_linear.h"

namespace intarsia {
namespace {

bool family_allowed(const AllocationProblem& problem, QuantizerId id) {
  if (problem.only.empty()) return id.family != QuantizerFamily::f16;
  return problem.only.contains(id.family);
}

// A pin beats every filter; otherwise families and what was forbidden for the layer decide. An embedding and
// a head may always stay as they are.
bool layer_allows(const AllocationProblem& problem, const LinearLayer& layer, QuantizerId id) {
  if (const auto pin = problem.pins.find(layer.name); pin != problem.pins.end()) return pin->second == id;
  const auto forbidden = problem.forbidden.find(layer.name);
  const bool is_forbidden = forbidden != problem.forbidden.end() && forbidden->second.contains(id);
  const bool stays = in_vocabulary(layer) && id.family == QuantizerFamily::f16;
  return (family_allowed(problem, id) || stays) && !is_forbidden;
}

bool has_distortion(const AllocationProblem& problem, QuantizerId id) {
  return problem.distortions.contains(id) || in_palette(id);
}

using Shape = std::pair<std::size_t, std::size_t>; // d_in, d_out
using TimesByShape = std::map<Shape, std::vector<const LatencyEntry*>>;

TimesByShape times_by_shape(const LatencyTable& table) {
  TimesByShape times;
  for (const LatencyEntry& entry : table.entries) times[{entry.d_in, entry.d_out}].push_back(&entry);
  return times;
}

struct Candidate {
  QuantizerId quantizer;
  std::string kernel;
  double seconds;
};

std::vector<Candidate> palette_candidates(const AllocationProblem& problem) {
  const std::string kernel = problem.latency && problem.latency->device_kind == "cuda" ? "cuda-core" : "cpu";
  std::vector<Candidate> candidates;
  for (const Quantizer* member : palette()) candidates.push_back({member->id(), kernel, 0});
  for (const auto& [id, distortion] : problem.distortions)
    if (!in_palette(id)) candidates.push_back({id, kernel, 0});
  return candidates;
}

std::vector<Candidate> table_candidates(const AllocationProblem& problem, const TimesByShape& times,
                                        Shape shape) {
  std::vector<Candidate> candidates;
  const auto found = times.find(shape);
  if (found == times.end()) return candidates;
  for (const LatencyEntry* entry : found->second)
    if (has_distortion(problem, entry->quantizer))
      candidates.push_back({entry->quantizer, entry->kernel, entry->seconds});
  return candidates;
}

Choice cost(const AllocationProblem& problem, const std::vector<LinearLayer>& layers,
            const FusionGroup& group, const Candidate& candidate) {
  Choice choice{0, candidate.quantizer, candidate.kernel, 0, 0, 0, 0};
  // A group's members are read together or not at all: those of one expert.
  choice.seconds = candidate.seconds * layers[group.members[0]].read_share;
  const double distortion = distortion_of(problem, candidate.quantizer);
  for (const std::size_t member : group.members) {
    const LinearLayer& layer = layers[member];
    choice.loss += problem.sensitivity.layers.at(layer.name) * distortion;
    // Stored whole, however seldom it is read.
    choice.bytes += in_palette(candidate.quantizer)
                        ? double(problem.memory->layer_bytes(layer, candidate.quantizer))
                        : linear_bytes_of(candidate.quantizer, layer);
    if (!in_vocabulary(layer)) choice.code_bits += candidate.quantizer.bits() * double(layer.weights());
  }
  return choice;
}

bool dominates(const Choice& a, const Choice& b) {
  return a.loss <= b.loss && a.bytes <= b.bytes && a.code_bits <= b.code_bits && a.seconds <= b.seconds;
}

// Choices that another is at least as good as in every respect can never be needed; of equals the first
// stays.
void drop_dominated(std::vector<Choice>& choices) {
  std::vector<Choice> kept;
  for (const Choice& choice : choices) {
    const auto beaten = [&](const Choice& other) { return dominates(other, choice); };
    if (std::any_of(kept.begin(), kept.end(), beaten)) continue;
    std::erase_if(kept, [&](const Choice& other) { return dominates(choice, other); });
    kept.push_back(choice);
  }
  choices = std::move(kept);
}

void check_problem(const AllocationProblem& problem) {
  for (const LinearLayer& layer : problem.graph.linears)
    if (!problem.sensitivity.layers.contains(layer.name))
      throw input_error("the sensitivity has no value for layer \"" + layer.name +
                        "\"; it belongs to another model");
  for (const auto& [name, id] : problem.pins) {
    const LinearLayer* layer = problem.graph.find(name);
    if (!layer)
      throw Error(ErrorKind::usage, "cannot pin \"" + name +
                                        "\": the model has no such layer; names look like " +
                                        problem.graph.linears.front().name);
    if (!problem.sensitivity.layers.contains(name))
      throw Error(ErrorKind::usage, "cannot pin \"" + name +
                                        "\": the sensitivity has no value for it; estimate it again with "
                                        "`intarsia sensitivity`");
    if (!has_distortion(problem, id)) quantizer(id); // throws, listing the palette
  }
}

std::string no_candidate(const AllocationProblem& problem, const LinearLayer& layer) {
  const std::string shape = std::to_string(layer.d_in) + " x " + std::to_string(layer.d_out);
  if (const auto pin = problem.pins.find(layer.name); pin != problem.pins.end())
    return "layer \"" + layer.name + "\" is pinned to " + to_string(pin->second) +
           ", which the latency table does not have for its shape " + shape;
  if (problem.latency)
    return "the latency table has no usable entry for layer \"" + layer.name + "\" of shape " + shape +
           "; measure it with `intarsia profile` or use the table of this model";
  return "layer \"" + layer.name + "\" has no quantizer left to choose from: allow one again";
}

} // namespace

bool in_palette(QuantizerId id) {
  const auto members = palette();
  return std::any_of(members.begin(), members.end(), [id](const auto* member) { return member->id() == id; });
}

double distortion_of(const AllocationProblem& problem, QuantizerId id) {
  const auto found = problem.distortions.find(id);
  return found != problem.distortions.end() ? found->second : quantizer(id).distortion();
}

double linear_bytes_of(QuantizerId id, const LinearLayer& layer) {
  const MatrixShape shape{layer.d_out, layer.d_in};
  if (in_palette(id)) return double(quantized_linear_bytes(id, shape));
  return std::ceil(id.bits() * double(shape.size()) / 8) + 2 * double(layer.d_out);
}

ChoiceTable build_choices(const AllocationProblem& problem) {
  check_problem(problem);
  ChoiceTable table;
  table.layers = problem.graph.linears;
  std::vector<FusionGroup> groups = fusion_groups(problem.graph);
  for (const LinearLayer* layer : problem.graph.vocabulary_layers())
    if (problem.sensitivity.layers.contains(layer->name)) {
      groups.push_back({{table.layers.size()}});
      table.layers.push_back(*layer);
    }
  table.weights = double(problem.graph.linear_weights());
  TimesByShape times;
  if (problem.latency) {
    times = times_by_shape(*problem.latency);
    table.constant_seconds = problem.latency->constant_seconds;
  }
  const auto everything = palette_candidates(problem);
  for (FusionGroup& group : groups) {
    const bool fused = group.members.size() > 1;
    if (fused && (!problem.latency || !problem.allow_fusion)) continue;
    const LinearLayer& first = table.layers[group.members[0]];
    std::size_t d_out = 0;
    for (const std::size_t member : group.members) d_out += table.layers[member].d_out;
    // A latency table's constant holds the head's time and the embedding's.
    const bool timed = problem.latency && !in_vocabulary(first);
    std::vector<Choice> choices;
    for (const Candidate& candidate :
         timed ? table_candidates(problem, times, {first.d_in, d_out}) : everything) {
      const auto allows = [&](std::size_t member) {
        return layer_allows(problem, table.layers[member], candidate.quantizer);
      };
      if (std::all_of(group.members.begin(), group.members.end(), allows))
        choices.push_back(cost(problem, table.layers, group, candidate));
    }
    if (choices.empty() && !fused) throw Error(ErrorKind::input, no_candidate(problem, first));
    if (choices.empty()) continue;
    drop_dominated(choices);
    for (Choice& choice : choices) choice.group = table.groups.size();
    table.choices.insert(table.choices.end(), choices.begin(), choices.end());
    table.groups.push_back(std::move(group));
  }
  return table;
}

} // namespace intarsia
