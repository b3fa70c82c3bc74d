// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/allocation/allocation_page.h"

#include <QButtonGroup>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLocale>
#include <QPushButton>
#include <QSortFilterProxyModel>
#include <QStackedWidget>
#include <QTableView>
#include <algorithm>
#include <array>
#include <cmath>

#include "core/palette/quantizer.h"
#include "ui/allocation/allocation_table_model.h"
#include "ui/allocation/colour_legend.h"
#include "ui/allocation/frontier_view.h"
#include "ui/allocation/heatmap_view.h"
#include "ui/allocation/inspector.h"
#include "ui/budget/budget_panel.h"
#include "ui/theme/theme.h"

namespace intarsia::ui {

AllocationPage::AllocationPage(StudioSession& session, QWidget* parent)
    : QWidget(parent)
    , session_(session)
    , heatmap_(new HeatmapView(this))
    , frontier_(new FrontierView(this))
    , legend_(new ColourLegend(this))
    , inspector_(new Inspector(this))
    , table_(new AllocationTableModel(this))
    , views_(new QStackedWidget(this))
    , comparison_(make_label({}, "muted", this)) {
  auto* budgets = new BudgetPanel(session, this);
  connect(budgets, &BudgetPanel::quantize_wanted, this, &AllocationPage::quantize_wanted);
  connect(budgets, &BudgetPanel::latency_table_wanted, this, &AllocationPage::latency_table_wanted);
  connect(budgets, &BudgetPanel::save_latency_wanted, this, &AllocationPage::save_latency_wanted);
  auto* lower = new QHBoxLayout;
  lower->setSpacing(2 * spacing);
  lower->addWidget(build_comparison_card(), 1);
  lower->addWidget(inspector_);
  auto* right = new QVBoxLayout;
  right->setSpacing(2 * spacing);
  right->addWidget(build_heatmap_card(), 3);
  right->addLayout(lower, 2);
  auto* layout = new QHBoxLayout(this);
  layout->setContentsMargins(2 * spacing, 2 * spacing, 2 * spacing, 2 * spacing);
  layout->setSpacing(2 * spacing);
  layout->addWidget(budgets);
  layout->addLayout(right, 1);

  std::vector<QuantizerId> quantizers;
  for (const Quantizer* member : intarsia::palette()) quantizers.push_back(member->id());
  heatmap_->set_quantizers(std::move(quantizers));
  connect(heatmap_, &HeatmapView::pin_requested, &session_, &StudioSession::pin);
  connect(heatmap_, &HeatmapView::forbid_requested, &session_, &StudioSession::forbid);
  connect(heatmap_, &HeatmapView::release_requested, &session_, &StudioSession::release);
  connect(heatmap_, &HeatmapView::focus_moved, this, &AllocationPage::refresh_inspector);
  connect(&session_, &StudioSession::plan_changed, this, &AllocationPage::refresh);
  connect(&session_, &StudioSession::frontier_changed, this,
          [this] { frontier_->set_frontier(session_.frontier(), session_.latency_is_estimated()); });
  connect(&session_, &StudioSession::sensitivity_changed, this, [this] {
    if (session_.sensitivity_job().state == JobState::done) refresh();
  });
  refresh();
}

QWidget* AllocationPage::build_heatmap_card() {
  auto* card = new Card({}, this);
  auto* top = new QHBoxLayout;
  top->addWidget(make_label(tr("Allocation"), "title", this));
  top->addStretch();
  auto* group = new QButtonGroup(this);
  constexpr std::array quantities{CellQuantity::bits, CellQuantity::sensitivity, CellQuantity::distortion,
                                  CellQuantity::loss_share, CellQuantity::bytes};
  for (const CellQuantity quantity : quantities) {
    auto* chip = new QPushButton(quantity_name(quantity), this);
    chip->setObjectName(QStringLiteral("chip"));
    chip->setCheckable(true);
    chip->setChecked(quantity == CellQuantity::bits);
    group->addButton(chip);
    top->addWidget(chip);
    connect(chip, &QPushButton::clicked, this, [this, quantity] { choose_quantity(quantity); });
  }
  auto* as_table = new QPushButton(tr("Table"), this);
  as_table->setObjectName(QStringLiteral("chip"));
  as_table->setCheckable(true);
  auto* as_frontier = new QPushButton(tr("Frontier"), this);
  as_frontier->setObjectName(QStringLiteral("chip"));
  as_frontier->setAccessibleName(tr("Loss against memory and latency"));
  as_frontier->setCheckable(true);
  top->addSpacing(spacing);
  top->addWidget(as_table);
  top->addWidget(as_frontier);
  card->content()->addLayout(top);

  auto* proxy = new QSortFilterProxyModel(this);
  proxy->setSourceModel(table_);
  proxy->setSortRole(AllocationTableModel::sort_role);
  auto* view = new QTableView(this);
  view->setObjectName(QStringLiteral("allocationTable"));
  view->setAccessibleName(tr("Allocation as a table"));
  view->setModel(proxy);
  view->setSortingEnabled(true);
  view->sortByColumn(AllocationTableModel::layer, Qt::AscendingOrder);
  view->setAlternatingRowColors(true);
  view->verticalHeader()->hide();
  view->horizontalHeader()->setSectionResizeMode(AllocationTableModel::layer, QHeaderView::Stretch);
  auto* map = new QWidget(this);
  auto* map_layout = new QVBoxLayout(map);
  map_layout->setContentsMargins(0, 0, 0, 0);
  map_layout->addWidget(heatmap_, 1);
  map_layout->addWidget(legend_);
  views_->addWidget(map);
  views_->addWidget(view);
  views_->addWidget(frontier_);
  card->content()->addWidget(views_, 1);
  const auto choose = [this](int page, QPushButton* other) {
    return [this, page, other](bool on) {
      if (on) other->setChecked(false);
      views_->setCurrentIndex(on ? page : 0);
    };
  };
  connect(as_table, &QPushButton::toggled, this, choose(1, as_frontier));
  connect(as_frontier, &QPushButton::toggled, this, choose(2, as_table));
  connect(frontier_, &FrontierView::bits_chosen, this, [this](double bits) {
    session_.set_memory(BitsPerWeight{std::clamp(std::round(bits * 100) / 100, 1.0, 8.0)});
  });
  connect(frontier_, &FrontierView::seconds_chosen, this, [this](double seconds) {
    if (seconds > 0) session_.set_latency(seconds);
  });
  return card;
}

QWidget* AllocationPage::build_comparison_card() {
  auto* card = new Card(tr("What the plan is worth"), this);
  comparison_->setObjectName(QStringLiteral("comparison"));
  comparison_->setTextFormat(Qt::RichText);
  card->content()->addWidget(comparison_);
  card->content()->addStretch();
  return card;
}

void AllocationPage::choose_quantity(CellQuantity quantity) {
  heatmap_->set_quantity(quantity);
  legend_->set_range(quantity, colour_range(grid_, quantity));
}

void AllocationPage::refresh() {
  grid_ = {};
  if (session_.model()) {
    const Sensitivity* sensitivity = session_.sensitivity() ? &*session_.sensitivity() : nullptr;
    grid_ = build_allocation_grid(
        {session_.model()->graph(), session_.plan(), sensitivity, session_.pins(), session_.forbidden()});
  }
  heatmap_->set_grid(grid_);
  table_->set_grid(grid_);
  legend_->set_range(heatmap_->quantity(), colour_range(grid_, heatmap_->quantity()));
  refresh_inspector();
  refresh_comparison();
  show_plan_on_frontier();
}

void AllocationPage::show_plan_on_frontier() {
  std::optional<FrontierPoint> point;
  if (const Plan* plan = session_.plan())
    point = {plan->predicted.bits_per_weight, plan->predicted.latency_seconds.value_or(0),
             plan->predicted.loss, 0};
  frontier_->set_plan(point);
}

void AllocationPage::refresh_inspector() {
  const GridPosition at = heatmap_->focus_position();
  inspector_->show_cell(grid_.empty() ? nullptr : &grid_.at(std::size_t(at.row), std::size_t(at.block)));
}

void AllocationPage::refresh_comparison() {
  const Plan* plan = session_.plan();
  if (!plan) {
    comparison_->setText(session_.model()
                             ? tr("The plan appears as soon as the layers' sensitivities are known.")
                             : tr("Open a model to begin."));
    return;
  }
  const QLocale locale;
  const auto number = [&](double value) { return locale.toString(value, 'g', 4); };
  const auto line = [](const QString& label, const QString& value) {
    return QStringLiteral(
               "<tr><td style='padding:3px 24px 3px 0'>%1</td><td style='padding:3px 0'><b>%2</b></td></tr>")
        .arg(label, value);
  };
  QString text = QStringLiteral("<table>");
  text += line(tr("Average"), tr("%1 bits a weight").arg(number(plan->predicted.bits_per_weight)));
  text += line(tr("Predicted loss"), tr("%1 nats a token").arg(number(plan->predicted.loss)));
  text += line(tr("Proven bound"),
               tr("%1 nats, gap %2 %")
                   .arg(number(plan->solver.bound), locale.toString(100 * plan->solver.gap, 'f', 3)));
  if (plan->predicted.latency_seconds)
    text += line(session_.latency_is_estimated() ? tr("One token, estimated") : tr("One token"),
                 tr("%1 ms, %2 tok/s")
                     .arg(locale.toString(*plan->predicted.latency_seconds * 1e3, 'f', 2),
                          locale.toString(1 / *plan->predicted.latency_seconds, 'f', 0)));
  if (const auto& single = session_.answer().single_scheme) {
    text += line(tr("Best single quantizer"),
                 tr("%1: %2 nats")
                     .arg(QString::fromStdString(to_string(single->layers.begin()->second.quantizer)),
                          number(single->predicted.loss)));
  }
  QStringList outside;
  for (const LinearLayer* layer : session_.model()->graph().vocabulary_layers())
    outside << tr("%1 %2").arg(layer->role == LinearRole::head ? tr("head") : tr("embedding"),
                               QString::fromStdString(to_string(plan->quantizer_of(*layer))));
  text += line(tr("Outside the blocks"), outside.join(QStringLiteral(", ")));
  text += line(tr("Ideal quantizers (Theorem 3.1)"),
               tr("%1 nats").arg(number(ideal_loss(session_.model()->graph(), *session_.sensitivity(),
                                                   plan->predicted.bits_per_weight))));
  comparison_->setText(text + QStringLiteral("</table>"));
}

} // namespace intarsia::ui
