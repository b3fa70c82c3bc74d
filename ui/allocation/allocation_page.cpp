// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/allocation/allocation_page.h"

#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QSortFilterProxyModel>
#include <QStackedWidget>
#include <QTableView>
#include <algorithm>
#include <array>

#include "core/palette/quantizer.h"
#include "ui/allocation/allocation_table_model.h"
#include "ui/allocation/colour_legend.h"
#include "ui/allocation/frontier_view.h"
#include "ui/allocation/heatmap_view.h"
#include "ui/allocation/infeasible_banner.h"
#include "ui/allocation/inspector.h"
#include "ui/allocation/plan_text.h"
#include "ui/budget/budget_panel.h"
#include "ui/theme/theme.h"
#include "ui/widgets/note.h"
#include "ui/widgets/segments.h"

namespace intarsia::ui {
namespace {

constexpr std::array quantities{CellQuantity::bits, CellQuantity::sensitivity, CellQuantity::distortion,
                                CellQuantity::loss_share, CellQuantity::bytes};

QStringList quantity_names() {
  QStringList names;
  for (const CellQuantity quantity : quantities) names << quantity_name(quantity);
  return names;
}

} // namespace

AllocationPage::AllocationPage(StudioSession& session, QWidget* parent)
    : QWidget(parent)
    , session_(session)
    , heatmap_(new HeatmapView(this))
    , frontier_(new FrontierView(this))
    , legend_(new ColourLegend(this))
    , inspector_(new Inspector(this))
    , table_(new AllocationTableModel(this))
    , views_(new QStackedWidget(this))
    , quantity_(new Segments(quantity_names(), tr("Colour"), this))
    , view_(new Segments({tr("Map"), tr("Table")}, tr("View"), this))
    , axis_(new Segments({tr("Memory"), tr("Latency")}, tr("Frontier against"), this))
    , worth_(new Note(this)) {
  auto* budgets = new BudgetPanel(session, this);
  budgets_ = budgets;
  connect(budgets, &BudgetPanel::quantize_wanted, this, &AllocationPage::quantize_wanted);
  connect(budgets, &BudgetPanel::latency_table_wanted, this, &AllocationPage::latency_table_wanted);
  connect(budgets, &BudgetPanel::save_latency_wanted, this, &AllocationPage::save_latency_wanted);
  lower_ = new QWidget(this);
  auto* lower = new QHBoxLayout(lower_);
  lower->setContentsMargins(0, 0, 0, 0);
  lower->setSpacing(2 * spacing);
  lower->addWidget(build_frontier_card(), 1);
  lower->addWidget(inspector_);
  auto* right = new QVBoxLayout;
  right->setSpacing(2 * spacing);
  right->addWidget(build_heatmap_card(), 1);
  right->addWidget(lower_);
  auto* layout = new QHBoxLayout(this);
  layout->setContentsMargins(2 * spacing, 2 * spacing, 2 * spacing, 2 * spacing);
  layout->setSpacing(2 * spacing);
  layout->addWidget(budgets);
  layout->addLayout(right, 1);
  std::vector<QuantizerId> quantizers;
  for (const Quantizer* member : intarsia::palette()) quantizers.push_back(member->id());
  inspector_->set_quantizers(quantizers);
  heatmap_->set_quantizers(std::move(quantizers));
  connect_views();
  refresh();
}

void AllocationPage::connect_views() {
  Planner& planner = session_.planner();
  connect(heatmap_, &HeatmapView::pin_requested, &planner, &Planner::pin);
  connect(heatmap_, &HeatmapView::forbid_requested, &planner, &Planner::forbid);
  connect(heatmap_, &HeatmapView::unpin_requested, &planner, &Planner::unpin);
  connect(heatmap_, &HeatmapView::focus_moved, this, &AllocationPage::refresh_inspector);
  connect(inspector_, &Inspector::pin_wanted, this,
          [this](QuantizerId id) { session_.planner().pin(heatmap_->target_layers(), id); });
  connect(inspector_, &Inspector::forbid_wanted, this,
          [this](QuantizerId id) { session_.planner().forbid(heatmap_->target_layers(), id); });
  connect(inspector_, &Inspector::unpin_wanted, this,
          [this] { session_.planner().unpin(heatmap_->target_layers()); });
  connect(inspector_, &Inspector::row_wanted, this, [this] {
    heatmap_->select_row(heatmap_->focus_position().row);
    refresh_inspector();
  });
  connect(quantity_, &Segments::chosen, this, [this](int index) {
    heatmap_->set_quantity(quantities[std::size_t(index)]);
    legend_->set_content(heatmap_->quantity(), grid_, provisional());
  });
  connect(view_, &Segments::chosen, this, [this](int index) {
    views_->setCurrentIndex(index);
    refresh_table();
  });
  connect(axis_, &Segments::chosen, this, [this](int index) {
    frontier_->set_axis(index == 0 ? FrontierView::Axis::memory : FrontierView::Axis::latency);
  });
  connect(frontier_, &FrontierView::bytes_chosen, this, [this](double bytes) {
    session_.planner().set_memory(MemoryBytes{std::uint64_t(bytes)}, Gesture::dragging);
  });
  connect(frontier_, &FrontierView::seconds_chosen, this, [this](double seconds) {
    if (seconds > 0) session_.planner().set_latency(seconds, Gesture::dragging);
  });
  connect(frontier_, &FrontierView::let_go, &planner, &Planner::end_gesture);
  connect(&planner, &Planner::plan_changed, this, &AllocationPage::refresh);
  connect(&planner, &Planner::inputs_changed, this, [this] { // budgets show when they are answered
    const PlanInputs& inputs = session_.planner().inputs();
    if (inputs.pins != shown_pins_ || inputs.forbidden != shown_forbidden_ ||
        inputs.families != shown_families_)
      refresh();
  });
  connect(&planner, &Planner::frontier_changed, this, &AllocationPage::refresh_frontier);
  connect(&session_.sensitivities(), &Sensitivities::changed, this, &AllocationPage::refresh);
}

QWidget* AllocationPage::build_heatmap_card() {
  auto* card = new Card({}, this);
  auto* top = new QHBoxLayout;
  top->addWidget(make_label(tr("Allocation"), "title", this));
  top->addStretch();
  top->addWidget(quantity_);
  top->addSpacing(spacing);
  top->addWidget(view_);
  card->content()->addLayout(top);
  auto* map = new QWidget(this);
  auto* map_layout = new QVBoxLayout(map);
  map_layout->setContentsMargins(0, 0, 0, 0);
  map_layout->setSpacing(spacing / 2);
  map_layout->addWidget(heatmap_, 1);
  map_layout->addWidget(legend_);
  views_->addWidget(map);
  views_->addWidget(build_table());
  card->content()->addWidget(views_, 1);
  worth_->setAccessibleName(tr("What the plan is worth"));
  card->content()->addWidget(worth_);
  new InfeasibleBanner(session_, heatmap_);
  return card;
}

QWidget* AllocationPage::build_frontier_card() {
  auto* card = new Card({}, this);
  auto* top = new QHBoxLayout;
  top->addWidget(make_label(tr("Frontier"), "title", this));
  top->addStretch();
  top->addWidget(axis_);
  card->content()->addLayout(top);
  card->content()->addWidget(frontier_, 1);
  no_frontier_ = make_label(tr("Open the original to see what other budgets would give."), "muted", this);
  no_frontier_->setAlignment(Qt::AlignTop);
  card->content()->addWidget(no_frontier_, 1);
  return card;
}

QWidget* AllocationPage::build_table() {
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
  view->setTabKeyNavigation(false); // Tab goes on to what is next
  view->verticalHeader()->hide();
  view->horizontalHeader()->setStretchLastSection(true);
  view->setWordWrap(false);
  view->setTextElideMode(Qt::ElideLeft); // the end of a layer's name tells it from the others
  // A narrow window scrolls to what is further right; the names stay readable.
  const QFontMetrics metrics(font());
  const auto wide = [&](AllocationTableModel::Column column, const char* sample) {
    view->setColumnWidth(column, metrics.horizontalAdvance(QLatin1String(sample)) + 3 * spacing);
  };
  wide(AllocationTableModel::layer, "layers.31.self_attn.q_proj");
  wide(AllocationTableModel::quantizer, "half-tcq-4.75");
  wide(AllocationTableModel::kernel, "tensor-core");
  wide(AllocationTableModel::bits, "16.00");
  wide(AllocationTableModel::sensitivity, "Sensitivity");
  wide(AllocationTableModel::distortion, "Distortion");
  wide(AllocationTableModel::loss_share, "Loss share");
  wide(AllocationTableModel::bytes, "1023.9 MiB");
  return view;
}

void AllocationPage::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  inspector_->setFixedWidth(std::clamp(width() / 4, 240, 312));
  budgets_->setFixedWidth(std::clamp(width() * 27 / 100, 284, 312));
  lower_->setFixedHeight(std::max(152, height() * 2 / 5 - 4 * spacing)); // low windows keep the map's height
}

