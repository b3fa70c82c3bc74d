// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/allocation/plan_text.h"

#include <QLocale>
#include <algorithm>
#include <cmath>

#include "ui/widgets/time_left.h"

namespace intarsia::ui {
namespace {

QString tr(const char* text) { return QObject::tr(text); }

QString number(double value) { return QLocale().toString(value, 'g', 3); }

QString id_text(QuantizerId id) { return QString::fromStdString(to_string(id)).toUpper(); }

QString row(const QString& label, const QString& value) {
  return QStringLiteral(
             "<tr><td style='padding:2px 16px 2px 0'>%1</td><td style='padding:2px 0'><b>%2</b></td></tr>")
      .arg(label.toHtmlEscaped(), value.toHtmlEscaped());
}

} // namespace

QString perplexity_text(double loss) {
  const double percent = 100 * std::expm1(loss); // perplexity is the exponential of nats per token
  if (percent < 0.1) return tr("less than 0.1 % more perplexity than the original");
  if (percent > 100) {
    const double times = 1 + percent / 100,
                 step = std::pow(10, std::max(0.0, std::floor(std::log10(times)) - 1));
    return tr("about %1 times the original's perplexity")
        .arg(times < 9.95 ? QLocale().toString(times, 'g', 2)
                          : QLocale().toString(std::round(times / step) * step, 'f', 0)); // not 3e+03
  }
  return tr("about %1 % more perplexity than the original").arg(QLocale().toString(percent, 'g', 2));
}

QString comparison_text(const Plan& plan, const Plan& single) {
  const QString name = id_text(single.layers.begin()->second.quantizer);
  if (!(plan.predicted.loss > 0)) return {};
  const double ratio = single.predicted.loss / plan.predicted.loss;
  if (ratio < 1.05) return tr("As good as %1 in every layer").arg(name);
  return tr("%1 times less loss than %2 in every layer").arg(QLocale().toString(ratio, 'g', 2), name);
}

QString plan_worth(StudioSession& session) {
  const Plan* plan = session.planner().shown_plan();
  if (!plan) return empty_text(session);
  QStringList parts;
  if (session.planner().shown_plan_is_old()) parts << tr("The last plan that met its budgets");
  const auto& single = session.planner().answer().single_scheme;
  if (single && session.planner().plan()) parts << comparison_text(*plan, *single);
  if (plan->predicted.loss > 0)
    parts << tr("%1 (%2 nats per token predicted)")
                 .arg(perplexity_text(plan->predicted.loss), number(plan->predicted.loss));
  if (plan->predicted.latency_seconds)
    parts << (plan->predicted.latency_estimated ? tr("%1 tok/s, estimated") : tr("%1 tok/s"))
                 .arg(QLocale().toString(1 / *plan->predicted.latency_seconds, 'f', 0));
  parts.removeAll(QString());
  QString worth = parts.join(QStringLiteral(" · "));
  if (!worth.isEmpty()) worth[0] = worth[0].toUpper();
  return worth;
}

QString plan_details(StudioSession& session) {
  const Planner& planner = session.planner();
  const Plan* plan = planner.shown_plan();
  if (!plan) return {};
  const QLocale locale;
  QString text = QStringLiteral("<table>");
  text += row(tr("Average"),
              tr("%1 bits per weight").arg(locale.toString(plan->predicted.bits_per_weight, 'f', 3)));
  text += row(tr("Predicted loss"), tr("%1 nats per token").arg(number(plan->predicted.loss)));
  text += row(tr("Proven bound"),
              tr("%1 nats per token, gap %2 %")
                  .arg(number(plan->solver.bound), locale.toString(100 * plan->solver.gap, 'f', 3)));
  if (plan->predicted.latency_seconds)
    text += row(plan->predicted.latency_estimated ? tr("One token, estimated") : tr("One token"),
                tr("%1 ms, %2 tok/s")
                    .arg(locale.toString(*plan->predicted.latency_seconds * 1e3, 'f', 2),
                         locale.toString(1 / *plan->predicted.latency_seconds, 'f', 0)));
  QStringList outside;
  for (const LinearLayer* layer : planner.graph().vocabulary_layers())
    outside << tr("%1 %2").arg(layer->role == LinearRole::head ? tr("head") : tr("embedding"),
                               QString::fromStdString(to_string(plan->quantizer_of(*layer))));
  text += row(tr("Outside the blocks"), outside.join(QStringLiteral(", ")));
  const auto& sensitivity = planner.sensitivity();
  if (sensitivity && planner.plan())
    text += row(tr("Ideal quantizers (Theorem 3.1)"),
                tr("%1 nats per token")
                    .arg(number(ideal_loss(planner.graph(), *sensitivity, plan->predicted.bits_per_weight))));
  return text + QStringLiteral("</table>");
}

QString sensitivity_text(const Sensitivities& sensitivities) {
  const JobStatus& job = sensitivities.job();
  const QLocale locale;
  QString now;
  switch (sensitivities.kind()) {
  case SensitivityKind::none:
  case SensitivityKind::imported:
    return {};
  case SensitivityKind::measured:
    // Another measurement doesn't run beside what is known.
    return job.state == JobState::failed ? tr("Measuring failed: %1").arg(job.sentence) : QString();
  case SensitivityKind::provisional:
    now = tr("Provisional plan, by role and depth alone.");
    break;
  case SensitivityKind::partial:
    now = tr("Plan of the first %1 texts.").arg(sensitivities.value()->samples);
    break;
  }
  if (job.state == JobState::failed) return tr("%1 Measuring failed: %2").arg(now, job.sentence);
  if (job.state == JobState::cancelled) return tr("%1 Measuring was cancelled.").arg(now);
  if (job.state != JobState::running) return now;
  if (job.total <= 0) return tr("%1 Loading the model to measure it…").arg(now);
  const QString left = time_left(job.seconds_left);
  const QString percent = locale.toString(100 * job.done / job.total, 'f', 0);
  return left.isEmpty() ? tr("%1 Measuring sensitivities: %2 %").arg(now, percent)
                        : tr("%1 Measuring sensitivities: %2 %, %3").arg(now, percent, left);
}

QString empty_text(StudioSession& session) {
  const Planner& planner = session.planner();
  if (!planner.has_model()) return tr("Open a model to begin.");
  if (!planner.answer().problem.isEmpty()) return tr("No plan meets the budgets.");
  if (session.sensitivities().kind() == SensitivityKind::none) return tr("There is nothing to plan with.");
  return tr("The first plan is being made.");
}

} // namespace intarsia::ui
