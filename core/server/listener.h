// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// cpp-httplib's server over our connections.
#pragma once

#include <atomic>
#include <httplib.h>

#include "core/server/connection.h"

namespace intarsia::server {

struct ListenerOptions {
  std::size_t threads = 100;                        // connections at once; more wait
  std::chrono::milliseconds request_timeout{30000}; // for header and body to arrive
  std::chrono::milliseconds idle_timeout{15000};    // between the requests of a connection
  std::size_t largest_header = 32768;               // bytes
};

class Listener : public httplib::Server {
 public:
  explicit Listener(ListenerOptions options);
  // Throws Error{resource} saying why. Port 0: any that is free. Returns the port.
  int bind(const std::string& host, int port);
  void close_connections() { closing_ = true; } // those that wait for a request

 private:
  bool process_and_close_socket(socket_t socket) override;
  bool serve_one(Connection& connection);

  const ListenerOptions options_;
  std::atomic<bool> closing_ = false;
};

} // namespace intarsia::server
