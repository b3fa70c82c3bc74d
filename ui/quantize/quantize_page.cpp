// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/quantize/quantize_page.h"

#include <QEvent>
#include <QFileDialog>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QMessageBox>
#include <QProgressBar>
#include <QPushButton>
#include <QScrollArea>
#include <QScrollBar>
#include <QStandardPaths>
#include <QTableView>
#include <algorithm>

#include "ui/quantize/calibration_control.h"
#include "ui/quantize/layer_table_model.h"
#include "ui/quantize/quantize_text.h"
#include "ui/session/partial_run.h"
#include "ui/theme/theme.h"
#include "ui/widgets/card.h"
#include "ui/widgets/sentence.h"

namespace intarsia::ui {

QuantizePage::QuantizePage(StudioSession& session, QWidget* parent)
    : QWidget(parent)
    , session_(session)
    , output_(new QLineEdit(this))
    , browse_(new QPushButton(tr("Choose…"), this))
    , start_(new QPushButton(tr("Quantize"), this))
    , resume_(new QPushButton(tr("Resume"), this))
    , cancel_(new QPushButton(tr("Cancel"), this))
    , chat_(new QPushButton(tr("Chat with it"), this))
    , progress_(new QProgressBar(this))
    , plan_(make_label({}, "body", this))
    , warning_(make_label({}, "warning", this))
    , status_(make_label({}, "muted", this))
    , result_(new QLabel(this))
    , deviates_(make_label({}, "muted", this))
    , calibration_(new CalibrationControl(session, this))
    , layers_(new QTableView(this))
    , table_(new LayerTableModel(this)) {
  left_ = new QScrollArea(this); // a low window or large text
  auto* inside = new QWidget(this);
  inside->setObjectName(QStringLiteral("quantizeSide"));
  inside->setStyleSheet(QStringLiteral("QWidget#quantizeSide { background: transparent; }"));
  auto* left = new QVBoxLayout(inside);
  left->setContentsMargins(0, 0, 0, 0);
  left->setSpacing(2 * spacing);
  left->addWidget(build_job_card());
  left->addWidget(build_result_card(), 1);
  auto* layout = new QHBoxLayout(this);
  layout->setContentsMargins(2 * spacing, 2 * spacing, 2 * spacing, 2 * spacing);
  layout->setSpacing(2 * spacing);
  left_->setWidget(inside);
  left_->setWidgetResizable(true);
  left_->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  left_->setFocusPolicy(Qt::NoFocus);
  layout->addWidget(left_);
  layout->addWidget(build_layers_card(), 1);
  connect(&session_.models(), &ModelStore::changed, this, [this] {
    output_is_own_ = false;
    suggest_output();
  });
  connect(&session_.planner(), &Planner::plan_changed, this, &QuantizePage::follow_plan);
  connect(&session_.sensitivities(), &Sensitivities::progressed, this, [this] {
    if (isVisible()) plan_->setText(plan_text()); // it may have been cancelled
  });
  connect(&session_.quantization(), &Quantization::made, this, &QuantizePage::follow_plan);
  connect(&session_.quantization(), &Quantization::quality_changed, this, [this] {
    if (session_.quantization().quality())
      left_->ensureWidgetVisible(chat_); // in a low window it is further down
  });
  connect(&session_.quantization(), &Quantization::changed, this, &QuantizePage::refresh);
  connect(&session_.quantization(), &Quantization::calibration_changed, this, &QuantizePage::refresh);
  connect(&session_.quantization(), &Quantization::quality_changed, this, &QuantizePage::refresh);
  suggest_output();
}

QWidget* QuantizePage::build_job_card() {
  auto* card = new Card(tr("Quantize"), this);
  plan_->setObjectName(QStringLiteral("quantizePlan"));
  plan_->setAlignment(Qt::AlignTop);
  warning_->setObjectName(QStringLiteral("warning"));
  card->content()->addWidget(plan_);
  card->content()->addWidget(warning_);
  card->content()->addWidget(make_label(tr("Folder to make"), "muted", this));
  auto* row = new QHBoxLayout;
  output_->setObjectName(QStringLiteral("output"));
  output_->setAccessibleName(tr("Folder to make"));
  row->addWidget(output_, 1);
  row->addWidget(browse_);
  card->content()->addLayout(row);
  card->content()->addWidget(calibration_);
  progress_->setObjectName(QStringLiteral("quantizeProgress"));
  progress_->setAccessibleName(tr("Progress of quantizing"));
  progress_->setRange(0, 1000);
  progress_->setFixedHeight(8);
  card->content()->addWidget(progress_);
  status_->setObjectName(QStringLiteral("quantizeStatus"));
  status_->setTextFormat(Qt::PlainText);
  status_->setAlignment(Qt::AlignTop);
  status_->setMinimumHeight(56); // room for its longest sentence: buttons below don't move
  card->content()->addWidget(status_);
  auto* buttons = new QHBoxLayout;
  start_->setObjectName(QStringLiteral("startQuantize"));
  cancel_->setObjectName(QStringLiteral("cancelQuantize"));
  resume_->setObjectName(QStringLiteral("resumeQuantize"));
  buttons->addWidget(start_, 1);
  buttons->addWidget(resume_, 1);
  buttons->addWidget(cancel_);
  card->content()->addLayout(buttons);
  connect(browse_, &QPushButton::clicked, this, [this] {
    const QString chosen = QFileDialog::getSaveFileName(this, tr("Folder to make"), output_->text(), {},
                                                        nullptr, QFileDialog::ShowDirsOnly);
    if (chosen.isEmpty()) return;
    output_is_own_ = true;
    output_->setText(chosen);
  });
  connect(output_, &QLineEdit::textEdited, this, [this] { output_is_own_ = true; });
  connect(output_, &QLineEdit::textChanged, this, &QuantizePage::refresh);
  connect(start_, &QPushButton::clicked, this, &QuantizePage::start_over);
  connect(resume_, &QPushButton::clicked, this, [this] { session_.quantization().resume(output_->text()); });
  connect(cancel_, &QPushButton::clicked, &session_.quantization(), &Quantization::cancel);
  return card;
}

QWidget* QuantizePage::build_result_card() {
  auto* card = new Card(tr("Result"), this);
  result_->setObjectName(QStringLiteral("quantizeResult"));
  result_->setTextFormat(Qt::RichText);
  result_->setWordWrap(true);
  result_->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
  card->content()->addWidget(result_);
  card->content()->addStretch();
  chat_->setObjectName(QStringLiteral("chatWithIt"));
  card->content()->addWidget(chat_);
  connect(chat_, &QPushButton::clicked, this, [this] {
    session_.chat().choose_speaker(Speaker::quantized);
    emit chat_wanted();
  });
  return card;
}

QWidget* QuantizePage::build_layers_card() {
  auto* table = new Card(tr("Distortion of the layers, predicted and measured"), this);
  layers_->setObjectName(QStringLiteral("quantizedLayers"));
  layers_->setAccessibleName(tr("Quantized layers"));
  layers_->setModel(table_);
  layers_->horizontalHeader()->setSectionResizeMode(LayerTableModel::layer, QHeaderView::Stretch);
  fit_to_font();
  layers_->verticalHeader()->hide();
  layers_->setAlternatingRowColors(true);
  layers_->setTabKeyNavigation(false); // Tab goes on to what is next
  layers_->setWordWrap(false);
  layers_->setTextElideMode(Qt::ElideLeft); // the end of a layer's name tells it from the others
  table->content()->addWidget(layers_, 1);
  deviates_->setText(
      tr("Calibrated weights deviate more, so that what the layers compute deviates less. The loss at the "
         "left is what counts."));
  deviates_->hide();
  table->content()->addWidget(deviates_);
  return table;
}

// Columns wide enough for what they hold: measuring every row anew for each that comes would cost more and
// more. Room for what is mostly said of a plan, so that nothing below it moves.
void QuantizePage::fit_to_font() {
  plan_->setMinimumHeight(3 * plan_->fontMetrics().lineSpacing());
  const QFontMetrics metrics(font());
  const QString widest[] = {{},
                            QStringLiteral("half-tcq-4.75"),
                            QStringLiteral("0.0000123"),
                            QStringLiteral("0.0000123"),
                            QStringLiteral("resumed")};
  for (int column = 1; column < LayerTableModel::column_count; ++column)
    layers_->setColumnWidth(column, metrics.horizontalAdvance(widest[column]) + 2 * spacing);
}

void QuantizePage::changeEvent(QEvent* event) {
  QWidget::changeEvent(event);
  if (event->type() == QEvent::StyleChange || event->type() == QEvent::FontChange) fit_to_font();
}

void QuantizePage::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  const int card = std::clamp(width() * 2 / 5, 320, 420);
  left_->setFixedWidth(card);
}

