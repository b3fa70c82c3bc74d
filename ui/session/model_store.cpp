// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/session/model_store.h"

#include "core/base/error.h"
#include "ui/session/file_path.h"

namespace intarsia::ui {

ModelStore::ModelStore(QObject* parent)
    : QObject(parent) {
  connect(&loader_, &JobRunner::failed, this, &ModelStore::failed);
}

bool ModelStore::has_weights() const {
  return model_ && model_->checkpoint && model_->checkpoint->has_weights();
}

bool ModelStore::is_built_in() const {
  try {
    return model_ && to_path(path_) == built_in_model();
  } catch (const Error&) { // not installed
    return false;
  }
}

void ModelStore::open(const QString& path) {
  loader_.start([this, path](const JobControl&) -> JobRunner::Finish {
    auto opened = std::make_shared<const OpenedModel>(open_model(to_path(path)));
    return [this, opened, path] {
      model_ = opened;
      path_ = path;
      emit changed();
    };
  });
}

void ModelStore::open_built_in() {
  try {
    open(from_path(built_in_model()));
  } catch (const Error& error) {
    emit failed(QString::fromUtf8(error.what()));
  }
}

} // namespace intarsia::ui
