// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Every failure is one sentence: what went wrong, where (file, field, tensor or layer), and what to do.
#pragma once

#include <stdexcept>
#include <string>

namespace intarsia {

enum class ErrorKind {
  usage,       // the caller asked for something that does not exist; the command line exits 2
  input,       // a file is broken, hostile, or not what it says it is
  unsupported, // a valid file that this program cannot use yet
  infeasible,  // no plan meets the budgets
  resource,    // out of memory, disk full, no permission, no such device
  cancelled,   // the user stopped the job; not worth a message
  internal,    // our fault
};

// Exceptions carry an Error inside the engine; none escapes a thread, a Qt slot or a CUDA callback. The edges
// (a verb of the command line, a job of the studio) catch it and show what().
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& sentence)
      : std::runtime_error(sentence)
      , kind_(kind) {}
  ErrorKind kind() const noexcept { return kind_; }

 private:
  ErrorKind kind_;
};

inline Error input_error(const std::string& sentence) { return Error(ErrorKind::input, sentence); }

// The sentence for any exception in flight: Error's own, a plain one for std::bad_alloc, what() for the rest.
// Call it inside a catch block.
std::string current_exception_sentence();

} // namespace intarsia
