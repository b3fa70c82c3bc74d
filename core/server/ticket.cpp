// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/server/ticket.h"

namespace intarsia::server {

std::optional<Piece> Ticket::next(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  if (!arrived_.wait_for(lock, timeout, [&] { return !pieces_.empty(); })) return std::nullopt;
  Piece piece = std::move(pieces_.front());
  pieces_.pop_front();
  if (piece.last) ++last_taken_;
  return piece;
}

bool Ticket::finished() const {
  const std::lock_guard lock(mutex_);
  return last_taken_ == choices_;
}

void Ticket::put(Piece piece) {
  const std::lock_guard lock(mutex_);
  pieces_.push_back(std::move(piece));
  arrived_.notify_one();
}

} // namespace intarsia::server
