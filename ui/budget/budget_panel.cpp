// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/budget/budget_panel.h"

#include <QGridLayout>
#include <QHBoxLayout>
#include <QLineEdit>
#include <QLocale>
#include <QPushButton>
#include <QRegularExpression>
#include <QScrollArea>

#include "core/base/error.h"
#include "core/palette/quantizer.h"
#include "ui/budget/latency_control.h"
#include "ui/budget/memory_bar.h"
#include "ui/budget/scale_slider.h"
#include "ui/quantize/quantize_text.h"
#include "ui/theme/theme.h"
#include "ui/widgets/note.h"
#include "ui/widgets/sized_field.h"

namespace intarsia::ui {
namespace {

const QString longest_memory = QStringLiteral("1023.99 MiB");
constexpr double device_part = 0.95; // of the free memory: other programs grow too

QHBoxLayout* row(QWidget* left, QWidget* right) {
  auto* layout = new QHBoxLayout;
  layout->addWidget(left);
  layout->addStretch();
  layout->addWidget(right);
  return layout;
}

QString family_help(QuantizerFamily family) {
  const std::string_view text = family_description(family);
  return QString::fromUtf8(text.data(), qsizetype(text.size()));
}

} // namespace

BudgetPanel::BudgetPanel(StudioSession& session, QWidget* parent)
    : Card({}, parent)
    , session_(session)
    , memory_slider_(new ScaleSlider(this))
    , memory_field_(new SizedField(longest_memory, this))
    , context_(new SizedField(longest_memory, this))
    , note_(new Note(this))
    , context_note_(new Note(this))
    , bar_(new MemoryBar(this))
    , fit_(new QPushButton(tr("Fit device"), this))
    , quantize_(new QPushButton(tr("Quantize with this plan"), this)) {
  setFixedWidth(312);
  content()->setContentsMargins(spacing + 6, 2 * spacing, spacing + 6, 2 * spacing);
  auto* inside = new QWidget(this);
  inside->setObjectName(QStringLiteral("budgets"));
  inside->setStyleSheet(QStringLiteral("QWidget#budgets { background: transparent; }"));
  auto* layout = new QVBoxLayout(inside);
  layout->setContentsMargins(0, 0, spacing / 2, 0);
  layout->setSpacing(spacing / 2);
  build_memory(*layout);
  auto* latency = new LatencyControl(session_, this);
  connect(latency, &LatencyControl::import_wanted, this, &BudgetPanel::latency_table_wanted);
  connect(latency, &LatencyControl::save_wanted, this, &BudgetPanel::save_latency_wanted);
  layout->addSpacing(spacing);
  layout->addWidget(latency);
  build_context(*layout);
  build_families(*layout);
  layout->addStretch();
  auto* scroll = new QScrollArea(this);
  scroll->setWidget(inside);
  scroll->setWidgetResizable(true);
  scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  scroll->setFocusPolicy(Qt::NoFocus);
  content()->addWidget(scroll, 1);
  quantize_->setObjectName(QStringLiteral("primary"));
  content()->addWidget(quantize_);
  connect(quantize_, &QPushButton::clicked, this, &BudgetPanel::quantize_wanted);
  connect(&session_.planner(), &Planner::inputs_changed, this, &BudgetPanel::refresh);
  connect(&session_.models(), &ModelStore::changed, this, [this] { // what was said was of the model before
    refused_.clear();
    context_note_->say({}, Note::muted);
  });
  connect(&session_, &StudioSession::state_changed, this, &BudgetPanel::refresh);
  refresh();
}

void BudgetPanel::build_memory(QVBoxLayout& layout) {
  layout.addWidget(make_label(tr("Budgets"), "title", this));
  memory_slider_->setObjectName(QStringLiteral("memorySlider"));
  memory_slider_->setAccessibleName(tr("Memory budget"));
  memory_field_->setObjectName(QStringLiteral("memoryField"));
  memory_field_->setAccessibleName(tr("Memory budget, such as 6.2 GiB, 3.25 bpw or 40 %"));
  memory_field_->setToolTip(tr("6.2 GiB (of everything in memory), 3.25 bpw (bits per weight of the blocks' "
                               "linears) or 40 % (of the model in f16)"));
  fit_->setObjectName(QStringLiteral("link"));
  auto* top = new QHBoxLayout;
  top->addWidget(new QLabel(tr("Memory"), this));
  top->addWidget(fit_);
  top->addStretch();
  top->addWidget(memory_field_);
  layout.addLayout(top);
  layout.addWidget(memory_slider_);
  layout.addWidget(bar_);
  layout.addWidget(note_);
  connect(memory_slider_, &ScaleSlider::moved, this, [this](double bytes, bool dragging) {
    refused_.clear();
    session_.planner().set_memory(budget_of_bytes(bytes, session_.planner().inputs().memory, scale()),
                                  dragging ? Gesture::dragging : Gesture::once);
  });
  connect(memory_slider_, &ScaleSlider::let_go, &session_.planner(), &Planner::end_gesture);
  connect(memory_field_, &QLineEdit::editingFinished, this, &BudgetPanel::memory_edited);
  connect(fit_, &QPushButton::clicked, this, &BudgetPanel::fit_device);
}

void BudgetPanel::build_context(QVBoxLayout& layout) {
  context_->setObjectName(QStringLiteral("context"));
  context_->setAccessibleName(tr("Context length in tokens"));
  context_->setToolTip(tr("How many tokens of conversation there is memory for; the KV cache grows with it"));
  layout.addSpacing(spacing);
  layout.addLayout(row(new QLabel(tr("Context, tokens"), this), context_));
  layout.addWidget(context_note_);
  connect(context_, &QLineEdit::editingFinished, this, &BudgetPanel::context_edited);
}

void BudgetPanel::build_families(QVBoxLayout& layout) {
  constexpr int chips_a_row = 3;
  auto* grid = new QGridLayout;
  grid->setSpacing(spacing / 2);
  std::set<QuantizerFamily> present;
  for (const Quantizer* member : intarsia::palette()) present.insert(member->id().family);
  for (const QuantizerFamily family : present) {
    const QString name =
        QString::fromUtf8(family_name(family).data(), qsizetype(family_name(family).size())).toUpper();
    auto* chip = new QPushButton(name, this);
    chip->setObjectName(QStringLiteral("chip"));
    chip->setCheckable(true);
    chip->setAccessibleName(tr("Use the %1 quantizers").arg(name));
    chip->setToolTip(family_help(family));
    grid->addWidget(chip, int(families_.size()) / chips_a_row, int(families_.size()) % chips_a_row);
    families_[int(family)] = chip;
    connect(chip, &QPushButton::clicked, this,
            [this, family](bool checked) { session_.planner().set_family(family, checked); });
  }
  layout.addWidget(new QLabel(tr("Palette"), this));
  layout.addLayout(grid);
}

BudgetScale BudgetPanel::scale() const {
  const OpenedModel* model = session_.model();
  if (!model) return {};
  const ModelMemory memory = session_.planner().memory();
  return {session_.planner().answer().memory_scale, double(f16_model_bytes(model->graph(), model->config())),
          double(memory.total() - memory.model_alone())};
}

void BudgetPanel::memory_edited() {
  if (!memory_field_->isModified()) return;
  memory_field_->setModified(false);
  refused_.clear();
  try {
    session_.planner().set_memory(read_memory(memory_field_->text(), session_.planner().inputs().memory));
  } catch (const Error&) {
    refused_ = refused_memory(memory_field_->text());
  }
  refresh();
}

void BudgetPanel::context_edited() {
  if (!context_->isModified() || !session_.model()) return;
  context_->setModified(false);
  QString text = context_->text();
  text.remove(QRegularExpression(QStringLiteral("[^0-9]"))); // group separators of any locale
  bool ok = false;
  const qulonglong tokens = text.toULongLong(&ok), most = session_.model()->config().max_positions;
  if (!ok || tokens == 0)
    context_note_->say(tr("Write a number of tokens, such as 8192."), Note::problem);
  else if (tokens > most)
    context_note_->say(tr("This model has room for %1 tokens at most.").arg(QLocale().toString(most)),
                       Note::problem);
  else
    context_note_->say({}, Note::muted);
  if (ok && tokens > 0) session_.planner().set_context(std::size_t(std::min(tokens, most)));
  refresh();
}

void BudgetPanel::fit_device() {
  const double free = device_part * double(session_.latency().target().memory_free);
  refused_.clear();
  session_.planner().set_memory(budget_of_bytes(free, MemoryBytes{}, scale()));
}

void BudgetPanel::refresh() {
  const Planner& planner = session_.planner();
  const PlanInputs& inputs = planner.inputs();
  const bool usable = planner.has_model() && !planner.fixed();
  quantize_->setEnabled(session_.can_quantize());
  quantize_->setToolTip(reason_not_to_quantize(session_));
  for (QWidget* widget : std::initializer_list<QWidget*>{memory_slider_, memory_field_})
    widget->setEnabled(usable);
  context_->setEnabled(planner.has_model());
  if (!context_->isModified()) context_->setText(QLocale().toString(qulonglong(inputs.context)));
  for (auto it = families_.begin(); it != families_.end(); ++it) {
    it.value()->setChecked(inputs.families.contains(QuantizerFamily(it.key())));
    it.value()->setEnabled(usable);
  }
  const PlanTarget target = session_.latency().target();
  fit_->setEnabled(usable && target.memory_free > 0);
  fit_->setToolTip(tr("Plans for %1 % of the memory that is free on %2: %3")
                       .arg(100 * device_part)
                       .arg(target.name, QLocale().formattedDataSize(qint64(target.memory_free), 1)));
  refresh_memory();
  refresh_bar();
}

void BudgetPanel::refresh_memory() {
  const Planner& planner = session_.planner();
  const SolverAnswer& answer = planner.answer();
  if (planner.fixed() || !(answer.memory_range.high > answer.memory_range.low)) {
    memory_slider_->set_scale(0, 0, {}); // what it showed was of the model before
  } else {
    std::vector<ScaleSlider::Tick> ticks;
    for (const int bits : {2, 3, 4, 5, 6, 8})
      ticks.push_back({answer.memory_scale.bytes(bits), bits == 2 ? tr("2 bits") : QString::number(bits)});
    const double free = double(session_.latency().target().memory_free);
    memory_slider_->set_scale(answer.memory_range.low, answer.memory_range.high, std::move(ticks),
                              free > 0 ? std::optional(free) : std::nullopt);
    memory_slider_->show_value(bytes_of_budget(planner.inputs().memory, scale()));
  }
  if (!memory_field_->isModified())
    memory_field_->setText(planner.has_model() && !planner.fixed() ? memory_text(planner.inputs().memory)
                                                                   : QString());
  if (!refused_.isEmpty())
    note_->say(refused_, Note::problem);
  else
    note_->say(planner.fixed() ? tr("Quantized already: this is its plan.") : memory_price(answer),
               planner.fixed() ? Note::muted : Note::gain);
}

void BudgetPanel::refresh_bar() {
  bar_->setVisible(session_.planner().has_model());
  if (!session_.planner().has_model()) return;
  const ModelMemory memory = session_.planner().memory();
  const PlanTarget target = session_.latency().target();
  bar_->set_parts(
      {{tr("linears"), memory.linears},
       {tr("embeddings"), memory.embeddings_and_head},
       {tr("KV cache"), memory.kv_cache},
       {tr("buffers"), memory.total() - memory.linears - memory.embeddings_and_head - memory.kv_cache}},
      target.memory_free, target.name);
}

} // namespace intarsia::ui
