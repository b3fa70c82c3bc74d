// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/server/connection.h"

#include <algorithm>
#include <cerrno>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace intarsia::server {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds write_timeout(10000); // for a client that does not read
constexpr milliseconds linger_time(2000);
constexpr std::size_t linger_bytes = std::size_t(64) << 20;

int milliseconds_until(Connection::Clock::time_point until) {
  const auto left = std::chrono::ceil<milliseconds>(until - Connection::Clock::now());
  return int(std::clamp<std::int64_t>(left.count(), 0, 3600000));
}

void name_of(int (*ask)(int, sockaddr*, socklen_t*), socket_t socket, std::string& ip, int& port) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> service{};
  auto* general = static_cast<sockaddr*>(static_cast<void*>(&address));
  if (ask(socket, general, &size) != 0 ||
      getnameinfo(general, size, host.data(), socklen_t(host.size()), service.data(),
                  socklen_t(service.size()), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    return;
  ip = host.data();
  port = std::atoi(service.data());
}

} // namespace

Connection::Connection(socket_t socket, milliseconds request_timeout, std::size_t max_header_bytes)
    : socket_(socket)
    , request_timeout_(request_timeout)
    , max_header_bytes_(max_header_bytes)
    , deadline_(Clock::now() + request_timeout) {}

Connection::~Connection() { ::close(socket_); }

Connection*& Connection::current() {
  thread_local Connection* connection = nullptr;
  return connection;
}

bool Connection::wait(short events, Clock::time_point until) const {
  for (;;) {
    pollfd entry{socket_, events, 0};
    const int ready = ::poll(&entry, 1, milliseconds_until(until));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

bool Connection::has_begun(milliseconds timeout, const std::atomic<bool>& closing) {
  if (begin_ < end_) return true;
  const auto until = Clock::now() + timeout;
  while (!closing && Clock::now() < until)
    if (wait(POLLIN, std::min(until, Clock::now() + milliseconds(100)))) return fill() > 0;
  return false;
}

bool Connection::wait_for_request(milliseconds timeout, const std::atomic<bool>& closing) {
  if (!has_begun(timeout, closing)) return false;
  deadline_ = Clock::now() + request_timeout_;
  header_size_ = 0;
  in_header_ = true;
  answered_ = timed_out_ = false;
  return true;
}

bool Connection::client_is_gone() const {
  char byte = 0;
  const ssize_t size = ::recv(socket_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return size == 0 || (size < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

void Connection::linger() {
  ::shutdown(socket_, SHUT_WR);
  const auto until = Clock::now() + linger_time;
  for (std::size_t taken = 0; taken < linger_bytes && Clock::now() < until && wait(POLLIN, until);) {
    const ssize_t size = ::recv(socket_, buffer_.data(), buffer_.size(), 0);
    if (size <= 0) return;
    taken += std::size_t(size);
  }
}

ssize_t Connection::fill() {
  ssize_t size = 0;
  do size = ::recv(socket_, buffer_.data(), buffer_.size(), 0);
  while (size < 0 && errno == EINTR);
  begin_ = 0;
  end_ = size > 0 ? std::size_t(size) : 0;
  return size;
}

bool Connection::is_readable() const { return begin_ < end_ || wait(POLLIN, deadline_); }

// Asked between the chunks of a stream.
bool Connection::is_writable() const {
  return !client_is_gone() && wait(POLLOUT, Clock::now() + write_timeout);
}

ssize_t Connection::read(char* to, std::size_t size) {
  if (in_header_ && header_size_ > max_header_bytes_) return -1;
  // Also where bytes come one by one: each would be in time.
  if (Clock::now() > deadline_ || (begin_ == end_ && !wait(POLLIN, deadline_))) {
    timed_out_ = true;
    return -1;
  }
  if (begin_ == end_)
    if (const ssize_t got = fill(); got <= 0) return got;
  const std::size_t count = std::min(size, end_ - begin_);
  std::copy_n(buffer_.data() + begin_, count, to);
  begin_ += count;
  if (in_header_) header_size_ += count;
  return ssize_t(count);
}

// All of it, or -1.
ssize_t Connection::write(const char* from, std::size_t size) {
  answered_ = true;
  const auto until = Clock::now() + write_timeout;
  for (std::size_t done = 0; done < size;) {
    const ssize_t count = ::send(socket_, from + done, size - done, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count > 0) {
      done += std::size_t(count);
    } else if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      if (!wait(POLLOUT, until)) return -1;
    } else if (count == 0 || errno != EINTR) {
      return -1;
    }
  }
  return ssize_t(size);
}

void Connection::get_remote_ip_and_port(std::string& ip, int& port) const {
  name_of(::getpeername, socket_, ip, port);
}
void Connection::get_local_ip_and_port(std::string& ip, int& port) const {
  name_of(::getsockname, socket_, ip, port);
}

} // namespace intarsia::server
