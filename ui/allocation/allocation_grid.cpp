// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/allocation/allocation_grid.h"

#include <QCoreApplication>
#include <QLocale>
#include <QRegularExpression>
#include <algorithm>
#include <cmath>

#include "core/palette/quantized_linear.h"
#include "core/palette/quantizer.h"

namespace intarsia::ui {
namespace {

QString tr(const char* text) { return QCoreApplication::translate("AllocationGrid", text); }

constexpr double loss_share_floor = 1e-4, distortion_floor = 1e-5, distortion_ceiling = 0.2;

// What a cell has room for: no powers of ten.
QString short_number(double value) {
  const QLocale locale;
  if (value == 0) return locale.toString(0);
  if (value < 0.001) return tr("<%1").arg(locale.toString(0.001));
  if (value >= 100) return locale.toString(value, 'f', 0);
  return locale.toString(value, 'g', value >= 0.1 ? 2 : 1);
}

AllocationCell cell_of(const LinearLayer& linear, const GridInputs& inputs) {
  AllocationCell cell;
  cell.layer = linear.name;
  cell.role = linear.role;
  cell.block = linear.block;
  cell.d_in = linear.d_in;
  cell.d_out = linear.d_out;
  if (const auto pin = inputs.pins.find(linear.name); pin != inputs.pins.end()) cell.pin = pin->second;
  if (const auto forbidden = inputs.forbidden.find(linear.name); forbidden != inputs.forbidden.end())
    cell.forbidden = forbidden->second;
  if (inputs.sensitivity) {
    const auto found = inputs.sensitivity->layers.find(linear.name);
    if (found != inputs.sensitivity->layers.end()) cell.sensitivity = found->second;
  }
  return cell;
}

void add_plan(AllocationCell& cell, const Plan& plan, const std::map<std::string_view, int>& fusions) {
  const auto planned = plan.layers.find(cell.layer);
  if (planned == plan.layers.end()) return;
  cell.quantizer = planned->second.quantizer;
  cell.kernel = planned->second.kernel;
  cell.bytes = quantized_linear_bytes(*cell.quantizer, {cell.d_out, cell.d_in});
  for (const Quantizer* candidate : palette())
    if (candidate->id() == *cell.quantizer) cell.distortion = candidate->distortion();
  if (cell.sensitivity) cell.loss = *cell.sensitivity * cell.distortion;
  if (const auto group = fusions.find(cell.layer); group != fusions.end()) cell.fusion = group->second;
}

std::map<std::string_view, int> fusions_by_layer(const Plan* plan) {
  std::map<std::string_view, int> fusions;
  if (plan)
    for (std::size_t group = 0; group < plan->fusions.size(); ++group)
      for (const std::string& member : plan->fusions[group]) fusions[member] = int(group);
  return fusions;
}

ExpertSpread spread_of(const AllocationCell& cell) {
  ExpertSpread spread{{cell.layer}, cell.quantizer ? 1u : 0u, cell.quantizer, 0};
  if (cell.quantizer) spread.mean_bits = cell.quantizer->bits();
  return spread;
}

// Another expert joins the cell.
void join(AllocationCell& cell, const AllocationCell& other) {
  if (!cell.experts) cell.experts = spread_of(cell);
  ExpertSpread& spread = *cell.experts;
  spread.layers.push_back(other.layer);
  if (cell.pin != other.pin) cell.pin.reset();
  std::erase_if(cell.forbidden, [&](QuantizerId id) { return !other.forbidden.contains(id); });
  cell.fusion = -1; // an expert may be fused, not the cell
  cell.bytes += other.bytes;
  cell.loss += other.loss;
  if (other.sensitivity) cell.sensitivity = cell.sensitivity.value_or(0) + *other.sensitivity;
  if (!other.quantizer) return;
  const double bits = other.quantizer->bits();
  if (!cell.quantizer || bits < cell.quantizer->bits()) cell.quantizer = other.quantizer;
  if (!spread.most || bits > spread.most->bits()) spread.most = other.quantizer;
  ++spread.planned;
  spread.mean_bits += (bits - spread.mean_bits) / double(spread.planned);
  if (cell.sensitivity && *cell.sensitivity > 0)
    cell.distortion = cell.loss / *cell.sensitivity;
  else
    cell.distortion = std::max(cell.distortion, other.distortion);
}

void find_bits(AllocationGrid& grid, const std::set<QuantizerFamily>& families) {
  double low = 8, high = 0;
  for (const Quantizer* member : palette()) {
    const QuantizerId id = member->id();
    if (id.family == QuantizerFamily::f16 || (!families.empty() && !families.contains(id.family))) continue;
    low = std::min(low, id.bits());
    high = std::max(high, id.bits());
  }
  if (high <= low) return;
  grid.lowest_bits = low;
  grid.highest_bits = high;
}

} // namespace

AllocationGrid build_allocation_grid(const GridInputs& inputs) {
  AllocationGrid grid;
  for (const auto& linear : inputs.graph.linears) {
    grid.blocks = std::max(grid.blocks, linear.block + 1);
    if (std::find(grid.roles.begin(), grid.roles.end(), linear.role) == grid.roles.end())
      grid.roles.push_back(linear.role);
  }
  std::sort(grid.roles.begin(), grid.roles.end());
  grid.cells.resize(grid.roles.size() * grid.blocks);
  find_bits(grid, inputs.families);
  double total_loss = 0;
  const auto fusions = fusions_by_layer(inputs.plan);
  for (const auto& linear : inputs.graph.linears) {
    const auto row = std::find(grid.roles.begin(), grid.roles.end(), linear.role) - grid.roles.begin();
    AllocationCell& place = grid.cells[std::size_t(row) * grid.blocks + linear.block];
    AllocationCell cell = cell_of(linear, inputs);
    if (inputs.plan) add_plan(cell, *inputs.plan, fusions);
    total_loss += cell.loss;
    if (place.layer.empty())
      place = std::move(cell);
    else
      join(place, cell);
  }
  if (total_loss > 0)
    for (auto& cell : grid.cells) cell.loss_share = cell.loss / total_loss;
  return grid;
}

QString layer_text(const AllocationCell& cell) {
  QString name = QString::fromStdString(cell.layer);
  if (cell.experts)
    name.replace(QRegularExpression(QStringLiteral("\\.[0-9]+\\.(?!.*\\.[0-9]+\\.)")), QStringLiteral(".*."));
  return name;
}

QString quantizer_text(const AllocationCell& cell) {
  if (!cell.quantizer) return {};
  const QString least = QString::fromStdString(to_string(*cell.quantizer));
  if (!cell.experts || !cell.experts->most || *cell.experts->most == *cell.quantizer) return least;
  return tr("%1 to %2").arg(least, QString::fromStdString(to_string(*cell.experts->most)));
}

std::optional<double> cell_value(const AllocationCell& cell, CellQuantity quantity) {
  if (quantity == CellQuantity::sensitivity) return cell.sensitivity;
  if (!cell.quantizer) return std::nullopt;
  switch (quantity) {
  case CellQuantity::bits:
    return cell.experts ? cell.experts->mean_bits : cell.quantizer->bits();
  case CellQuantity::distortion:
    return cell.distortion;
  case CellQuantity::loss_share:
    return cell.sensitivity ? std::optional<double>(cell.loss_share) : std::nullopt;
  case CellQuantity::bytes:
    return double(cell.bytes);
  case CellQuantity::sensitivity:
    break;
  }
  return std::nullopt;
}

QString cell_value_text(const AllocationCell& cell, CellQuantity quantity) {
  const auto value = cell_value(cell, quantity);
  if (!value) return tr("Not known yet");
  const QLocale locale;
  switch (quantity) {
  case CellQuantity::bits:
    if (cell.experts)
      return tr("%1 bits on average of %2 experts")
          .arg(locale.toString(*value, 'g', 3))
          .arg(cell.experts->layers.size());
    return tr("%1 bits").arg(locale.toString(*value, 'g', 4));
  case CellQuantity::sensitivity:
    return tr("%1 nats per token").arg(locale.toString(*value, 'g', 3));
  case CellQuantity::distortion:
    return locale.toString(*value, 'g', 3);
  case CellQuantity::loss_share:
    return tr("%1 %") // in one line of the inspector, also at its narrowest
        .arg(*value >= 0.995 ? locale.toString(100 * *value, 'f', 0) : locale.toString(100 * *value, 'g', 2));
  case CellQuantity::bytes:
    return locale.formattedDataSize(qint64(*value), 1);
  }
  return {};
}

QString cell_short_text(const AllocationCell& cell, CellQuantity quantity) {
  const auto value = cell_value(cell, quantity);
  if (!value) return {};
  const QLocale locale;
  switch (quantity) {
  case CellQuantity::bits:
    return locale.toString(*value, 'g', 3);
  case CellQuantity::loss_share:
    return short_number(100 * *value);
  case CellQuantity::bytes:
    return short_number(*value / (1 << 20));
  case CellQuantity::sensitivity:
  case CellQuantity::distortion:
    return short_number(*value);
  }
  return {};
}

QString quantity_name(CellQuantity quantity) {
  switch (quantity) {
  case CellQuantity::bits:
    return tr("Bits");
  case CellQuantity::sensitivity:
    return tr("Sensitivity");
  case CellQuantity::distortion:
    return tr("Distortion");
  case CellQuantity::loss_share:
    return tr("Loss share");
  case CellQuantity::bytes:
    return tr("Bytes");
  }
  return {};
}

double ColourRange::position(double value) const {
  double t = 0;
  if (logarithmic)
    t = value <= low ? 0 : std::log(value / low) / std::log(high / low);
  else
    t = (value - low) / (high - low);
  return std::clamp(t, 0.0, 1.0);
}

ColourRange colour_range(const AllocationGrid& grid, CellQuantity quantity) {
  switch (quantity) {
  case CellQuantity::bits:
    return {grid.lowest_bits, grid.highest_bits, false}; // f16 shows as the top colour
  case CellQuantity::distortion:
    return {distortion_floor, distortion_ceiling, true};
  case CellQuantity::loss_share:
    return {loss_share_floor, 1, true};
  case CellQuantity::bytes: {
    double largest = 1;
    for (const auto& cell : grid.cells)
      largest = std::max(largest, double(cell.d_in) * double(cell.d_out) *
                                      double(cell.experts ? cell.experts->layers.size() : 1));
    return {0, largest, false}; // a byte a weight: the palette's 8 bits
  }
  case CellQuantity::sensitivity:
    break;
  }
  double low = 0, high = 0;
  for (const auto& cell : grid.cells) {
    const double value = cell.sensitivity.value_or(0);
    if (value <= 0) continue;
    low = low == 0 ? value : std::min(low, value);
    high = std::max(high, value);
  }
  if (high <= low) return {1e-6, 1, true};
  return {low, high, true};
}

} // namespace intarsia::ui
