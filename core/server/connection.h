// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// One client's socket, with limits that the HTTP library does not have: the time in which a request must
// arrive and the size of its header; and a check whether the client is still connected.
#pragma once

#include <array>
#include <chrono>
#include <httplib.h>

namespace intarsia::server {

class Connection : public httplib::Stream {
 public:
  using Clock = std::chrono::steady_clock;

  // Owns the socket.
  Connection(socket_t socket, std::chrono::milliseconds request_timeout, std::size_t max_header_bytes);
  ~Connection() override;

  // Waits up to `timeout` for the first byte of a request, which starts the request timeout and the header's
  // count. False when none arrives or `closing` becomes true.
  bool wait_for_request(std::chrono::milliseconds timeout, const std::atomic<bool>& closing);
  void header_is_read() { in_header_ = false; }
  bool in_header() const { return in_header_; } // until header_is_read(), also for bytes that are not HTTP
  bool header_too_large() const { return header_size_ > max_header_bytes_; }
  bool timed_out() const { return timed_out_; }
  bool answered() const { return answered_; } // a part of a response was written
  // The client has closed its side, or the connection is lost.
  bool client_is_gone() const;
  // For a request whose body was not read: the connection is not used for another.
  void close_after_response() { reusable_ = false; }
  bool reusable() const { return reusable_; }
  // Closes the sending side and discards what the client still sends for a short time, so that the response
  // is not lost to a reset.
  void linger();

  bool is_readable() const override;
  bool is_writable() const override;
  ssize_t read(char* to, std::size_t size) override;
  ssize_t write(const char* from, std::size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  socket_t socket() const override { return socket_; }
  using httplib::Stream::write;

  // The connection that this thread serves; null outside of a request. The HTTP library's handlers have no
  // other access.
  static Connection*& current();

 private:
  bool has_begun(std::chrono::milliseconds timeout, const std::atomic<bool>& closing);
  bool wait(short events, Clock::time_point until) const;
  ssize_t fill();

  const socket_t socket_;
  const std::chrono::milliseconds request_timeout_;
  const std::size_t max_header_bytes_;
  Clock::time_point deadline_;
  std::array<char, 16384> buffer_;
  std::size_t begin_ = 0, end_ = 0, header_size_ = 0;
  bool in_header_ = true, timed_out_ = false, answered_ = false, reusable_ = true;
};

} // namespace intarsia::server