// A name that is free: nothing is there, finished or not.
void QuantizePage::suggest_output() {
  if (session_.models().is_artifact() || !session_.models().has_weights()) {
    output_->clear(); // nothing is made from it
  } else if (session_.model() && !output_is_own_) {
    const QString base =
        QStandardPaths::writableLocation(QStandardPaths::DocumentsLocation) + QStringLiteral("/Intarsia/");
    QFileInfo model(session_.models().path());
    if (model.fileName() == QLatin1String("config.json")) model = QFileInfo(model.absolutePath());
    const QString name = model.completeBaseName() + QStringLiteral("-quantized");
    QString candidate = base + name;
    for (int i = 2; QFileInfo::exists(candidate); ++i) candidate = base + name + QStringLiteral("-%1").arg(i);
    output_->setText(candidate);
  }
  refresh();
}

// Another plan goes into another folder. A page that nobody sees is not kept up to date: it would read the
// disk for each plan of a drag.
void QuantizePage::follow_plan() {
  stale_ = !isVisible();
  if (stale_) return;
  if (!session_.quantization().running() && result_is_of_another_plan() &&
      QFileInfo::exists(output_->text())) {
    output_is_own_ = false;
    suggest_output();
  }
  refresh();
}

bool QuantizePage::result_is_of_another_plan() const {
  const auto& made = session_.quantization().artifact();
  const Plan* plan = session_.planner().plan();
  return made && plan && !same_choices(made->plan, *plan);
}

