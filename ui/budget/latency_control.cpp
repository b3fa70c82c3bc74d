// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/budget/latency_control.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QLocale>
#include <QPushButton>
#include <QVBoxLayout>

#include "core/base/error.h"
#include "ui/budget/budget_text.h"
#include "ui/budget/measure_latency.h"
#include "ui/budget/scale_slider.h"
#include "ui/theme/theme.h"
#include "ui/widgets/card.h"
#include "ui/widgets/elided_label.h"
#include "ui/widgets/note.h"
#include "ui/widgets/sized_field.h"

namespace intarsia::ui {

LatencyControl::LatencyControl(StudioSession& session, QWidget* parent)
    : QWidget(parent)
    , session_(session)
    , slider_(new ScaleSlider(this))
    , field_(new SizedField(QStringLiteral("1023.99 MiB"), this)) // as wide as the memory's
    , device_(new ElidedLabel("muted", this))
    , note_(new Note(this))
    , import_(new QPushButton(tr("Import times…"), this))
    , save_(new QPushButton(tr("Save times…"), this)) {
  slider_->setObjectName(QStringLiteral("latencySlider"));
  slider_->setAccessibleName(tr("Time a token may take"));
  field_->setObjectName(QStringLiteral("latencyField"));
  field_->setAccessibleName(tr("Latency budget, such as 6.5 ms or 150 tok/s; empty for no limit"));
  field_->setToolTip(tr("6.5 ms or 150 tok/s; empty for no limit"));
  field_->setPlaceholderText(tr("no limit"));
  import_->setObjectName(QStringLiteral("link"));
  import_->setToolTip(tr("Imports a latency table: the times of each layer on a device. With it you can plan "
                         "for speed"));
  save_->setObjectName(QStringLiteral("link"));
  save_->setToolTip(tr("Saves the latency table that is planned with as JSON"));
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(spacing / 2);
  auto* top = new QHBoxLayout;
  top->addWidget(new QLabel(tr("Latency"), this));
  top->addStretch();
  top->addWidget(field_);
  layout->addLayout(top);
  layout->addWidget(slider_);
  layout->addWidget(device_);
  layout->addWidget(note_);
  layout->addWidget(new MeasureLatency(session_, this));
  auto* files = new QHBoxLayout;
  files->addWidget(import_);
  files->addWidget(save_);
  files->addStretch();
  layout->addLayout(files);
  connect(slider_, &ScaleSlider::moved, this, [this](double seconds, bool dragging) {
    refused_.clear();
    const bool at_end = slider_->value() == slider_->maximum();
    session_.planner().set_latency(at_end ? std::nullopt : std::optional(seconds),
                                   dragging ? Gesture::dragging : Gesture::once);
  });
  connect(slider_, &ScaleSlider::let_go, &session_.planner(), &Planner::end_gesture);
  connect(field_, &QLineEdit::editingFinished, this, &LatencyControl::field_edited);
  connect(import_, &QPushButton::clicked, this, &LatencyControl::import_wanted);
  connect(save_, &QPushButton::clicked, this, &LatencyControl::save_wanted);
  connect(&session_.planner(), &Planner::inputs_changed, this, &LatencyControl::refresh);
  connect(&session_.planner(), &Planner::plan_changed, this, &LatencyControl::refresh);
  connect(&session_.latency(), &Latency::table_changed, this, &LatencyControl::refresh);
  connect(&session_.models(), &ModelStore::changed, this, [this] {
    refused_.clear(); // it was said of the model before
    refresh();
  });
  refresh();
}

void LatencyControl::field_edited() {
  if (!field_->isModified()) return;
  field_->setModified(false);
  const QString text = field_->text().trimmed();
  refused_.clear();
  try {
    session_.planner().set_latency(text.isEmpty() ? std::nullopt : std::optional(read_latency(text)));
  } catch (const Error&) {
    refused_ = refused_latency(text);
  }
  refresh();
}

QString LatencyControl::device_text() const {
  const auto& table = session_.latency().table();
  if (!table) return session_.latency().can_measure() ? tr("No times are known yet.") : QString();
  const QString device = QString::fromStdString(table->device_name);
  const QString name = session_.latency().estimated() ? tr("%1, estimated").arg(device) : device;
  const auto& range = session_.planner().answer().latency_range;
  if (!range) return name;
  // The name last: it may be cut off.
  return tr("Fastest %1 (%2 tok/s) on %3")
      .arg(latency_text(range->low), QLocale().toString(1 / range->low, 'f', 0), name);
}

void LatencyControl::refresh() {
  const Planner& planner = session_.planner();
  const auto& range = planner.answer().latency_range;
  const auto& seconds = planner.inputs().latency_seconds;
  const bool usable = session_.latency().table() && !planner.fixed();
  slider_->setEnabled(usable);
  field_->setEnabled(usable);
  save_->setEnabled(session_.latency().table().has_value());
  import_->setEnabled(planner.has_model() && !planner.fixed());
  device_->setText(device_text());
  QStringList more{device_->text()};
  if (usable && session_.latency().estimated())
    more << QString::fromStdString(session_.latency().table()->estimated);
  device_->setToolTip(more.join(QLatin1Char('\n')));
  if (usable && range) {
    const double middle = (range->low + range->high) / 2;
    slider_->set_scale(range->low, range->high,
                       {{range->low, latency_text(range->low)},
                        {middle, latency_text(middle)},
                        {range->high, tr("no limit")}});
    slider_->show_value(seconds.value_or(range->high));
  } else if (!usable) {
    slider_->set_scale(0, 0, {});
  }
  if (!field_->hasFocus() || slider_->isSliderDown() || !field_->isModified())
    field_->setText(seconds ? latency_text(*seconds) : QString());
  if (!refused_.isEmpty())
    note_->say(refused_, Note::problem);
  else
    note_->say(usable ? latency_price(planner.answer()) : QString(), Note::gain);
}

} // namespace intarsia::ui
