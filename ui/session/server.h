// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The model that chats, served to other programs over HTTP while it is switched on.
#pragma once

#include <QString>
#include <QTimer>
#include <memory>

#include "core/jobs/execution_target.h"
#include "ui/session/chat.h"
#include "ui/session/tracked_job.h"

namespace intarsia {
class HttpServer;
}

namespace intarsia::ui {

struct ServerSettings {
  int port = 8080; // 0: any that is free
  QString api_key; // that clients must send; empty: none
};

class Server : public QObject {
  Q_OBJECT
 public:
  // Serves what is loaded in `models`, or loads it.
  explicit Server(LoadedModels& models, QObject* parent = nullptr);
  ~Server() override;

  void set_target(std::shared_ptr<const ExecutionTarget> target); // a server on the one before ends

  bool on() const { return served_ != nullptr; }
  bool changing() const { return job_.running(); } // starts or ends
  const JobStatus& job() const { return job_.status(); }
  QString address() const;                      // "http://127.0.0.1:8080"; empty: it is off
  QString served_name() const { return name_; } // of the model that is served, for people
  QString template_problem() const;             // why a generic chat format is used; empty: it isn't
  std::size_t answered() const;                 // requests, since it was switched on
  // A command line that asks it something; empty: it is off.
  QString curl_line() const;

 public slots:
  void start(intarsia::ui::Speaker speaker, const intarsia::ui::ChatModel& model,
             const intarsia::ui::ServerSettings& settings);
  void stop(); // responses that are being written have a few seconds

 signals:
  void changed();
  void failed(const QString& sentence);

 private:
  struct Served;
  LoadedModels& models_;
  std::shared_ptr<const ExecutionTarget> target_;
  std::shared_ptr<Served> served_; // null: off
  QString name_, api_key_;
  QTimer watch_; // tells of requests that were answered
  std::size_t told_ = 0;
  TrackedJob job_; // last: it uses the others
};

} // namespace intarsia::ui