// What an interrupted run left is not thrown away without asking.
void QuantizePage::start_over() {
  const auto begin = [this] {
    if (const Plan* plan = session_.planner().plan())
      session_.quantization().quantize(*plan, output_->text());
  };
  if (!has_partial_run(output_->text())) return begin();
  auto* box =
      new QMessageBox(QMessageBox::Question, tr("Start over?"),
                      tr("An interrupted quantization is in %1.partial. Starting over with the present "
                         "plan deletes it.")
                          .arg(output_->text()),
                      QMessageBox::NoButton, this);
  box->setObjectName(QStringLiteral("startOver"));
  box->setAttribute(Qt::WA_DeleteOnClose);
  auto* delete_it = box->addButton(tr("Delete it and start over"), QMessageBox::DestructiveRole);
  box->setDefaultButton(box->addButton(tr("Keep it"), QMessageBox::RejectRole));
  connect(delete_it, &QAbstractButton::clicked, this, begin);
  box->open();
}

QString QuantizePage::plan_text() const {
  const Quantization& job = session_.quantization();
  if (job.running() && job.run().plan) // as many lines as before, so that no button moves
    return tr("Plan in work: %1. %2")
        .arg(plan_summary(*job.run().plan), predicted_text(*job.run().plan, job.calibration()));
  const Plan* plan = session_.planner().plan();
  if (!plan || session_.planner().fixed()) return reason_not_to_quantize(session_);
  QString text = tr("Plan: %1. %2").arg(plan_summary(*plan), predicted_text(*plan, job.calibration()));
  const Sensitivities& sensitivities = session_.sensitivities();
  if (sensitivities.measuring())
    return text + QLatin1Char(' ') + tr("It still gets better: the sensitivities are being measured.");
  const SensitivityKind kind = sensitivities.kind();
  if (kind == SensitivityKind::provisional)
    text += QLatin1Char(' ') + tr("It is provisional: the sensitivities are by role and depth alone.");
  if (kind == SensitivityKind::provisional || kind == SensitivityKind::partial)
    text += QLatin1Char(' ') + tr("With measured sensitivities it would be better.");
  return text;
}

