// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/quantize/quantize_text.h"

#include <QFileInfo>
#include <QLocale>
#include <algorithm>

#include "core/allocation/plan_memory.h"
#include "ui/model/source_facts.h"
#include "ui/widgets/time_left.h"

namespace intarsia::ui {
namespace {

QString tr(const char* text) { return QObject::tr(text); }

QString size_text(std::uint64_t bytes) { return QLocale().formattedDataSize(qint64(bytes), 2); }

// A table's row whose cells are plain text.
QString row(const QString& label, const QString& value) {
  return QStringLiteral(
             "<tr><td style='padding:3px 16px 3px 0'>%1</td><td style='padding:3px 0'><b>%2</b></td></tr>")
      .arg(label.toHtmlEscaped(), value.toHtmlEscaped());
}

} // namespace

bool same_choices(const Plan& a, const Plan& b) {
  return std::equal(a.layers.begin(), a.layers.end(), b.layers.begin(), b.layers.end(),
                    [](const auto& left, const auto& right) {
                      return left.first == right.first && left.second.quantizer == right.second.quantizer;
                    });
}

QString plan_summary(const Plan& plan) {
  return tr("%1 bits per weight, %2 in memory")
      .arg(QLocale().toString(plan.predicted.bits_per_weight, 'f', 2),
           size_text(plan.predicted.memory_bytes));
}

QString predicted_text(const Plan& plan, const Calibration& calibration) {
  const QString loss = QLocale().toString(plan.predicted.loss, 'g', 3);
  if (plan.predicted.calibrated) return tr("Predicted loss with calibration: %1 nats per token.").arg(loss);
  if (calibration.rounds_with_feedback())
    return tr("Predicted loss without calibration: %1 nats per token; what calibration saves is not measured "
              "yet.")
        .arg(loss);
  return tr("Predicted loss without calibration: %1 nats per token.").arg(loss);
}

QString progress_text(const Quantization& quantization) {
  const JobStatus& job = quantization.job();
  if (job.total <= 0 || job.stage.isEmpty()) return tr("Starting…");
  QString stage = tr("Quantizing %1").arg(job.stage); // a layer's name
  if (job.stage == QLatin1String("sampling texts")) stage = tr("The model writes the text to calibrate on");
  if (const QLatin1String calibrating("calibrating: "); job.stage.startsWith(calibrating))
    stage = tr("Calibrating: %1").arg(job.stage.mid(calibrating.size())); // "inputs of block 3"
  QStringList parts{
      tr("%1 of %2 layers").arg(quantization.run().layers.size()).arg(quantization.run().plan->layers.size()),
      tr("%1 %").arg(QLocale().toString(100 * job.done / job.total, 'f', 0)), time_left(job.seconds_left)};
  parts.removeAll(QString());
  return stage + QLatin1Char('\n') + parts.join(QStringLiteral(" · "));
}

QString reason_not_to_quantize(StudioSession& session) {
  if (!session.model()) return tr("Open a model first.");
  if (session.models().is_artifact())
    return tr("This model is quantized already. Open its original to quantize it by another plan.");
  if (!session.models().has_weights())
    return tr("There are no weights here to quantize: this is a bare config.json. Open the model's folder or "
              "its GGUF file.");
  if (session.planner().plan()) return {};
  if (!session.planner().answer().problem.isEmpty())
    return tr("No plan meets the budgets: %1").arg(session.planner().answer().problem);
  return tr("The plan is being made.");
}

QString source_warning(const OpenedModel& opened, const Plan& plan) {
  const SourceFacts source = source_facts(opened);
  const std::uint64_t result =
      plan_memory(*cpu_memory(), opened.config(), opened.graph(), plan, 1).model_alone();
  QStringList sentences;
  if (source.lossy)
    sentences << tr("The source is stored as %1 (%2), so it was quantized before: what that lost stays lost, "
                    "and quantizing again adds to it. The original weights give a better result.")
                     .arg(source.type, size_text(source.bytes));
  if (result > source.bytes)
    sentences << tr("The result will be larger than the source (%1, now %2): choose fewer bits.")
                     .arg(size_text(result), size_text(source.bytes));
  return sentences.join(QLatin1Char(' '));
}

// Times the predicted loss: well beyond what the prediction's own error explains.
constexpr double surprising = 3;

QString result_table(StudioSession& session) {
  const QLocale locale;
  const OpenedModel& opened = *session.model();
  const Quantization& made = session.quantization();
  const SourceFacts source = source_facts(opened);
  QString text = QStringLiteral("<table>"), after;
  text += row(tr("Source"), tr("%1, %2").arg(size_text(source.bytes), source.type));
  if (source.lossy || source.type == QLatin1String("F32"))
    text += row(tr("Size in f16"), size_text(f16_model_bytes(opened.graph(), opened.config())));
  text += row(tr("Size now"),
              size_text(std::uint64_t(
                  QFileInfo(made.artifact()->path + QStringLiteral("/model.safetensors")).size())));
  const auto& predicted = made.artifact()->plan.predicted; // not of the run: that may be another one by now
  text += row(predicted.calibrated ? tr("Predicted with calibration") : tr("Predicted uncalibrated"),
              tr("%1 nats per token").arg(locale.toString(predicted.loss, 'g', 3)));
  if (const auto& quality = made.quality()) {
    const bool beside = quality->no_original.isEmpty();
    if (beside)
      text += row(tr("KL divergence, measured"),
                  tr("%1 nats per token").arg(locale.toString(quality->kl, 'g', 3)));
    if (beside)
      text += row(tr("Perplexity of the original"), locale.toString(quality->original_perplexity, 'f', 3));
    text += row(tr("Perplexity now"), locale.toString(quality->quantized_perplexity, 'f', 3));
    text += row(tr("Measured on"), quality->text.isEmpty() ? tr("4,096 tokens the original wrote")
                                                           : QFileInfo(quality->text).fileName());
    if (beside && predicted.loss > 0 && quality->kl > surprising * predicted.loss)
      after =
          tr("Measured, the loss is %1 times the prediction. The prediction is for text such as the model "
             "itself writes; a model that knows little else loses more on other text.")
              .arg(locale.toString(quality->kl / predicted.loss, 'g', 2));
    if (!beside)
      after = tr("The original was not measured beside it: %1").arg(quality->no_original.toHtmlEscaped());
  } else if (made.measuring()) {
    after = tr("Measuring how much it lost…");
  }
  if (made.run().output == made.artifact()->path)
    for (const QString& note : made.run().notes)
      after += QStringLiteral("<p>%1</p>").arg(note.toHtmlEscaped());
  return text + QStringLiteral("</table>") + after;
}

} // namespace intarsia::ui
