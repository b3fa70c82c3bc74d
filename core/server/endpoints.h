// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// From HTTP to the Api and back: who may ask, which path means what, bodies, streams, and how a client that
// has left is noticed.
#pragma once

#include <atomic>
#include <httplib.h>
#include <memory>

#include "core/server/api.h"
#include "core/server/http_server.h"
#include "core/server/metrics.h"

namespace intarsia::server {

class Endpoints {
 public:
  // All must outlive it.
  Endpoints(Api& api, Scheduler& scheduler, const ServerOptions& options, bool is_public);
  void install(httplib::Server& server);
  std::size_t in_flight() const { return *in_flight_; } // requests, their streams included

 private:
  struct Exchange; // a request until its answer is over

  void handle(const httplib::Request& request, httplib::Response& response,
              const httplib::ContentReader* reader);
  void admit(const httplib::Request& request) const;
  std::string read_body(const httplib::Request& request, const httplib::ContentReader& reader) const;
  void get(const httplib::Request& request, httplib::Response& response);
  void post(const std::string& path, const std::string& body, httplib::Response& response,
            const std::shared_ptr<Exchange>& exchange);
  void answer_whole(Completion& completion, httplib::Response& response, Exchange& exchange) const;
  void answer_in_pieces(Completion completion, httplib::Response& response,
                        const std::shared_ptr<Exchange>& exchange) const;

  Api& api_;
  Scheduler& scheduler_;
  const ServerOptions& options_;
  const bool is_public_;
  AnswerCounts answers_;
  std::shared_ptr<std::atomic<std::size_t>> in_flight_ = std::make_shared<std::atomic<std::size_t>>(0);
};

// Takes as long whatever the difference is.
bool same_secret(std::string_view given, std::string_view secret);
// "127.0.0.1:8080", "localhost", "[::1]:80": names of this machine alone.
bool is_loopback(std::string_view host);

} // namespace intarsia::server
