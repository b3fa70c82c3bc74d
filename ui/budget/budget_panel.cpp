// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/budget/budget_panel.h"

#include <QGridLayout>
#include <QHBoxLayout>
#include <QLineEdit>
#include <QLocale>
#include <QPushButton>
#include <QSlider>
#include <QSpinBox>
#include <cmath>

#include "core/base/error.h"
#include "core/palette/quantizer.h"
#include "ui/budget/latency_control.h"
#include "ui/budget/memory_bar.h"
#include "ui/theme/theme.h"

namespace intarsia::ui {
namespace {

constexpr int slider_steps_per_bit = 100; // a step is 0.01 bits a weight
constexpr double least_bits = 1.5, most_bits = 8;

QString budget_text(const MemoryBudget& budget) {
  const QLocale locale;
  if (const auto* average = std::get_if<BitsPerWeight>(&budget))
    return QObject::tr("%1 bpw").arg(locale.toString(average->bits, 'g', 4));
  if (const auto* part = std::get_if<ModelFraction>(&budget))
    return QObject::tr("%1 %").arg(locale.toString(100 * part->fraction, 'g', 4));
  return QString::fromStdString(format_bytes(std::get<MemoryBytes>(budget).bytes));
}

QHBoxLayout* row(QWidget* left, QWidget* right) {
  auto* layout = new QHBoxLayout;
  layout->addWidget(left);
  layout->addStretch();
  layout->addWidget(right);
  return layout;
}

} // namespace

BudgetPanel::BudgetPanel(StudioSession& session, QWidget* parent)
    : Card(tr("Budgets"), parent)
    , session_(session)
    , memory_slider_(new QSlider(Qt::Horizontal, this))
    , memory_field_(new QLineEdit(this))
    , price_(make_label({}, "gain", this))
    , problem_(make_label({}, "error", this))
    , bar_(new MemoryBar(this))
    , context_(new QSpinBox(this))
    , quantize_(new QPushButton(tr("Quantize with this plan"), this)) {
  setFixedWidth(312);
  build_memory();
  auto* latency = new LatencyControl(session_, this);
  connect(latency, &LatencyControl::import_wanted, this, &BudgetPanel::latency_table_wanted);
  connect(latency, &LatencyControl::save_wanted, this, &BudgetPanel::save_latency_wanted);
  content()->addSpacing(spacing);
  content()->addWidget(latency);
  build_context();
  build_families();
  content()->addStretch();
  quantize_->setObjectName(QStringLiteral("primary"));
  quantize_->setAccessibleName(tr("Quantize with this plan"));
  content()->addWidget(quantize_);
  connect(quantize_, &QPushButton::clicked, this, &BudgetPanel::quantize_wanted);
  connect(&session_, &StudioSession::budgets_changed, this, &BudgetPanel::show_budgets);
  connect(&session_, &StudioSession::plan_changed, this, &BudgetPanel::show_plan);
  for (auto signal :
       {&StudioSession::devices_changed, &StudioSession::device_changed, &StudioSession::latency_changed})
    connect(&session_, signal, this, &BudgetPanel::show_plan);
  show_budgets();
  show_plan();
}

void BudgetPanel::build_memory() {
  memory_slider_->setObjectName(QStringLiteral("memorySlider"));
  memory_slider_->setAccessibleName(tr("Memory, in bits a weight"));
  memory_slider_->setRange(int(least_bits * slider_steps_per_bit), int(most_bits * slider_steps_per_bit));
  memory_slider_->setPageStep(slider_steps_per_bit / 4);
  memory_slider_->setSingleStep(5);
  memory_field_->setObjectName(QStringLiteral("memoryField"));
  memory_field_->setAccessibleName(tr("Memory budget, such as 3.25bpw, 6.2GiB or 40%"));
  memory_field_->setToolTip(tr("3.25bpw, 6.2GiB or 40%"));
  memory_field_->setFixedWidth(104);
  memory_field_->setAlignment(Qt::AlignRight);
  content()->addLayout(row(new QLabel(tr("Memory"), this), memory_field_));
  content()->addWidget(memory_slider_);
  auto* ticks = new QHBoxLayout;
  for (const char* tick : {"1.5", "", "3", "", "5", "", "8 bits"}) {
    ticks->addWidget(make_label(QString::fromLatin1(tick), "muted", this));
    if (QLatin1String(tick) != QLatin1String("8 bits")) ticks->addStretch();
  }
  content()->addLayout(ticks);
  content()->addWidget(bar_);
  price_->setObjectName(QStringLiteral("gain"));
  content()->addWidget(price_);
  content()->addWidget(problem_);
  connect(memory_slider_, &QSlider::valueChanged, this,
          [this](int value) { session_.set_memory(BitsPerWeight{double(value) / slider_steps_per_bit}); });
  connect(memory_field_, &QLineEdit::editingFinished, this, &BudgetPanel::field_edited);
}

void BudgetPanel::field_edited() {
  if (!memory_field_->isModified()) return;
  memory_field_->setModified(false);
  try {
    session_.set_memory(parse_memory_budget(memory_field_->text().trimmed().toStdString()));
  } catch (const Error& error) {
    problem_->setText(QString::fromUtf8(error.what()));
    problem_->show();
  }
}

void BudgetPanel::build_context() {
  context_->setObjectName(QStringLiteral("context"));
  context_->setAccessibleName(tr("Context length in tokens"));
  context_->setRange(1, 1 << 24);
  context_->setGroupSeparatorShown(true);
  context_->setFixedWidth(104);
  context_->setKeyboardTracking(false);
  context_->setButtonSymbols(QAbstractSpinBox::NoButtons);
  context_->setAlignment(Qt::AlignRight);
  content()->addSpacing(spacing);
  content()->addLayout(row(new QLabel(tr("Context, tokens"), this), context_));
  connect(context_, qOverload<int>(&QSpinBox::valueChanged), this,
          [this](int tokens) { session_.set_context(std::size_t(tokens)); });
}

void BudgetPanel::build_families() {
  constexpr int chips_a_row = 3;
  auto* layout = new QGridLayout;
  layout->setSpacing(spacing / 2);
  std::set<QuantizerFamily> present;
  for (const Quantizer* member : intarsia::palette()) present.insert(member->id().family);
  for (const QuantizerFamily family : present) {
    const QString name =
        QString::fromUtf8(family_name(family).data(), qsizetype(family_name(family).size())).toUpper();
    auto* chip = new QPushButton(name, this);
    chip->setObjectName(QStringLiteral("chip"));
    chip->setCheckable(true);
    chip->setAccessibleName(tr("Use the %1 quantizers").arg(name));
    layout->addWidget(chip, int(families_.size()) / chips_a_row, int(families_.size()) % chips_a_row);
    families_[int(family)] = chip;
    connect(chip, &QPushButton::clicked, this,
            [this, family](bool checked) { session_.set_family(family, checked); });
  }
  content()->addSpacing(spacing);
  content()->addWidget(new QLabel(tr("Palette"), this));
  content()->addLayout(layout);
}

void BudgetPanel::show_budgets() {
  const Budgets& budgets = session_.budgets();
  if (const auto* average = std::get_if<BitsPerWeight>(&budgets.memory)) {
    const QSignalBlocker blocker(memory_slider_);
    memory_slider_->setValue(int(std::lround(average->bits * slider_steps_per_bit)));
  }
  if (!memory_field_->hasFocus()) memory_field_->setText(budget_text(budgets.memory));
  const QSignalBlocker blocker(context_);
  if (session_.model()) context_->setMaximum(int(session_.model()->config().max_positions));
  context_->setValue(int(budgets.context));
  for (auto it = families_.begin(); it != families_.end(); ++it)
    it.value()->setChecked(budgets.families.contains(QuantizerFamily(it.key())));
}

void BudgetPanel::show_plan() {
  const Plan* plan = session_.plan();
  quantize_->setEnabled(plan && session_.model() && session_.model()->checkpoint &&
                        session_.model()->checkpoint->has_weights());
  problem_->setText(session_.answer().problem);
  problem_->setVisible(!session_.answer().problem.isEmpty());
  price_->setVisible(plan != nullptr);
  bar_->setVisible(session_.model() != nullptr);
  if (!session_.model()) return;
  const ModelMemory memory = session_.memory();
  bar_->set_parts(
      {{tr("linears"), memory.linears},
       {tr("embeddings"), memory.embeddings_and_head},
       {tr("KV cache"), memory.kv_cache},
       {tr("buffers"), memory.total() - memory.linears - memory.embeddings_and_head - memory.kv_cache}},
      session_.memory_free());
  if (!plan || !plan->shadow_prices.loss_per_mebibyte || plan->predicted.loss <= 0) return;
  // In words: what a twentieth more of the linears' bytes would buy.
  const double mebibytes = std::max(0.01, double(plan->predicted.linear_bytes) / (1 << 20) / 20);
  const double change = -100 * *plan->shadow_prices.loss_per_mebibyte * mebibytes / plan->predicted.loss;
  if (change < 0.05) {
    price_->setText(tr("More memory would change nothing: the latency budget decides"));
    return;
  }
  const QString more = QString::fromStdString(format_bytes(std::uint64_t(mebibytes * (1 << 20))));
  price_->setText(tr("%1 more would cut the predicted loss by %2 %")
                      .arg(more, QLocale().toString(std::min(change, 100.0), 'f', 1)));
}

} // namespace intarsia::ui
