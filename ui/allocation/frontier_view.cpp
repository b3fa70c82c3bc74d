// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/allocation/frontier_view.h"

#include <QEvent>
#include <QHBoxLayout>
#include <QMouseEvent>
#include <QSharedPointer>
#include <qcustomplot.h>

#include "ui/theme/theme.h"

namespace intarsia::ui {
namespace {

void set_curve(QCPGraph* graph, const std::vector<FrontierPoint>& points,
               const std::function<QPointF(const FrontierPoint&)>& place) {
  QVector<double> keys, values;
  for (const FrontierPoint& point : points) {
    const QPointF at = place(point);
    if (at.y() <= 0) continue; // a logarithmic axis has no place for nothing
    keys.append(at.x());
    values.append(at.y());
  }
  graph->setData(keys, values);
}

} // namespace

FrontierView::FrontierView(QWidget* parent)
    : QWidget(parent)
    , memory_(make_plot("memoryFrontier", tr("bits a weight"), true))
    , latency_(make_plot("latencyFrontier", tr("one token, ms"), false)) {
  memory_.widget->setAccessibleName(tr("Predicted loss against memory"));
  latency_.widget->setAccessibleName(tr("Predicted loss against latency"));
  auto* layout = new QHBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(2 * spacing);
  layout->addWidget(memory_.widget, 1);
  layout->addWidget(latency_.widget, 1);
  latency_.widget->hide();
  connect(memory_.widget, &QCustomPlot::mousePress, this, [this](QMouseEvent* event) {
    emit bits_chosen(memory_.widget->xAxis->pixelToCoord(event->pos().x()));
  });
  connect(latency_.widget, &QCustomPlot::mousePress, this, [this](QMouseEvent* event) {
    emit seconds_chosen(latency_.widget->xAxis->pixelToCoord(event->pos().x()) / 1e3);
  });
  apply_theme();
}

FrontierView::Plot FrontierView::make_plot(const char* name, const QString& label, bool with_ideal) {
  auto* widget = new QCustomPlot(this);
  widget->setObjectName(QString::fromLatin1(name));
  widget->setMinimumHeight(180);
  widget->xAxis->setLabel(label);
  widget->yAxis->setLabel(tr("predicted loss, nats a token"));
  widget->yAxis->setScaleType(QCPAxis::stLogarithmic);
  widget->yAxis->setTicker(QSharedPointer<QCPAxisTickerLog>(new QCPAxisTickerLog));
  widget->yAxis->setNumberFormat(QStringLiteral("g"));
  widget->yAxis->setNumberPrecision(2);
  Plot plot{widget, widget->addGraph(), nullptr, nullptr};
  plot.best->setName(tr("best plan"));
  plot.best->setScatterStyle(QCPScatterStyle(QCPScatterStyle::ssCircle, 5));
  if (with_ideal) {
    plot.ideal = widget->addGraph();
    plot.ideal->setName(tr("ideal quantizers (Theorem 3.1)"));
  }
  plot.plan = widget->addGraph();
  plot.plan->setName(tr("this plan"));
  plot.plan->setLineStyle(QCPGraph::lsNone);
  widget->legend->setVisible(true);
  widget->axisRect()->insetLayout()->setInsetAlignment(
      0, with_ideal ? Qt::AlignBottom | Qt::AlignLeft : Qt::AlignTop | Qt::AlignRight); // where curves aren't
  return plot;
}

void FrontierView::set_frontier(const Frontier& frontier, bool estimated_latency) {
  latency_.widget->xAxis->setLabel(estimated_latency ? tr("one token, estimated, ms") : tr("one token, ms"));
  frontier_ = frontier;
  set_curve(memory_.best, frontier.memory, [](const FrontierPoint& p) { return QPointF(p.bits, p.loss); });
  set_curve(memory_.ideal, frontier.memory, [](const FrontierPoint& p) { return QPointF(p.bits, p.ideal); });
  set_curve(latency_.best, frontier.latency,
            [](const FrontierPoint& p) { return QPointF(p.seconds * 1e3, p.loss); });
  latency_.widget->setVisible(!frontier.latency.empty());
  show_plan();
}

void FrontierView::set_plan(std::optional<FrontierPoint> plan) {
  plan_ = plan;
  show_plan();
}

void FrontierView::show_plan() {
  std::vector<FrontierPoint> present;
  if (plan_) present.push_back(*plan_);
  set_curve(memory_.plan, present, [](const FrontierPoint& p) { return QPointF(p.bits, p.loss); });
  set_curve(latency_.plan, present, [](const FrontierPoint& p) { return QPointF(p.seconds * 1e3, p.loss); });
  for (const Plot& plot : {memory_, latency_}) {
    plot.widget->rescaleAxes();
    plot.widget->xAxis->scaleRange(1.05);
    plot.widget->yAxis->scaleRange(1.1);
    plot.widget->replot(QCustomPlot::rpQueuedReplot);
  }
}

void FrontierView::changeEvent(QEvent* event) {
  QWidget::changeEvent(event);
  if (event->type() == QEvent::PaletteChange || event->type() == QEvent::StyleChange) apply_theme();
}

void FrontierView::apply_theme() {
  const Theme theme = Theme::of(palette());
  for (const Plot& plot : {memory_, latency_}) {
    plot.widget->setBackground(theme.card);
    for (QCPAxis* axis : {plot.widget->xAxis, plot.widget->yAxis}) {
      axis->setBasePen(QPen(theme.border));
      axis->setTickPen(QPen(theme.border));
      axis->setSubTickPen(Qt::NoPen);
      axis->setTickLabelColor(theme.muted);
      axis->setLabelColor(theme.muted);
      axis->setTickLabelFont(font());
      axis->setLabelFont(font());
      axis->grid()->setPen(QPen(theme.track, 1));
      axis->grid()->setZeroLinePen(Qt::NoPen);
    }
    plot.best->setPen(QPen(theme.accent, 1.5));
    if (plot.ideal) plot.ideal->setPen(QPen(theme.muted, 1.5, Qt::DotLine));
    plot.plan->setScatterStyle(
        QCPScatterStyle(QCPScatterStyle::ssDiamond, QPen(theme.text, 1.5), QBrush(theme.accent), 12));
    plot.widget->legend->setBrush(theme.card);
    plot.widget->legend->setBorderPen(Qt::NoPen);
    plot.widget->legend->setTextColor(theme.text);
    plot.widget->legend->setFont(font());
    plot.widget->replot(QCustomPlot::rpQueuedReplot);
  }
}

} // namespace intarsia::ui
