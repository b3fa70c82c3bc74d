// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/model/source_facts.h"

#include <QLocale>
#include <QObject>
#include <algorithm>
#include <map>

namespace intarsia::ui {

SourceFacts source_facts(const OpenedModel& model) {
  SourceFacts facts;
  if (!model.checkpoint) {
    facts.bytes = model.artifact->file_bytes();
    return facts;
  }
  std::map<DType, std::uint64_t> bytes_by_type;
  for (const TensorInfo& tensor : model.checkpoint->tensors()) {
    bytes_by_type[tensor.dtype] += tensor.bytes;
    facts.bytes += tensor.bytes;
  }
  if (bytes_by_type.empty()) return facts;
  const DType most =
      std::max_element(bytes_by_type.begin(), bytes_by_type.end(), [](const auto& a, const auto& b) {
        return a.second < b.second;
      })->first;
  const auto name = dtype_name(most);
  facts.type = QString::fromUtf8(name.data(), qsizetype(name.size()));
  facts.lossy = block_elements(most) > 1;
  return facts;
}

QString weight_count(std::size_t weights) {
  const QLocale locale;
  const double count = double(weights);
  if (count >= 1e9) return QObject::tr("%1 B").arg(locale.toString(count / 1e9, 'f', 2));
  return QObject::tr("%1 M").arg(locale.toString(count / 1e6, 'f', 1));
}

std::size_t weights_of(const OpenedModel& model) {
  const ModelConfig& config = model.config();
  return model.graph().linear_weights() + config.vocabulary * config.hidden * (model.graph().head ? 2 : 1);
}

} // namespace intarsia::ui
