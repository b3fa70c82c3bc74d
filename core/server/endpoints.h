// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Connects HTTP to the Api: authorization, routing, request bodies, event streams, and detection of clients
// that have disconnected.
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
  void install(httplib::Server& server);                // registers its handlers
  std::size_t in_flight() const { return *in_flight_; } // requests being answered, streams included

 private:
  struct Exchange; // one request until its response is complete

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

// Comparison in constant time: its duration does not depend on where the two differ.
bool same_secret(std::string_view given, std::string_view secret);
// Whether a Host header names the loopback interface: "127.0.0.1:8080", "localhost", "[::1]:80".
bool is_loopback(std::string_view host);

} // namespace intarsia::server
