// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/server/listener.h"

#include <cerrno>
#include <cstring>
#include <sys/socket.h>

#include "core/base/error.h"
#include "core/server/api_error.h"

namespace intarsia::server {
namespace {

constexpr int backlog = 128; // connections that the system holds until they are taken

// Where the library gave up before it had a request to answer.
void answer_by_hand(Connection& connection, const char* status, const ApiError& error) {
  const std::string body = to_json(error).dump();
  connection.write("HTTP/1.1 " + std::string(status) +
                   "\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: " +
                   std::to_string(body.size()) + "\r\n\r\n" + body);
}

} // namespace

Listener::Listener(ListenerOptions options)
    : options_(options) {
  new_task_queue = [threads = options.threads] { return new httplib::ThreadPool(threads); }; // the library's
  set_tcp_nodelay(true);
  // Not the library's default, by which two servers share a port without a word.
  set_socket_options([](socket_t socket) {
    const int yes = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
}

int Listener::bind(const std::string& host, int port) {
  errno = 0;
  const int bound = port == 0 ? bind_to_any_port(host) : bind_to_port(host, port) ? port : -1;
  if (bound < 0)
    throw Error(ErrorKind::resource, "the server cannot listen on " + host + ", port " +
                                         std::to_string(port) +
                                         (errno ? std::string(": ") + std::strerror(errno) : "") +
                                         "; choose another with --host and --port");
  ::listen(svr_sock_, backlog);
  return bound;
}

bool Listener::process_and_close_socket(socket_t socket) {
  Connection connection(socket, options_.request_timeout, options_.max_header_bytes);
  Connection::current() = &connection;
  while (connection.reusable() && connection.wait_for_request(options_.idle_timeout, closing_))
    if (!serve_one(connection)) break;
  Connection::current() = nullptr;
  if (!connection.reusable()) connection.linger();
  return true;
}

bool Listener::serve_one(Connection& connection) {
  bool closed = false;
  const bool good = process_request(connection, false, closed, nullptr);
  if (!good && !connection.answered()) {
    if (connection.header_too_large())
      answer_by_hand(connection, "431 Request Header Fields Too Large", header_too_large());
    else if (connection.timed_out())
      answer_by_hand(connection, "408 Request Timeout", request_timeout());
  }
  if (connection.in_header()) connection.close_after_response(); // nobody knows where another would begin
  return good && !closed && !closing_;
}

} // namespace intarsia::server
