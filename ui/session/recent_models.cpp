// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/session/recent_models.h"

#include <QSettings>
#include <algorithm>

namespace intarsia::ui {
namespace {

constexpr std::size_t max_recent = 8;

void write(const std::vector<RecentModel>& models) {
  QSettings settings;
  settings.remove(QStringLiteral("recentModels"));
  settings.beginWriteArray(QStringLiteral("recentModels"), int(models.size()));
  for (int i = 0; i < int(models.size()); ++i) {
    settings.setArrayIndex(i);
    settings.setValue(QStringLiteral("path"), models[std::size_t(i)].path);
    settings.setValue(QStringLiteral("name"), models[std::size_t(i)].name);
    settings.setValue(QStringLiteral("facts"), models[std::size_t(i)].facts);
  }
  settings.endArray();
}

} // namespace

std::vector<RecentModel> recent_models() {
  QSettings settings;
  std::vector<RecentModel> models;
  const int count = settings.beginReadArray(QStringLiteral("recentModels"));
  for (int i = 0; i < count; ++i) {
    settings.setArrayIndex(i);
    models.push_back({settings.value(QStringLiteral("path")).toString(),
                      settings.value(QStringLiteral("name")).toString(),
                      settings.value(QStringLiteral("facts")).toString()});
  }
  settings.endArray();
  return models;
}

void remember_model(const RecentModel& model) {
  auto models = recent_models();
  std::erase_if(models, [&](const RecentModel& other) { return other.path == model.path; });
  models.insert(models.begin(), model);
  if (models.size() > max_recent) models.resize(max_recent);
  write(models);
}

void forget_model(const QString& path) {
  auto models = recent_models();
  std::erase_if(models, [&](const RecentModel& model) { return model.path == path; });
  write(models);
}

} // namespace intarsia::ui
