// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/session/server.h"

#include <QFileInfo>

#include "core/base/error.h"
#include "core/device/device.h"
#include "core/jobs/load.h"
#include "core/server/http_server.h"
#include "ui/session/file_path.h"

namespace intarsia::ui {
namespace {

constexpr std::size_t responses_at_once = 2; // a KV cache each
constexpr std::chrono::milliseconds stop_timeout{3000}, watch_interval{500};

} // namespace

struct Server::Served {
  RunningModel running;
  std::unique_ptr<HttpServer> server; // last: it goes first
};

Server::Server(LoadedModels& models, QObject* parent)
    : QObject(parent)
    , models_(models)
    , target_(std::make_shared<const ExecutionTarget>(Device())) {
  connect(&job_, &TrackedJob::changed, this, &Server::changed);
  connect(&job_, &TrackedJob::failed, this, &Server::failed);
  watch_.setInterval(watch_interval);
  connect(&watch_, &QTimer::timeout, this, [this] {
    if (answered() != std::exchange(told_, answered())) emit changed();
  });
}

Server::~Server() {
  if (served_) served_->server->stop(std::chrono::milliseconds(0));
}

void Server::set_target(std::shared_ptr<const ExecutionTarget> target) {
  if (target == target_) return;
  target_ = std::move(target);
  stop();
}

void Server::start(Speaker speaker, const ChatModel& model, const ServerSettings& settings) {
  if (on() || job_.running() || model.path.isEmpty()) return;
  name_ = model.name;
  api_key_ = settings.api_key.trimmed();
  job_.start([this, settings, path = model.path, key = api_key_, target = target_,
              running = speaker == Speaker::original ? models_.original : models_.quantized](
                 const JobControl& control, const JobRunner::Post&) mutable -> JobRunner::Finish {
    if (!running || !is_alive(*running.model)) {
      auto opened = std::make_shared<const OpenedModel>(open_model(to_path(path)));
      auto loaded = load(*target, *opened, default_context(*opened) * responses_at_once, control);
      running = {std::move(opened), std::move(loaded)};
    }
    if (!running.opened->tokenizer)
      throw input_error(path.toStdString() + ": has no tokenizer, so it cannot be served");
    ServerOptions options;
    options.port = settings.port;
    options.api_key = key.toStdString();
    options.model_name = QFileInfo(path).completeBaseName().toStdString();
    options.context = default_context(*running.opened);
    options.parallel = responses_at_once;
    auto served = std::make_shared<Served>();
    served->running = running;
    served->server = std::make_unique<HttpServer>(*running.opened->tokenizer, *running.model, options);
    served->server->start();
    return [this, served, target] {
      if (target != target_) return;
      served_ = served;
      told_ = 0;
      watch_.start();
    };
  });
}

void Server::stop() {
  watch_.stop();
  if (!on() && !job_.running()) return;
  job_.start([served = std::exchange(served_, nullptr)](const JobControl&, const JobRunner::Post&) mutable {
    if (served) served->server->stop(stop_timeout);
    served.reset(); // here: a worker whose last model goes is waited for
    return JobRunner::Finish();
  });
}

QString Server::address() const {
  return on() ? QString::fromStdString(served_->server->address()) : QString();
}

QString Server::template_problem() const {
  return on() ? QString::fromStdString(served_->server->template_problem()) : QString();
}

std::size_t Server::answered() const { return on() ? std::size_t(served_->server->status().served) : 0; }

QString Server::curl_line() const {
  if (!on()) return {};
  QString line =
      QStringLiteral("curl %1/v1/chat/completions -H 'Content-Type: application/json'").arg(address());
  if (!api_key_.isEmpty())
    line += QStringLiteral(" -H 'Authorization: Bearer %1'").arg(QString(api_key_).replace('\'', "'\\''"));
  return line + QStringLiteral(
                    " -d '{\"model\": \"%1\", \"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]}'")
                    .arg(QString::fromStdString(served_->server->model_name()));
}

} // namespace intarsia::ui
