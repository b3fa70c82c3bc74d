// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/budget/latency_control.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QLocale>
#include <QPushButton>
#include <QSlider>
#include <QVBoxLayout>
#include <cmath>

#include "core/base/error.h"
#include "ui/budget/measure_latency.h"
#include "ui/theme/theme.h"
#include "ui/widgets/card.h"

namespace intarsia::ui {
namespace {

constexpr int slider_steps = 500; // the last position is "no limit"

QString milliseconds(double seconds) {
  return QObject::tr("%1 ms").arg(QLocale().toString(seconds * 1e3, 'f', 2));
}

QString speed(double seconds) { return QObject::tr("%1 tok/s").arg(QLocale().toString(1 / seconds, 'f', 0)); }

} // namespace

LatencyControl::LatencyControl(StudioSession& session, QWidget* parent)
    : QWidget(parent)
    , session_(session)
    , slider_(new QSlider(Qt::Horizontal, this))
    , field_(new QLineEdit(this))
    , ends_(make_label({}, "muted", this))
    , price_(make_label({}, "gain", this))
    , problem_(make_label({}, "error", this))
    , import_(new QPushButton(tr("Import…"), this))
    , save_(new QPushButton(tr("Save…"), this)) {
  slider_->setObjectName(QStringLiteral("latencySlider"));
  slider_->setAccessibleName(tr("Time a token may take"));
  slider_->setRange(0, slider_steps);
  slider_->setPageStep(slider_steps / 20);
  field_->setObjectName(QStringLiteral("latencyField"));
  field_->setAccessibleName(tr("Latency budget, such as 6.5ms or 150tok/s; empty for no limit"));
  field_->setToolTip(tr("6.5ms or 150tok/s; empty for no limit"));
  field_->setPlaceholderText(tr("no limit"));
  field_->setFixedWidth(104);
  field_->setAlignment(Qt::AlignRight);
  import_->setObjectName(QStringLiteral("importLatency"));
  import_->setAccessibleName(tr("Import a latency table"));
  import_->setToolTip(
      tr("Imports a latency table: the times of each layer on a device. With it you can plan for speed"));
  save_->setObjectName(QStringLiteral("saveLatency"));
  save_->setAccessibleName(tr("Save the latency table"));
  save_->setToolTip(tr("Saves the latency table that is planned with as JSON"));

  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  auto* top = new QHBoxLayout;
  top->addWidget(new QLabel(tr("Latency"), this));
  top->addStretch();
  top->addWidget(field_);
  layout->addLayout(top);
  auto* measure = new MeasureLatency(session_, this);
  for (QWidget* widget : std::initializer_list<QWidget*>{slider_, ends_, price_, problem_, measure})
    layout->addWidget(widget);
  auto* files = new QHBoxLayout;
  files->addWidget(import_, 1);
  files->addWidget(save_, 1);
  layout->addLayout(files);
  connect(slider_, &QSlider::valueChanged, this, &LatencyControl::slider_moved);
  connect(field_, &QLineEdit::editingFinished, this, &LatencyControl::field_edited);
  connect(import_, &QPushButton::clicked, this, &LatencyControl::import_wanted);
  connect(save_, &QPushButton::clicked, this, &LatencyControl::save_wanted);
  connect(&session_, &StudioSession::budgets_changed, this, &LatencyControl::show_budgets);
  connect(&session_, &StudioSession::plan_changed, this, &LatencyControl::show_plan);
  connect(&session_, &StudioSession::latency_changed, this, &LatencyControl::show_plan);
  show_budgets();
  show_plan();
}

void LatencyControl::slider_moved(int position) {
  const auto& range = session_.answer().latency_range;
  if (!range) return;
  if (position == slider_steps) return session_.set_latency({});
  session_.set_latency(range->low + (range->high - range->low) * position / slider_steps);
}

void LatencyControl::field_edited() {
  if (!field_->isModified()) return;
  field_->setModified(false);
  problem_->hide();
  const QString text = field_->text().trimmed();
  try {
    session_.set_latency(text.isEmpty() ? std::nullopt
                                        : std::optional(parse_latency_budget(text.toStdString())));
  } catch (const Error& error) {
    problem_->setText(QString::fromUtf8(error.what()));
    problem_->show();
  }
}

void LatencyControl::show_budgets() {
  const auto& seconds = session_.budgets().latency_seconds;
  if (!field_->hasFocus() || slider_->isSliderDown())
    field_->setText(seconds ? milliseconds(*seconds).remove(QChar(0xA0)) : QString());
  const auto& range = session_.answer().latency_range;
  if (!range || slider_->isSliderDown()) return;
  const QSignalBlocker blocker(slider_);
  const double part = seconds ? (*seconds - range->low) / std::max(1e-12, range->high - range->low) : 1;
  slider_->setValue(int(std::lround(std::clamp(part, 0.0, 1.0) * slider_steps)));
}

void LatencyControl::show_plan() {
  const auto& range = session_.answer().latency_range;
  const bool planned = session_.latency_table().has_value() && range;
  save_->setVisible(session_.latency_table().has_value());
  slider_->setVisible(planned);
  field_->setVisible(planned);
  ends_->setVisible(planned);
  const Plan* plan = session_.plan();
  const bool priced = planned && plan && plan->shadow_prices.loss_per_millisecond && plan->predicted.loss > 0;
  price_->setVisible(priced);
  if (session_.answer().problem.isEmpty()) problem_->hide();
  if (!planned) return;
  const LatencyTable& table = *session_.latency_table();
  const QString device = QString::fromStdString(table.device_name);
  ends_->setText(tr("%1: fastest %2 (%3)")
                     .arg(table.estimated.empty() ? device : tr("%1, estimated").arg(device),
                          milliseconds(range->low), speed(range->low)));
  ends_->setToolTip(QString::fromStdString(table.estimated));
  show_budgets();
  if (!priced) return;
  const double step = 0.02 * *plan->predicted.latency_seconds * 1e3; // what 2 % more time would buy
  const double change = -100 * *plan->shadow_prices.loss_per_millisecond * step / plan->predicted.loss;
  if (change < 0.05) {
    price_->setText(tr("More time would change nothing: the memory budget decides"));
    return;
  }
  price_->setText(
      tr("%1 ms more would cut the predicted loss by %2 %")
          .arg(QLocale().toString(step, 'g', 2), QLocale().toString(std::min(change, 100.0), 'f', 1)));
}

} // namespace intarsia::ui
