// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Reads requests and has them done one after another; "cancel" is answered while a job runs.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "app/worker/jobs.h"

namespace intarsia::worker {

class Service {
 public:
  Service(Output& output, std::map<std::string, Job> jobs);
  ~Service(); // what is not done by then is cancelled: nobody is there to read of it
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // Until the end of input.
  void serve(int input);

 private:
  struct Ticket {
    std::uint64_t id = 0;
    const Job* job = nullptr;
    Json request;
    std::stop_source stop;
  };

  void take(const std::string& line);
  void accept(const JsonObject& request, std::uint64_t id);
  bool cancel(std::uint64_t id);
  void cancel_all();
  void work();
  [[noreturn]] void exit_after_reply(OrderedJson answer);

  Output& output_;
  std::map<std::string, Job> jobs_;
  std::mutex mutex_; // of the next three
  std::condition_variable came_;
  std::deque<std::shared_ptr<Ticket>> tickets_; // the first is being done
  bool ending_ = false, ended_ = false;
  std::condition_variable worked_off_;
  std::thread worker_;
};

} // namespace intarsia::worker