QString QuantizePage::status_text() const {
  const Quantization& quantization = session_.quantization();
  const JobStatus& job = quantization.job();
  if (job.state == JobState::running) return progress_text(quantization);
  const QString reason = reason_not_to_quantize(session_);
  if (!reason.isEmpty()) return session_.planner().plan() && !session_.planner().fixed() ? reason : QString();
  const QString out = output_->text();
  if (job.state == JobState::failed && quantization.run().output == out) return as_sentence(job.sentence);
  if (const auto left = partial_plan(out, session_.model()))
    return tr("An interrupted quantization is here, by a plan of %1. Resume goes on with that plan.")
        .arg(plan_summary(*left));
  if (has_partial_run(out))
    return tr(
        "What is left of an interrupted quantization here belongs to another model, so it cannot be taken "
        "up: choose another name, or start over.");
  if (job.state == JobState::done && quantization.artifact() && quantization.artifact()->path == out)
    return tr("Done: %1. Change the budgets to make another, or choose another name to make it again.")
        .arg(out);
  if (QFileInfo::exists(out)) return tr("This folder exists already; choose another name.");
  if (out.trimmed().isEmpty()) return tr("Name the folder to make.");
  return tr("Ready.");
}

void QuantizePage::refresh() {
  stale_ = !isVisible();
  if (stale_) return;
  const Quantization& quantization = session_.quantization();
  const JobStatus& job = quantization.job();
  plan_->setText(plan_text());
  const Plan* plan = session_.planner().plan();
  const bool warn = plan && session_.can_quantize();
  warning_->setText(warn ? source_warning(*session_.model(), *plan) : QString());
  warning_->setVisible(!warning_->text().isEmpty());
  const bool of_this_output = quantization.running() || quantization.run().output == output_->text();
  progress_->setValue(of_this_output && job.total > 0 ? int(1000 * std::min(1.0, job.done / job.total)) : 0);
  status_->setText(status_text());
  refresh_buttons();
  calibration_->refresh();
  const QScrollBar* bar = layers_->verticalScrollBar();
  const bool at_end = bar->value() == bar->maximum();
  table_->set_layers(quantization.run().layers);
  if (at_end && quantization.running()) layers_->scrollToBottom(); // unless somebody reads further up
  deviates_->setVisible(std::any_of(quantization.run().layers.begin(), quantization.run().layers.end(),
                                    [](const LayerDone& layer) { return layer.proxy_loss.has_value(); }));
  refresh_result();
}

void QuantizePage::showEvent(QShowEvent* event) {
  QWidget::showEvent(event);
  if (stale_) follow_plan();
}

void QuantizePage::refresh_buttons() {
  const bool running = session_.quantization().running();
  const QString out = output_->text();
  const bool at_start = start_->hasFocus() || resume_->hasFocus();
  const bool partial = !running && has_partial_run(out);
  const bool resumable = partial && partial_plan(out, session_.model()) && session_.models().has_weights();
  start_->setText(partial ? tr("Start over…") : tr("Quantize"));
  start_->setEnabled(session_.can_quantize() && !running && !out.trimmed().isEmpty() &&
                     !QFileInfo::exists(out));
  resume_->setVisible(resumable);
  make_primary(*start_, !resumable); // the button that keeps what is there stands out
  make_primary(*resume_, resumable);
  cancel_->setEnabled(running);
  if (running && at_start) cancel_->setFocus(); // not lost with the button that was pressed
  const bool makeable = session_.models().has_weights() && !session_.planner().fixed();
  output_->setEnabled(makeable && !running);
  browse_->setEnabled(makeable && !running);
}

void QuantizePage::refresh_result() {
  const Quantization& made = session_.quantization();
  const bool done = session_.model() && !session_.models().is_artifact() && made.artifact();
  chat_->setEnabled(done);
  if (!done)
    return result_->setText(tr("After quantizing: size, distortion and perplexity, predicted and measured."));
  QString text;
  if (result_is_of_another_plan())
    text = QStringLiteral("<p>%1</p>")
               .arg(tr("Of another plan than the present one: %1.").arg(plan_summary(made.artifact()->plan)));
  result_->setText(text + result_table(session_));
}

} // namespace intarsia::ui
