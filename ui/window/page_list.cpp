// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/window/page_list.h"

#include "ui/allocation/allocation_page.h"
#include "ui/chat/chat_page.h"
#include "ui/model/model_page.h"
#include "ui/quantize/quantize_page.h"
#include "ui/quantize/quantize_text.h"

namespace intarsia::ui {
namespace {

Step model_step(StudioSession& session) {
  if (session.models().opening()) return {StepState::running, QObject::tr("opening")};
  return {session.model() ? StepState::done : StepState::ready, {}};
}

Step allocation_step(StudioSession& session) {
  const Planner& planner = session.planner();
  if (!session.model()) return {StepState::empty, {}};
  if (planner.fixed()) return {StepState::done, {}};
  if (!planner.answer().problem.isEmpty()) return {StepState::failed, QObject::tr("no plan")};
  if (session.sensitivities().measuring()) return {StepState::running, QObject::tr("measuring")};
  return {planner.plan() ? StepState::done : StepState::ready, {}};
}

Step quantize_step(StudioSession& session) {
  const Quantization& quantization = session.quantization();
  const Plan* plan = session.planner().plan();
  if (session.models().is_artifact()) return {StepState::done, {}};
  if (quantization.running()) return {StepState::running, QObject::tr("running")};
  const auto& made = quantization.artifact();
  if (made && plan && !same_choices(made->plan, *plan)) return {StepState::stale, QObject::tr("older plan")};
  if (made) return {StepState::done, {}};
  if (quantization.job().state == JobState::failed) return {StepState::failed, QObject::tr("failed")};
  if (quantization.job().state == JobState::cancelled) return {StepState::ready, QObject::tr("cancelled")};
  return {session.can_quantize() ? StepState::ready : StepState::empty, {}};
}

Step chat_step(StudioSession& session) {
  if (session.chat().answering()) return {StepState::running, QObject::tr("answering")};
  return {session.chat().can_answer() ? StepState::ready : StepState::empty, {}};
}

template <typename Page>
QWidget* make(StudioSession& session, QWidget* parent) {
  return new Page(session, parent);
}

} // namespace

std::vector<PageEntry> page_list() {
  return {
      {QObject::tr("&Model"), QObject::tr("The model that is open, and its tensors"), make<ModelPage>,
       model_step},
      {QObject::tr("&Allocation"), QObject::tr("Budgets, and the plan that meets them with the least loss"),
       make<AllocationPage>, allocation_step},
      {QObject::tr("&Quantize"), QObject::tr("Makes the quantized model by the plan"), make<QuantizePage>,
       quantize_step},
      {QObject::tr("&Chat"), QObject::tr("Talk with the original or the quantized model"), make<ChatPage>,
       chat_step},
  };
}

} // namespace intarsia::ui
