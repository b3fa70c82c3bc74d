// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/allocation/frontier_view.h"

#include <QEvent>
#include <QKeyEvent>
#include <QLocale>
#include <QMouseEvent>
#include <QSharedPointer>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>
#include <qcustomplot.h>

#include "ui/theme/theme.h"

namespace intarsia::ui {
namespace {

constexpr double key_steps = 60; // presses of an arrow key from one end of the axis to the other

} // namespace

FrontierView::FrontierView(QWidget* parent)
    : QWidget(parent)
    , plot_(new QCustomPlot(this))
    , best_(plot_->addGraph())
    , ideal_(plot_->addGraph())
    , single_(plot_->addGraph())
    , present_(plot_->addGraph())
    , label_(new QCPItemText(plot_)) {
  plot_->setObjectName(QStringLiteral("frontier"));
  plot_->setFocusPolicy(Qt::StrongFocus);
  plot_->setMinimumHeight(100);
  plot_->setToolTip(
      tr("Drag the point, or press the left and right arrows, to move the budget.\nLine: the best "
         "plans. Dotted: ideal quantizers (Theorem 3.1). Crosses: one quantizer for all layers."));
  plot_->yAxis->setScaleType(QCPAxis::stLogarithmic);
  plot_->yAxis->setTicker(QSharedPointer<QCPAxisTickerLog>(new QCPAxisTickerLog));
  plot_->yAxis->setNumberFormat(QStringLiteral("gb"));
  plot_->yAxis->setNumberPrecision(2);
  plot_->yAxis->setLabel(tr("nats per token"));
  single_->setLineStyle(QCPGraph::lsNone);
  present_->setLineStyle(QCPGraph::lsNone);
  label_->position->setType(QCPItemPosition::ptPlotCoords);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->addWidget(plot_);
  plot_->installEventFilter(this);
  connect(plot_, &QCustomPlot::afterLayout, this, &FrontierView::place_label); // also when it is resized
  connect(plot_, &QCustomPlot::mousePress, this, [this](QMouseEvent* event) {
    if (event->button() != Qt::LeftButton || best().empty()) return;
    dragging_ = true;
    choose(plot_->xAxis->pixelToCoord(event->pos().x()));
  });
  connect(plot_, &QCustomPlot::mouseMove, this, [this](QMouseEvent* event) {
    plot_->setCursor(best().empty() ? Qt::ArrowCursor
                     : dragging_    ? Qt::ClosedHandCursor
                                    : Qt::OpenHandCursor);
    if (dragging_) choose(plot_->xAxis->pixelToCoord(event->pos().x()));
  });
  connect(plot_, &QCustomPlot::mouseRelease, this, [this] {
    if (std::exchange(dragging_, false)) emit let_go();
    show_all();
  });
  apply_theme();
}

const std::vector<FrontierPoint>& FrontierView::best() const {
  return axis_ == Axis::memory ? frontier_.memory : frontier_.latency;
}

double FrontierView::unit() const {
  if (axis_ == Axis::latency) return 1e-3;
  const bool large = !frontier_.memory.empty() && frontier_.memory.back().bytes >= 2 * 0x1p30;
  return large ? 0x1p30 : 0x1p20;
}

double FrontierView::key_of(const FrontierPoint& point) const {
  return (axis_ == Axis::memory ? point.bytes : point.seconds) / unit();
}

void FrontierView::choose(double key) {
  const auto& points = best();
  if (points.empty()) return;
  key = std::clamp(key, key_of(points.front()), key_of(points.back()));
  if (axis_ == Axis::memory)
    emit bytes_chosen(key * unit());
  else
    emit seconds_chosen(key * unit());
}

void FrontierView::set_frontier(const Frontier& frontier) {
  frontier_ = frontier;
  if (frontier_.latency.empty() && axis_ == Axis::latency) axis_ = Axis::memory;
  show_all();
}

void FrontierView::set_plan(std::optional<FrontierPoint> plan, bool provisional) {
  plan_ = plan;
  provisional_ = provisional;
  show_all();
}

void FrontierView::set_axis(Axis axis) {
  axis_ = axis;
  show_all();
}

void FrontierView::show_all() {
  const auto set = [this](QCPGraph* graph, const std::vector<FrontierPoint>& points,
                          double FrontierPoint::*value) {
    QVector<double> keys, values;
    for (const FrontierPoint& point : points) {
      if (!(point.*value > 0) || !(key_of(point) > 0))
        continue; // a logarithmic axis has no place for nothing
      keys.append(key_of(point));
      values.append(point.*value);
    }
    graph->setData(keys, values);
  };
  set(best_, best(), &FrontierPoint::loss);
  set(ideal_, axis_ == Axis::memory ? best() : std::vector<FrontierPoint>(), &FrontierPoint::ideal);
  set(single_, frontier_.single, &FrontierPoint::loss);
  std::vector<FrontierPoint> present;
  if (plan_) present.push_back(*plan_);
  set(present_, present, &FrontierPoint::loss);
  plot_->xAxis->setLabel(axis_ == Axis::latency ? tr("one token, ms")
                         : unit() == 0x1p30     ? tr("in memory, GiB")
                                                : tr("in memory, MiB"));
  for (QCPAxis* axis : {plot_->xAxis, plot_->yAxis}) {
    axis->setTickLabels(!best().empty() || plan_);
    axis->setLabelColor(best().empty() && !plan_ ? QColor(Qt::transparent) : Theme::of(palette()).muted);
  }
  if (!dragging_) { // the axes hold still under the hand
    best_->rescaleAxes();
    present_->rescaleAxes(true);
    plot_->xAxis->scaleRange(1.06);
    // Of a logarithmic axis a part of its length is a factor; above is room for the plan's label.
    const QCPRange losses = plot_->yAxis->range();
    const double length = losses.upper / losses.lower;
    plot_->yAxis->setRange(losses.lower / std::pow(length, 0.06), losses.upper * std::pow(length, 0.18));
  }
  label_->setVisible(plan_.has_value() && plan_->loss > 0);
  if (plan_) {
    const QLocale locale;
    label_->position->setCoords(key_of(*plan_), plan_->loss);
    label_->setText(
        (axis_ == Axis::memory
             ? tr("%1 bits · drag").arg(locale.toString(plan_->bits, 'f', 2))
             : tr("%1 tok/s · drag").arg(locale.toString(1 / std::max(1e-9, plan_->seconds), 'f', 0))));
  }
  plot_->replot(QCustomPlot::rpQueuedReplot);
}

// At the right of the point and above it, where the line falls away from it; where the plot ends before the
// text does, at the left, above the highest that the line is beside it.
void FrontierView::place_label() {
  if (!plan_) return;
  constexpr int beside = 8, above = 6;
  const double x = plot_->xAxis->coordToPixel(key_of(*plan_)), y = plot_->yAxis->coordToPixel(plan_->loss);
  const double width = QFontMetricsF(label_->font()).horizontalAdvance(label_->text()) + 2 * beside;
  const bool left = x + width > plot_->axisRect()->right();
  double top = y;
  if (left) {
    const auto points = best_->data();
    // From the last point before the text on.
    auto it = points->findBegin(plot_->xAxis->pixelToCoord(x - width), true);
    for (; it != points->constEnd() && it->key < key_of(*plan_); ++it)
      top = std::min(top, plot_->yAxis->coordToPixel(it->value));
    top = std::max(top, double(plot_->axisRect()->top() + QFontMetrics(label_->font()).height() + above));
  }
  label_->setPositionAlignment((left ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignBottom);
  label_->setPadding({beside, 0, beside, above + int(std::ceil(y - std::min(top, y)))});
}

bool FrontierView::eventFilter(QObject* watched, QEvent* event) {
  if (watched == plot_ && event->type() == QEvent::KeyPress && plan_ && !best().empty()) {
    const int key = static_cast<QKeyEvent*>(event)->key();
    if (key == Qt::Key_Left || key == Qt::Key_Right) {
      const double step = (key_of(best().back()) - key_of(best().front())) / key_steps;
      choose(key_of(*plan_) + (key == Qt::Key_Left ? -step : step));
      emit let_go();
      return true;
    }
  }
  return QWidget::eventFilter(watched, event);
}

void FrontierView::changeEvent(QEvent* event) {
  QWidget::changeEvent(event);
  if (event->type() == QEvent::PaletteChange || event->type() == QEvent::StyleChange) apply_theme();
}

void FrontierView::apply_theme() {
  const Theme theme = Theme::of(palette());
  QFont small = font();
  small.setPixelSize(std::max(9, fontInfo().pixelSize() - 2));
  plot_->setBackground(theme.card);
  for (QCPAxis* axis : {plot_->xAxis, plot_->yAxis}) {
    axis->setBasePen(QPen(theme.border));
    axis->setTickPen(QPen(theme.border));
    axis->setSubTickPen(Qt::NoPen);
    axis->setTickLabelColor(theme.muted);
    axis->setTickLabelFont(small);
    axis->setLabelFont(small);
    axis->grid()->setPen(QPen(theme.track, 1));
    axis->grid()->setZeroLinePen(Qt::NoPen);
  }
  best_->setPen(QPen(theme.accent, 2));
  ideal_->setPen(QPen(theme.muted, 1.5, Qt::DotLine));
  single_->setScatterStyle(QCPScatterStyle(QCPScatterStyle::ssCross, QPen(theme.muted, 1), Qt::NoBrush, 6));
  present_->setScatterStyle(
      QCPScatterStyle(QCPScatterStyle::ssCircle, QPen(theme.accent, 2.5), QBrush(theme.card), 12));
  label_->setColor(theme.accent);
  label_->setFont(small);
  show_all(); // which colours the axes' names
}

} // namespace intarsia::ui
