// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/quantize/calibration_control.h"

#include <QFileDialog>
#include <QFileInfo>
#include <QLocale>
#include <QSignalBlocker>
#include <QVBoxLayout>

#include "core/artifact/quantize_job.h"
#include "ui/theme/theme.h"
#include "ui/widgets/card.h"
#include "ui/widgets/choice_box.h"

namespace intarsia::ui {

CalibrationControl::CalibrationControl(StudioSession& session, QWidget* parent)
    : QWidget(parent)
    , session_(session)
    , choice_(new ChoiceBox(this))
    , help_(make_label({}, "muted", this)) {
  choice_->setObjectName(QStringLiteral("calibration"));
  choice_->setAccessibleName(tr("Calibrate on"));
  choice_->setToolTip(tr("A calibrated model is rounded so that its layers' outputs, not their weights, stay "
                         "close to the original's on this text. It loses less, most of all at few bits"));
  choice_->addItems({tr("The model's own text"), tr("A text file…"), tr("Nothing: no calibration")});
  help_->setObjectName(QStringLiteral("calibrationHelp"));
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(spacing / 2);
  layout->addWidget(make_label(tr("Calibrate on"), "muted", this));
  layout->addWidget(choice_);
  layout->addWidget(help_);
  connect(choice_, &QComboBox::activated, this, &CalibrationControl::choose);
  connect(&session_.quantization(), &Quantization::calibration_changed, this, &CalibrationControl::refresh);
  refresh();
}

void CalibrationControl::choose(int index) {
  if (CalibrateOn(index) == CalibrateOn::file)
    return choose_file(QFileDialog::getOpenFileName(this, tr("A text to calibrate on"), {},
                                                    tr("Texts (*.txt *.md *.jsonl);;All files (*)")));
  Calibration calibration = session_.quantization().calibration();
  calibration.text = CalibrateOn(index);
  session_.quantization().set_calibration(calibration);
  refresh();
}

void CalibrationControl::choose_file(const QString& file) {
  if (!file.isEmpty()) {
    Calibration calibration = session_.quantization().calibration();
    calibration.text = CalibrateOn::file;
    calibration.file = file;
    session_.quantization().set_calibration(calibration);
  }
  refresh();
}

QString CalibrationControl::help() const {
  const Plan* plan = session_.planner().plan();
  const Calibration& calibration = session_.quantization().calibration();
  if (calibration.text == CalibrateOn::none)
    return tr("The quickest, and it loses more: most of all below 4 bits.");
  if (!plan || !session_.can_quantize()) return {};
  const bool own = calibration.text == CalibrateOn::own, cached = session_.sensitivities().own_text_cached();
  const TextAtHand at_hand = !own ? TextAtHand::text : cached ? TextAtHand::weighed : TextAtHand::none;
  const double times = calibration_time_factor(session_.model()->graph(), *plan, calibration.tokens, at_hand);
  const QString factor = QLocale().toString(times, 'f', times < 9.95 ? 1 : 0);
  switch (at_hand) {
  case TextAtHand::none:
    return tr("The model writes it, once. About %1 times as long as without calibration.").arg(factor);
  case TextAtHand::weighed:
    return tr("The model has written it already. About %1 times as long as without calibration.").arg(factor);
  case TextAtHand::text:
    break;
  }
  return tr("About %1 times as long as without calibration. Best when it resembles what the model will be "
            "used for.")
      .arg(factor);
}

void CalibrationControl::refresh() {
  const Calibration& calibration = session_.quantization().calibration();
  const QSignalBlocker quiet(choice_);
  choice_->setItemText(int(CalibrateOn::file),
                       calibration.file.isEmpty()
                           ? tr("A text file…")
                           : tr("The text %1…").arg(QFileInfo(calibration.file).fileName()));
  choice_->setCurrentIndex(int(calibration.text));
  choice_->setEnabled(session_.can_quantize() && !session_.quantization().running());
  help_->setText(help());
}

} // namespace intarsia::ui