bool AllocationPage::provisional() const {
  return session_.sensitivities().kind() == SensitivityKind::provisional && !session_.planner().fixed();
}

void AllocationPage::refresh() {
  const Planner& planner = session_.planner();
  grid_ = {};
  if (session_.model()) {
    const auto& sensitivity = planner.sensitivity();
    const PlanInputs& inputs = planner.inputs();
    shown_pins_ = inputs.pins;
    shown_forbidden_ = inputs.forbidden;
    shown_families_ = inputs.families;
    grid_ = build_allocation_grid({session_.model()->graph(), planner.shown_plan(),
                                   sensitivity ? &*sensitivity : nullptr, inputs.pins, inputs.forbidden,
                                   planner.fixed() ? std::set<QuantizerFamily>() : inputs.families});
  }
  const bool known = planner.sensitivity().has_value(); // not of what is quantized already
  for (std::size_t i = 0; i < quantities.size(); ++i) {
    const bool by_sensitivity =
        quantities[i] == CellQuantity::sensitivity || quantities[i] == CellQuantity::loss_share;
    quantity_->set_enabled(int(i), known || !by_sensitivity);
    if (!known && by_sensitivity && heatmap_->quantity() == quantities[i]) {
      quantity_->choose(0);
      heatmap_->set_quantity(quantities[0]);
    }
  }
  heatmap_->set_doubt(provisional(), planner.shown_plan_is_old());
  heatmap_->set_grid(grid_);
  refresh_table();
  legend_->set_content(heatmap_->quantity(), grid_, provisional());
  worth_->say(plan_worth(session_), Note::plain);
  worth_->setToolTip(plan_details(session_));
  refresh_inspector();
  refresh_frontier();
}

