// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/allocation/heatmap_view.h"

#include <QContextMenuEvent>
#include <QHelpEvent>
#include <QKeyEvent>
#include <QMenu>
#include <QStyle>
#include <QToolTip>
#include <QVariantAnimation>
#include <algorithm>
#include <cmath>

#include "ui/allocation/quantizer_menu.h"
#include "ui/theme/theme.h"

namespace intarsia::ui {
namespace {

constexpr int fade_milliseconds = 120;
constexpr double fewest_visible_blocks = 4;
constexpr int low = 200; // pixels

} // namespace

HeatmapView::HeatmapView(QWidget* parent)
    : QCustomPlot(parent)
    , cells_(new CellPlottable(xAxis, yAxis))
    , fade_(new QVariantAnimation(this)) {
  setObjectName(QStringLiteral("heatmap"));
  setAccessibleName(tr("Allocation heatmap: blocks across, linears down"));
  setFocusPolicy(Qt::StrongFocus);
  setMouseTracking(true);
  setMinimumHeight(104);
  yAxis->setRangeReversed(true);
  setInteractions(QCP::iRangeDrag | QCP::iRangeZoom);
  axisRect()->setRangeDrag(Qt::Horizontal);
  axisRect()->setRangeZoom(Qt::Horizontal);
  for (QCPAxis* axis : {xAxis, yAxis}) {
    axis->grid()->setVisible(false);
    axis->setTickLength(0);
    axis->setSubTicks(false);
  }
  connect(xAxis, qOverload<const QCPRange&>(&QCPAxis::rangeChanged), this, &HeatmapView::keep_range_inside);
  fade_->setStartValue(0.0);
  fade_->setEndValue(1.0);
  fade_->setDuration(fade_milliseconds);
  connect(fade_, &QVariantAnimation::valueChanged, this, [this](const QVariant& value) {
    cells_->set_blend(value.toDouble());
    replot(QCustomPlot::rpQueuedReplot);
  });
  apply_theme();
}

void HeatmapView::set_grid(const AllocationGrid& grid) {
  const bool same_shape = grid.blocks == grid_.blocks && grid.roles == grid_.roles;
  grid_ = grid;
  if (!same_shape) {
    focus_ = anchor_ = {};
    selection_.clear();
    cells_->set_selection({});
    label_axes();
    show_whole_grid();
  }
  for (QCPAxis* axis : {xAxis, yAxis}) axis->setTickLabels(!grid_.empty());
  name_axis();
  refresh_cells(same_shape);
}

void HeatmapView::set_doubt(bool provisional, bool old) {
  cells_->set_doubt(provisional, old);
  replot(QCustomPlot::rpQueuedReplot);
}

void HeatmapView::set_quantity(CellQuantity quantity) {
  quantity_ = quantity;
  refresh_cells(true);
}

void HeatmapView::refresh_cells(bool fade) {
  fade_->stop();
  cells_->set_grid(grid_, quantity_);
  const bool animate = fade && isVisible() && style()->styleHint(QStyle::SH_Widget_Animation_Duration) > 0;
  cells_->set_blend(animate ? 0 : 1);
  if (animate) fade_->start();
  refresh_focus();
}

void HeatmapView::refresh_focus() {
  cells_->set_focus(focus_, !grid_.empty());
  if (!grid_.empty()) {
    const auto& cell = grid_.at(std::size_t(focus_.row), std::size_t(focus_.block));
    setAccessibleDescription(describe(cell));
  }
  replot(QCustomPlot::rpQueuedReplot);
}

void HeatmapView::label_axes() {
  auto rows = QSharedPointer<QCPAxisTickerText>::create();
  for (std::size_t row = 0; row < grid_.roles.size(); ++row)
    rows->addTick(double(row), QString::fromUtf8(role_name(grid_.roles[row]).data(),
                                                 qsizetype(role_name(grid_.roles[row]).size())));
  yAxis->setTicker(rows);
  auto blocks = QSharedPointer<QCPAxisTickerFixed>::create();
  blocks->setTickStep(1);
  blocks->setScaleStrategy(QCPAxisTickerFixed::ssMultiples);
  xAxis->setTicker(blocks);
  yAxis->setRange(-0.5, double(grid_.roles.size()) - 0.5);
}

void HeatmapView::show_whole_grid() { xAxis->setRange(-0.5, double(grid_.blocks) - 0.5); }

void HeatmapView::keep_range_inside(const QCPRange& range) {
  const double blocks = double(std::max<std::size_t>(grid_.blocks, 1));
  const double size = std::clamp(range.size(), std::min(fewest_visible_blocks, blocks), blocks);
  const double lower = std::clamp(range.lower, -0.5, blocks - 0.5 - size);
  if (lower != range.lower || lower + size != range.upper) xAxis->setRange(lower, lower + size);
}

void HeatmapView::set_focus_position(GridPosition position) {
  if (grid_.empty()) return;
  position.row = std::clamp(position.row, 0, int(grid_.roles.size()) - 1);
  position.block = std::clamp(position.block, 0, int(grid_.blocks) - 1);
  focus_ = position;
  const QCPRange shown = xAxis->range();
  if (position.block - 0.5 < shown.lower)
    xAxis->setRange(position.block - 0.5, position.block - 0.5 + shown.size());
  if (position.block + 0.5 > shown.upper)
    xAxis->setRange(position.block + 0.5 - shown.size(), position.block + 0.5);
  refresh_focus();
  emit focus_moved(grid_.at(std::size_t(position.row), std::size_t(position.block)).layer);
}

QPoint HeatmapView::cell_centre(GridPosition position) const {
  return QPointF(xAxis->coordToPixel(position.block), yAxis->coordToPixel(position.row)).toPoint();
}

std::optional<GridPosition> HeatmapView::position_at(const QPointF& pixel) const {
  const int block = int(std::lround(xAxis->pixelToCoord(pixel.x())));
  const int row = int(std::lround(yAxis->pixelToCoord(pixel.y())));
  const bool inside = axisRect()->rect().contains(pixel.toPoint()) && row >= 0 && block >= 0 &&
                      row < int(grid_.roles.size()) && block < int(grid_.blocks);
  if (!inside) return std::nullopt;
  return GridPosition{row, block};
}

void HeatmapView::extend_selection(GridPosition to) {
  selection_.clear();
  for (int row = std::min(anchor_.row, to.row); row <= std::max(anchor_.row, to.row); ++row)
    for (int block = std::min(anchor_.block, to.block); block <= std::max(anchor_.block, to.block); ++block)
      selection_.insert({row, block});
  cells_->set_selection(selection_);
}

void HeatmapView::select_row(int row) {
  anchor_ = {row, 0};
  extend_selection({row, int(grid_.blocks) - 1});
  refresh_focus();
}

std::vector<std::string> HeatmapView::target_layers() const {
  std::vector<std::string> layers;
  const auto add = [&](GridPosition at) {
    const auto& cell = grid_.at(std::size_t(at.row), std::size_t(at.block));
    if (cell.experts)
      layers.insert(layers.end(), cell.experts->layers.begin(), cell.experts->layers.end());
    else if (!cell.layer.empty())
      layers.push_back(cell.layer);
  };
  if (selection_.empty())
    add(focus_);
  else
    for (const GridPosition& position : selection_) add(position);
  return layers;
}

void HeatmapView::keyPressEvent(QKeyEvent* event) {
  if (grid_.empty()) return QCustomPlot::keyPressEvent(event);
  GridPosition next = focus_;
  switch (event->key()) {
  case Qt::Key_Left:
    --next.block;
    break;
  case Qt::Key_Right:
    ++next.block;
    break;
  case Qt::Key_Up:
    --next.row;
    break;
  case Qt::Key_Down:
    ++next.row;
    break;
  case Qt::Key_Home:
    next.block = 0;
    break;
  case Qt::Key_End:
    next.block = int(grid_.blocks) - 1;
    break;
  case Qt::Key_R:
    return select_row(focus_.row);
  case Qt::Key_P:
    return open_menu(mapToGlobal(cell_centre(focus_)));
  case Qt::Key_Delete:
    emit unpin_requested(target_layers());
    return;
  case Qt::Key_Plus:
    xAxis->scaleRange(0.8, focus_.block);
    return replot();
  case Qt::Key_Minus:
    xAxis->scaleRange(1.25, focus_.block);
    return replot();
  case Qt::Key_0:
    show_whole_grid();
    return replot();
  default:
    return QCustomPlot::keyPressEvent(event);
  }
  const bool extend = event->modifiers() & Qt::ShiftModifier;
  if (!extend) {
    anchor_ = next;
    selection_.clear();
    cells_->set_selection({});
  }
  set_focus_position(next);
  if (extend) {
    extend_selection(focus_);
    refresh_focus();
  }
}

void HeatmapView::mousePressEvent(QMouseEvent* event) {
  const auto position = position_at(event->position());
  if (position && event->button() == Qt::LeftButton) {
    if (event->modifiers() & Qt::ShiftModifier) {
      extend_selection(*position);
    } else {
      anchor_ = *position;
      selection_.clear();
      cells_->set_selection({});
    }
    set_focus_position(*position);
  }
  QCustomPlot::mousePressEvent(event);
}

void HeatmapView::mouseMoveEvent(QMouseEvent* event) {
  setCursor(position_at(event->position()) ? Qt::PointingHandCursor : Qt::ArrowCursor);
  QCustomPlot::mouseMoveEvent(event);
}

void HeatmapView::mouseDoubleClickEvent(QMouseEvent*) {
  show_whole_grid();
  replot();
}

bool HeatmapView::event(QEvent* event) {
  if (event->type() == QEvent::ToolTip) {
    auto* help = static_cast<QHelpEvent*>(event);
    if (const auto at = position_at(help->pos()))
      QToolTip::showText(help->globalPos(), describe(grid_.at(std::size_t(at->row), std::size_t(at->block))),
                         this);
    else
      QToolTip::hideText();
    return true;
  }
  return QCustomPlot::event(event);
}

QString HeatmapView::describe(const AllocationCell& cell) const {
  if (cell.layer.empty()) return {};
  QStringList lines{layer_text(cell)};
  if (cell.quantizer) {
    lines << tr("%1, %2 kernel").arg(quantizer_text(cell), QString::fromStdString(cell.kernel));
    if (cell.experts) lines << cell_value_text(cell, CellQuantity::bits);
    lines << tr("Size: %1").arg(cell_value_text(cell, CellQuantity::bytes));
    lines << tr("Distortion: %1").arg(cell_value_text(cell, CellQuantity::distortion));
  }
  if (cell.sensitivity) lines << tr("Sensitivity: %1").arg(cell_value_text(cell, CellQuantity::sensitivity));
  if (cell.quantizer && cell.sensitivity) lines << cell_value_text(cell, CellQuantity::loss_share);
  if (cell.pin) lines << tr("Pinned to %1").arg(QString::fromStdString(to_string(*cell.pin)));
  return lines.join(QLatin1Char('\n'));
}

void HeatmapView::contextMenuEvent(QContextMenuEvent* event) {
  if (grid_.empty()) return;
  if (event->reason() == QContextMenuEvent::Mouse) {
    const auto position = position_at(event->pos());
    if (!position) return;
    if (!selection_.contains(*position)) {
      selection_.clear();
      cells_->set_selection({});
      set_focus_position(*position);
    }
  }
  open_menu(event->reason() == QContextMenuEvent::Mouse ? event->globalPos()
                                                        : mapToGlobal(cell_centre(focus_)));
}

void HeatmapView::open_menu(const QPoint& global) {
  const auto layers = target_layers();
  auto* menu = new QMenu(this);
  menu->setAttribute(Qt::WA_DeleteOnClose);
  menu->setObjectName(QStringLiteral("cellMenu"));
  add_quantizers(*menu->addMenu(tr("Pin to")), quantizers_,
                 [=, this](QuantizerId id) { emit pin_requested(layers, id); });
  add_quantizers(*menu->addMenu(tr("Forbid")), quantizers_,
                 [=, this](QuantizerId id) { emit forbid_requested(layers, id); });
  connect(menu->addAction(tr("Unpin and allow all")), &QAction::triggered, this,
          [=, this] { emit unpin_requested(layers); });
  menu->addSeparator();
  const int row = focus_.row;
  connect(menu->addAction(tr("Select row")), &QAction::triggered, this, [=, this] { select_row(row); });
  menu->popup(global);
}

void HeatmapView::apply_theme() {
  const Theme theme = Theme::of(palette());
  setBackground(theme.card);
  QFont font = this->font();
  font.setPixelSize(std::max(9, fontInfo().pixelSize() - 2));
  cells_->set_style({theme.track, theme.bridge, theme.accent, theme.accent, theme.border, theme.card, font});
  for (QCPAxis* axis : {xAxis, yAxis}) {
    axis->setBasePen(Qt::NoPen);
    axis->setTickPen(Qt::NoPen);
    axis->setTickLabelColor(theme.muted);
    axis->setLabelColor(theme.muted);
    axis->setTickLabelFont(font);
    axis->setLabelFont(font);
  }
  refresh_cells(false);
}

void HeatmapView::changeEvent(QEvent* event) {
  if (event->type() == QEvent::PaletteChange || event->type() == QEvent::FontChange) apply_theme();
  QCustomPlot::changeEvent(event);
}

// A low map keeps its room for the cells.
void HeatmapView::resizeEvent(QResizeEvent* event) {
  name_axis();
  QCustomPlot::resizeEvent(event);
}

void HeatmapView::name_axis() { xAxis->setLabel(grid_.empty() || height() < low ? QString() : tr("block")); }

void HeatmapView::focusInEvent(QFocusEvent* event) {
  QCustomPlot::focusInEvent(event);
  refresh_focus();
}

void HeatmapView::focusOutEvent(QFocusEvent* event) {
  QCustomPlot::focusOutEvent(event);
  refresh_focus();
}

} // namespace intarsia::ui
