// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include <cmath>
#include <memory>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/palette/members.h"
#include "core/palette/quantizer.h"

namespace intarsia {
namespace {

std::vector<std::unique_ptr<Quantizer>> make_members() {
  std::vector<std::unique_ptr<Quantizer>> members;
  for (int bits = 2; bits <= 8; ++bits) members.push_back(make_nuq(bits));
  for (int half_bits = 3; half_bits <= 12; ++half_bits) members.push_back(make_vq(half_bits));
  for (int quarters = 6; quarters <= 20; ++quarters) members.push_back(make_tcq(quarters));
  for (int quarters = 7; quarters <= 19; ++quarters) members.push_back(make_half_tcq(quarters));
  members.push_back(make_f16());
  return members;
}

} // namespace

void Quantizer::copy_strip(std::span<const std::byte> from, std::size_t from_strip, std::span<std::byte> to,
                           std::size_t to_strip, std::size_t columns) const {
  const std::uint64_t row_bytes = code_bytes({1, columns});
  for (std::size_t i = 0; i < strip_rows; ++i)
    std::ranges::copy(from.subspan(row_of_strip(from_strip, i) * row_bytes, row_bytes),
                      to.begin() + std::ptrdiff_t(row_of_strip(to_strip, i) * row_bytes));
}

const std::vector<const Quantizer*>& palette() {
  static const auto members = make_members();
  static const auto pointers = [] {
    std::vector<const Quantizer*> list;
    for (const auto& member : members) list.push_back(member.get());
    return list;
  }();
  return pointers;
}

std::set<QuantizerFamily> default_families() {
  std::set<QuantizerFamily> families;
  for (const Quantizer* member : palette())
    if (member->id().family != QuantizerFamily::f16) families.insert(member->id().family);
  return families;
}

const Quantizer& quantizer(QuantizerId id) {
  for (const Quantizer* member : palette())
    if (member->id() == id) return *member;
  std::string known;
  for (const Quantizer* member : palette()) known += (known.empty() ? "" : ", ") + to_string(member->id());
  throw Error(ErrorKind::usage, "this build has no quantizer \"" + to_string(id) + "\"; it has " + known);
}

double distortion_bound(double bits) { return std::exp2(-2 * bits); }
double gap_db(double distortion, double bits) { return 10 * std::log10(distortion / distortion_bound(bits)); }

double measure_distortion(const Quantizer& quantizer, std::size_t samples, std::uint64_t seed,
                          const JobControl& control) {
  constexpr std::size_t columns = 1024, rows_at_once = 256;
  // Whole groups of rows: padding would be coded too, at the cost of nobody.
  const std::size_t together = quantizer.row_granularity();
  const std::size_t rows = (samples + columns * together - 1) / (columns * together) * together;
  Random random(seed);
  double error = 0, energy = 0;
  for (std::size_t first = 0; first < rows; first += rows_at_once) {
    control.throw_if_stopped();
    const MatrixShape shape{std::min(rows_at_once, rows - first), columns};
    std::vector<float> weights(shape.size()), decoded(shape.size());
    for (float& weight : weights) weight = random.normal();
    std::vector<std::byte> codes(quantizer.code_bytes(shape));
    quantizer.encode(weights, shape, codes, {{}, control.stop});
    quantizer.decode(codes, shape, 0, shape.rows, decoded);
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const double difference = double(weights[i]) - decoded[i];
      error += difference * difference;
      energy += double(weights[i]) * weights[i];
    }
    control.report(to_string(quantizer.id()), double(first + shape.rows), double(rows));
  }
  return error / energy;
}

} // namespace intarsia
