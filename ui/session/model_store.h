// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The model that is open, and how another comes in its place.
#pragma once

#include <QString>

#include "core/artifact/open_model.h"
#include "ui/session/job_runner.h"

namespace intarsia::ui {

class ModelStore : public QObject {
  Q_OBJECT
 public:
  explicit ModelStore(QObject* parent = nullptr);

  const std::shared_ptr<const OpenedModel>& model() const { return model_; } // null: none
  QString path() const { return path_; }
  bool opening() const { return loader_.running(); }
  bool has_weights() const; // of an original: it can be measured, quantized and chatted with
  bool is_artifact() const { return model_ && model_->artifact; }
  bool is_built_in() const;

 public slots:
  void open(const QString& path); // off the GUI thread
  void open_built_in();

 signals:
  void changed();
  void failed(const QString& sentence);

 private:
  std::shared_ptr<const OpenedModel> model_;
  QString path_;
  JobRunner loader_; // last: it uses the others
};

} // namespace intarsia::ui
