// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/quantize/quantize_page.h"

#include <QDir>
#include <QFileDialog>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QLocale>
#include <QProgressBar>
#include <QPushButton>
#include <QStandardPaths>
#include <QTableWidget>

#include "core/palette/quantizer.h"
#include "ui/theme/theme.h"
#include "ui/widgets/card.h"
#include "ui/widgets/time_left.h"

namespace intarsia::ui {
QuantizePage::QuantizePage(StudioSession& session, QWidget* parent)
    : QWidget(parent)
    , session_(session)
    , output_(new QLineEdit(this))
    , start_(new QPushButton(tr("Quantize"), this))
    , resume_(new QPushButton(tr("Resume"), this))
    , cancel_(new QPushButton(tr("Cancel"), this))
    , chat_(new QPushButton(tr("Chat with it"), this))
    , progress_(new QProgressBar(this))
    , status_(make_label({}, "muted", this))
    , result_(new QLabel(this))
    , layers_(new QTableWidget(0, 5, this)) {
  auto* left = new QVBoxLayout;
  left->setSpacing(2 * spacing);
  left->addWidget(build_job_card());
  left->addWidget(build_result_card(), 1);
  auto* table = new Card(tr("Distortion of the layers, predicted and measured"), this);
  layers_->setObjectName(QStringLiteral("quantizedLayers"));
  layers_->setAccessibleName(tr("Quantized layers"));
  layers_->setHorizontalHeaderLabels(
      {tr("Layer"), tr("Quantizer"), tr("Predicted"), tr("Measured"), tr("Time")});
  layers_->horizontalHeader()->setSectionResizeMode(0, QHeaderView::Stretch);
  for (int column = 1; column < 5; ++column)
    layers_->horizontalHeader()->setSectionResizeMode(column, QHeaderView::ResizeToContents);
  layers_->verticalHeader()->hide();
  layers_->setEditTriggers(QAbstractItemView::NoEditTriggers);
  layers_->setAlternatingRowColors(true);
  layers_->setWordWrap(false);
  layers_->setTextElideMode(Qt::ElideLeft); // the end of a layer's name tells it from the others
  table->content()->addWidget(layers_, 1);
  auto* layout = new QHBoxLayout(this);
  layout->setContentsMargins(2 * spacing, 2 * spacing, 2 * spacing, 2 * spacing);
  layout->setSpacing(2 * spacing);
  layout->addLayout(left);
  layout->addWidget(table, 1);
  connect(&session_, &StudioSession::model_changed, this, &QuantizePage::suggest_output);
  connect(&session_, &StudioSession::plan_changed, this, &QuantizePage::refresh_job);
  connect(&session_, &StudioSession::quantize_changed, this, &QuantizePage::refresh_job);
  connect(&session_, &StudioSession::quality_changed, this, &QuantizePage::refresh_result);
  suggest_output();
}

QWidget* QuantizePage::build_job_card() {
  auto* card = new Card(tr("Quantize"), this);
  card->setFixedWidth(400);
  card->content()->addWidget(make_label(tr("Folder to make"), "muted", this));
  auto* row = new QHBoxLayout;
  output_->setObjectName(QStringLiteral("output"));
  output_->setAccessibleName(tr("Folder to make"));
  row->addWidget(output_, 1);
  auto* browse = new QPushButton(tr("Choose…"), this);
  row->addWidget(browse);
  card->content()->addLayout(row);
  progress_->setObjectName(QStringLiteral("quantizeProgress"));
  progress_->setAccessibleName(tr("Progress of quantizing"));
  progress_->setRange(0, 1000);
  progress_->setFixedHeight(8);
  card->content()->addSpacing(spacing);
  card->content()->addWidget(progress_);
  status_->setMinimumHeight(40);
  card->content()->addWidget(status_);
  auto* buttons = new QHBoxLayout;
  start_->setObjectName(QStringLiteral("primary"));
  cancel_->setObjectName(QStringLiteral("cancelQuantize"));
  resume_->setObjectName(QStringLiteral("resumeQuantize"));
  buttons->addWidget(start_, 1);
  buttons->addWidget(resume_);
  buttons->addWidget(cancel_);
  card->content()->addLayout(buttons);
  connect(browse, &QPushButton::clicked, this, [this] {
    const QString chosen = QFileDialog::getSaveFileName(this, tr("Folder to make"), output_->text(), {},
                                                        nullptr, QFileDialog::ShowDirsOnly);
    if (!chosen.isEmpty()) output_->setText(chosen);
  });
  connect(output_, &QLineEdit::textChanged, this, &QuantizePage::refresh_job);
  connect(start_, &QPushButton::clicked, this, [this] { session_.quantize(output_->text(), false); });
  connect(resume_, &QPushButton::clicked, this, [this] { session_.quantize(output_->text(), true); });
  connect(cancel_, &QPushButton::clicked, &session_, &StudioSession::cancel_quantize);
  return card;
}

QWidget* QuantizePage::build_result_card() {
  auto* card = new Card(tr("Result"), this);
  card->setFixedWidth(400);
  result_->setObjectName(QStringLiteral("quantizeResult"));
  result_->setTextFormat(Qt::RichText);
  result_->setWordWrap(true);
  card->content()->addWidget(result_);
  card->content()->addStretch();
  chat_->setObjectName(QStringLiteral("chatWithIt"));
  card->content()->addWidget(chat_);
  connect(chat_, &QPushButton::clicked, this, [this] {
    session_.choose_chat_model(true);
    emit chat_wanted();
  });
  return card;
}

void QuantizePage::suggest_output() {
  if (session_.model()) {
    const QString base =
        QStandardPaths::writableLocation(QStandardPaths::DocumentsLocation) + QStringLiteral("/Intarsia/");
    const QString name = QFileInfo(session_.model_path()).completeBaseName();
    QString candidate = base + name + QStringLiteral("-quantized");
    for (int i = 2; QFileInfo::exists(candidate); ++i)
      candidate = base + name + QStringLiteral("-quantized-%1").arg(i);
    output_->setText(candidate);
  }
  refresh_job();
}

void QuantizePage::refresh_job() {
  const JobStatus& job = session_.quantize_job();
  const bool running = job.state == JobState::running,
             planned = session_.plan() && session_.model()->checkpoint;
  const bool exists = QFileInfo::exists(output_->text());
  start_->setEnabled(planned && !running && !exists && !output_->text().isEmpty());
  resume_->setVisible(!running && session_.can_resume(output_->text()));
  resume_->setEnabled(planned);
  cancel_->setEnabled(running);
  output_->setEnabled(!running);
  progress_->setValue(job.total > 0 ? int(1000 * std::min(1.0, job.done / job.total)) : 0);
  const QLocale locale;
  switch (job.state) {
  case JobState::idle:
    status_->setText(!planned ? tr("A plan is needed first: open a model and choose a budget.")
                     : exists ? tr("This folder exists already; choose another name.")
                              : tr("Ready."));
    break;
  case JobState::running:
    status_->setText(tr("%1\n%2 of %3 million weights. %4")
                         .arg(job.stage, locale.toString(job.done / 1e6, 'f', 1),
                              locale.toString(job.total / 1e6, 'f', 1), time_left(job.seconds_left)));
    break;
  case JobState::done:
    status_->setText(tr("Done: %1").arg(session_.artifact_path()));
    break;
  case JobState::failed:
    status_->setText(job.sentence);
    break;
  case JobState::cancelled:
    status_->setText(tr("Cancelled. What is finished is kept: Resume goes on, Quantize starts anew."));
    break;
  }
  refresh_layers();
  refresh_result();
}

void QuantizePage::refresh_layers() {
  const auto& done = session_.quantized_layers();
  if (int(done.size()) < layers_->rowCount()) layers_->setRowCount(0);
  const QLocale locale;
  for (int row = layers_->rowCount(); row < int(done.size()); ++row) { // only what is new
    const LayerDone& layer = done[std::size_t(row)];
    layers_->insertRow(row);
    const QString cells[] = {
        QString::fromStdString(layer.name), QString::fromStdString(to_string(layer.quantizer)),
        locale.toString(quantizer(layer.quantizer).distortion(), 'g', 4),
        locale.toString(layer.distortion, 'g', 4),
        layer.resumed ? tr("resumed") : tr("%1 s").arg(locale.toString(layer.seconds, 'f', 2))};
    for (int column = 0; column < 5; ++column)
      layers_->setItem(row, column, new QTableWidgetItem(cells[column]));
  }
}

void QuantizePage::refresh_result() {
  const bool done = session_.quantize_job().state == JobState::done && session_.plan();
  chat_->setEnabled(done);
  if (!done) {
    result_->setText(tr("After quantizing: size, distortion and perplexity, predicted and measured."));
    return;
  }
  const QLocale locale;
  const auto row = [](const QString& label, const QString& value) {
    return QStringLiteral("<tr><td style='padding:3px 20px 3px 0'>%1</td><td><b>%2</b></td></tr>")
        .arg(label, value);
  };
  const std::uint64_t before = f16_model_bytes(session_.model()->graph(), session_.model()->config());
  const qint64 after = QFileInfo(session_.artifact_path() + QStringLiteral("/model.safetensors")).size();
  QString text = QStringLiteral("<table>"), after_table;
  text += row(tr("Size in f16"), locale.formattedDataSize(qint64(before), 2));
  text += row(tr("Size now"), locale.formattedDataSize(after, 2));
  if (const auto& quality = session_.quality()) {
    const bool beside = quality->no_original.isEmpty();
    if (beside)
      text += row(tr("Perplexity of the original"), locale.toString(quality->original_perplexity, 'f', 4));
    text += row(tr("Perplexity now"), locale.toString(quality->quantized_perplexity, 'f', 4));
    if (beside)
      text += row(tr("KL divergence"), tr("%1 nats a token").arg(locale.toString(quality->kl, 'g', 3)));
    else
      after_table =
          tr("The original was not measured beside it: %1").arg(quality->no_original.toHtmlEscaped());
  }
  result_->setText(text + QStringLiteral("</table>") + after_table);
}

} // namespace intarsia::ui
