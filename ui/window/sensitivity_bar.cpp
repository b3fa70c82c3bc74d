// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/window/sensitivity_bar.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QProgressBar>
#include <QPushButton>

#include "ui/allocation/plan_text.h"
#include "ui/theme/theme.h"
#include "ui/widgets/card.h"

namespace intarsia::ui {

SensitivityBar::SensitivityBar(Sensitivities& sensitivities, QWidget* parent)
    : QWidget(parent)
    , sensitivities_(sensitivities)
    , text_(make_label({}, "muted", this))
    , progress_(new QProgressBar(this))
    , good_enough_(new QPushButton(tr("Good enough"), this))
    , cancel_(new QPushButton(tr("Cancel"), this))
    , again_(new QPushButton(tr("Measure"), this)) {
  text_->setObjectName(QStringLiteral("measuring"));
  text_->setTextFormat(Qt::PlainText);
  text_->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
  progress_->setObjectName(QStringLiteral("sensitivityProgress"));
  progress_->setAccessibleName(tr("Progress of measuring sensitivities"));
  progress_->setFixedSize(72, 6);
  good_enough_->setObjectName(QStringLiteral("goodEnough"));
  good_enough_->setToolTip(tr("Stops measuring and keeps what is known so far, for the next time too"));
  cancel_->setObjectName(QStringLiteral("cancelSensitivity"));
  cancel_->setToolTip(tr("Stops measuring; the plan stays as it is"));
  again_->setObjectName(QStringLiteral("measureSensitivity"));
  again_->setToolTip(tr("Measures how sensitive each layer is, for a better plan"));
  auto* row = new QHBoxLayout(this);
  row->setContentsMargins(0, 0, 0, 0);
  row->addWidget(text_, 1);
  for (QWidget* widget : std::initializer_list<QWidget*>{progress_, good_enough_, cancel_, again_})
    row->addWidget(widget);
  connect(good_enough_, &QPushButton::clicked, &sensitivities_, &Sensitivities::settle);
  connect(cancel_, &QPushButton::clicked, &sensitivities_, &Sensitivities::cancel);
  connect(again_, &QPushButton::clicked, &sensitivities_, &Sensitivities::measure);
  connect(&sensitivities_, &Sensitivities::changed, this, &SensitivityBar::refresh);
  connect(&sensitivities_, &Sensitivities::progressed, this, &SensitivityBar::refresh);
  refresh();
}

void SensitivityBar::refresh() {
  const JobStatus& job = sensitivities_.job();
  const bool measuring = sensitivities_.measuring();
  text_->setText(sensitivity_text(sensitivities_));
  text_->setToolTip(text_->text());
  progress_->setRange(0, job.total > 0 ? 1000 : 0);
  progress_->setValue(job.total > 0 ? int(1000 * job.done / job.total) : 0);
  progress_->setVisible(measuring);
  cancel_->setVisible(measuring);
  good_enough_->setVisible(measuring && sensitivities_.kind() == SensitivityKind::partial);
  setVisible(measuring || !text_->text().isEmpty()); // else the status has the whole line
  again_->setVisible(!measuring && (job.state == JobState::cancelled || job.state == JobState::failed));
}

} // namespace intarsia::ui
