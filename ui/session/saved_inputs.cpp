// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/session/saved_inputs.h"

#include <QCryptographicHash>
#include <QSettings>

#include "core/base/error.h"
#include "core/base/json.h"

namespace intarsia::ui {
namespace {

QString key_of(const QString& path) {
  const QByteArray digest =
      QCryptographicHash::hash(path.toUtf8(), QCryptographicHash::Sha1).toHex().left(16);
  return QStringLiteral("plans/") + QString::fromLatin1(digest);
}

OrderedJson to_json(const MemoryBudget& budget) {
  if (const auto* bits = std::get_if<BitsPerWeight>(&budget)) return {{"bits", bits->bits}};
  if (const auto* part = std::get_if<ModelFraction>(&budget)) return {{"part", part->fraction}};
  return {{"bytes", std::get<MemoryBytes>(budget).bytes}};
}

MemoryBudget read_memory(const Json& json) {
  if (json.contains("bits")) return BitsPerWeight{json.at("bits").get<double>()};
  if (json.contains("part")) return ModelFraction{json.at("part").get<double>()};
  return MemoryBytes{json.at("bytes").get<std::uint64_t>()};
}

} // namespace

void save_inputs(const QString& model_path, const PlanInputs& inputs) {
  OrderedJson json{{"memory", to_json(inputs.memory)}, {"context", inputs.context}};
  json["families"] = OrderedJson::array();
  for (const QuantizerFamily family : inputs.families)
    json["families"].push_back(std::string(family_name(family)));
  json["pins"] = OrderedJson::object();
  for (const auto& [layer, id] : inputs.pins) json["pins"][layer] = to_string(id);
  json["forbidden"] = OrderedJson::object();
  for (const auto& [layer, ids] : inputs.forbidden)
    for (const QuantizerId id : ids) json["forbidden"][layer].push_back(to_string(id));
  QSettings().setValue(key_of(model_path), QString::fromStdString(json.dump()));
}

std::optional<PlanInputs> saved_inputs(const QString& model_path) {
  const QString text = QSettings().value(key_of(model_path)).toString();
  if (text.isEmpty()) return std::nullopt;
  try {
    const Json json = Json::parse(text.toStdString());
    PlanInputs inputs;
    inputs.memory = read_memory(json.at("memory"));
    inputs.context = json.at("context").get<std::size_t>();
    inputs.families.clear();
    for (const auto& family : json.at("families"))
      inputs.families.insert(parse_family(family.get<std::string>()));
    for (const auto& [layer, id] : json.at("pins").items())
      inputs.pins[layer] = parse_quantizer_id(id.get<std::string>());
    for (const auto& [layer, ids] : json.at("forbidden").items())
      for (const auto& id : ids) inputs.forbidden[layer].insert(parse_quantizer_id(id.get<std::string>()));
    return inputs;
  } catch (const std::exception&) { // of another version: it begins anew
    return std::nullopt;
  }
}

} // namespace intarsia::ui
