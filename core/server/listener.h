// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// cpp-httplib's server with Connection as its stream, which adds the limits below.
#pragma once

#include <atomic>
#include <httplib.h>

#include "core/server/connection.h"

namespace intarsia::server {

struct ListenerOptions {
  std::size_t threads = 100;                        // one per connection; further connections wait
  std::chrono::milliseconds request_timeout{30000}; // for header and body to arrive
  std::chrono::milliseconds idle_timeout{15000};    // between the requests of one connection
  std::size_t max_header_bytes = 32768;             // bytes
};

class Listener : public httplib::Server {
 public:
  explicit Listener(ListenerOptions options);
  // Returns the port; `port` 0: any free one. Throws Error{resource} with the system's reason.
  int bind(const std::string& host, int port);
  void close_connections() { closing_ = true; } // those without a request, and others after their request

 private:
  bool process_and_close_socket(socket_t socket) override;
  bool serve_one(Connection& connection);

  const ListenerOptions options_;
  std::atomic<bool> closing_ = false;
};

} // namespace intarsia::server