// Sorting rows that nobody sees would only make dragging slower.
void AllocationPage::refresh_table() {
  if (views_->currentIndex() == 1) table_->set_grid(grid_);
}

void AllocationPage::refresh_frontier() {
  const Planner& planner = session_.planner();
  std::optional<FrontierPoint> point;
  if (const Plan* plan = planner.plan(); plan && !planner.fixed())
    point = {plan->predicted.bits_per_weight, plan->predicted.latency_seconds.value_or(0),
             plan->predicted.loss, 0, double(plan->predicted.memory_bytes)};
  frontier_->setVisible(!planner.fixed());
  axis_->setVisible(!planner.fixed());
  no_frontier_->setVisible(planner.fixed());
  frontier_->set_frontier(planner.frontier());
  frontier_->set_plan(point, provisional());
  axis_->set_enabled(1, frontier_->has_latency());
  axis_->choose(frontier_->axis() == FrontierView::Axis::memory ? 0 : 1);
}

void AllocationPage::refresh_inspector() {
  const GridPosition at = heatmap_->focus_position();
  inspector_->show_cell(grid_.empty() ? nullptr : &grid_.at(std::size_t(at.row), std::size_t(at.block)),
                        grid_.empty() ? 0 : heatmap_->target_layers().size(), session_.planner().fixed());
}

} // namespace intarsia::ui
