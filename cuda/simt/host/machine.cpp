// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "cuda/simt/host/machine.h"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <deque>
#include <memory>
#include <numeric>
#include <optional>
#include <vector>

#include "core/base/random.h"
#include "cuda/simt/host/fault_handler.h"
#include "cuda/simt/host/fibre.h"
#include "cuda/simt/simt.cuh"

namespace intarsia::simt::host {
namespace {

constexpr unsigned lanes_of_warp = unsigned(warp_size);
constexpr unsigned max_threads = 1024; // of a block, on every device

std::string line_of(const std::source_location& at) {
  const std::string file = at.file_name();
  return file.substr(file.rfind('/') + 1) + ":" + std::to_string(at.line());
}

bool same_call(const Arrival& a, const Arrival& b) {
  return a.operation == b.operation && a.whole_block == b.whole_block && a.at.line() == b.at.line() &&
         a.at.column() == b.at.column() && std::strcmp(a.at.file_name(), b.at.file_name()) == 0;
}

struct Copy {
  std::byte* to;
  const std::byte* from;
  bool valid;
};

struct Thread {
  enum class State { ready, waiting, done } state = State::ready;
  std::optional<Arrival> arrival;
  std::vector<Copy> open;               // not committed yet
  std::deque<std::vector<Copy>> groups; // committed, oldest first
};

class Machine {
 public:
  Machine(const Launch& launch, const Order& order);
  ~Machine();
  void run();

  ThreadIndices indices;
  void arrive(const Arrival& arrival);
  [[noreturn]] void fail(const char* what, const std::source_location* at);
  Thread& running() { return threads_[indices.thread]; }
  std::span<std::byte> shared() const { return shared_.bytes(); }
  const Poison poison;

 private:
  static void thread_body();
  static void on_fault(int signal, const void* address);

  void run_block();
  bool can_step(unsigned warp) const; // false: it waits for the block, or is done
  void step(unsigned warp);           // to the warp's next collective, or its end
  void advance_lanes(unsigned warp);
  void meet(unsigned warp);
  void release_block();
  std::vector<unsigned> turns(unsigned count);
  std::string name(unsigned thread) const;
  [[noreturn]] void report(const std::string& sentence) const;

  const Launch& launch_;
  const Order order_;
  Random random_;
  Fibres& fibres_;
  FaultHandler fault_handler_;
  GuardedMemory shared_;
  std::vector<Thread> threads_;
  // Of the running thread. Its sentence is made by the scheduler, as nothing is freed on a fibre left behind.
  struct Failure {
    const char* what = nullptr;
    std::optional<std::source_location> at;
    std::optional<const void*> address;
    std::string sentence() const;
  } failure_;
};

Machine* machine = nullptr;

Fibres& fibres() {
  static Fibres all(max_threads);
  return all;
}

Machine::Machine(const Launch& launch, const Order& order)
    : poison(Poison::number(order.number))
    , launch_(launch)
    , order_(order)
    , random_(order.number)
    , fibres_(fibres())
    , fault_handler_(&Machine::on_fault)
    , shared_(launch.shared_bytes, "the shared memory")
    , threads_(launch.threads) {
  indices.threads = launch.threads;
  indices.grid = launch.grid;
  machine = this;
}

Machine::~Machine() { machine = nullptr; }

std::string Machine::name(unsigned thread) const {
  return "thread " + std::to_string(thread) + " of block (" + std::to_string(indices.block.x) + ", " +
         std::to_string(indices.block.y) + ", " + std::to_string(indices.block.z) + ")";
}

void Machine::report(const std::string& sentence) const {
  throw Violation("kernel " + launch_.kernel + ", order " + order_.name() + ": " + sentence);
}

void Machine::run() {
  const Grid& grid = launch_.grid;
  const std::string unable =
      launch_.threads == 0 || launch_.threads > max_threads || launch_.threads % lanes_of_warp != 0
          ? "a block of " + std::to_string(launch_.threads) + " threads is not 1 to 32 whole warps"
      : launch_.shared_bytes > shared_memory_limit
          ? std::to_string(launch_.shared_bytes) + " bytes of shared memory are more than the limit of " +
                std::to_string(shared_memory_limit)
      : grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.y > 65535 || grid.z > 65535
          ? "the grid is empty or too large"
          : "";
  if (!unable.empty()) report(unable);
  for (const unsigned block : turns(grid.x * grid.y * grid.z)) {
    indices.block = {block % grid.x, block / grid.x % grid.y, block / grid.x / grid.y};
    run_block();
    if (const std::string damage = GuardedMemory::damage(); !damage.empty())
      report("block (" + std::to_string(indices.block.x) + ", " + std::to_string(indices.block.y) + ", " +
             std::to_string(indices.block.z) + "): " + damage);
  }
}

std::vector<unsigned> Machine::turns(unsigned count) {
  std::vector<unsigned> result(count);
  std::iota(result.begin(), result.end(), 0u);
  if (order_.kind == Order::Kind::reverse) std::reverse(result.begin(), result.end());
  if (order_.kind == Order::Kind::shuffled)
    for (unsigned i = count; i > 1; --i) std::swap(result[i - 1], result[random_.below(i)]);
  return result;
}

void Machine::run_block() {
  poison.fill(shared_.bytes());
  for (unsigned i = 0; i < launch_.threads; ++i) {
    threads_[i] = {};
    fibres_.start(i, &Machine::thread_body);
  }
  const unsigned warps = launch_.threads / lanes_of_warp;
  const auto done = [](const Thread& thread) { return thread.state == Thread::State::done; };
  while (!std::all_of(threads_.begin(), threads_.end(), done)) {
    bool stuck = true;
    for (const unsigned warp : turns(warps)) {
      // In a shuffled order warps overtake each other; otherwise each runs as far as it gets.
      bool goes_on = can_step(warp);
      stuck = stuck && !goes_on;
      if (order_.kind == Order::Kind::shuffled) goes_on = goes_on && random_.below(2) == 0;
      while (goes_on) {
        step(warp);
        goes_on = order_.kind != Order::Kind::shuffled && can_step(warp);
      }
    }
    if (stuck) release_block();
  }
}

bool Machine::can_step(unsigned warp) const {
  const Thread& front = threads_[warp * lanes_of_warp];
  return front.state != Thread::State::done && !(front.arrival && front.arrival->whole_block);
}

void Machine::step(unsigned warp) {
  advance_lanes(warp);
  meet(warp);
}

void Machine::advance_lanes(unsigned warp) {
  for (const unsigned lane : turns(lanes_of_warp)) {
    indices.thread = warp * lanes_of_warp + lane;
    if (running().state != Thread::State::ready) continue;
    fault_handler_.arm(true);
    fibres_.enter(indices.thread);
    fault_handler_.arm(false);
    if (failure_.what) report(name(indices.thread) + " " + failure_.sentence());
  }
}

// Every lane now waits or is done: they must all have come to the same indices.
void Machine::meet(unsigned warp) {
  const unsigned first = warp * lanes_of_warp;
  const Thread& front = threads_[first];
  for (unsigned i = first + 1; i < first + lanes_of_warp; ++i) {
    const bool front_done = !front.arrival, other_done = !threads_[i].arrival;
    if (front_done && other_done) continue;
    if (front_done != other_done) {
      const unsigned gone = front_done ? first : i, left = front_done ? i : first;
      report(name(gone) + " exits while thread " + std::to_string(left) + " of its warp waits at " +
             threads_[left].arrival->what + ", " + line_of(threads_[left].arrival->at));
    }
    const Arrival &a = *front.arrival, &b = *threads_[i].arrival;
    if (!same_call(a, b))
      report("divergent collectives: " + name(first) + " waits at " + a.what + ", " + line_of(a.at) +
             ", but thread " + std::to_string(i) + " of its warp at " + b.what + ", " + line_of(b.at));
  }
  if (!front.arrival || front.arrival->whole_block) return;
  void* operands[lanes_of_warp];
  for (unsigned i = 0; i < lanes_of_warp; ++i) operands[i] = threads_[first + i].arrival->operands;
  if (front.arrival->operation) front.arrival->operation(operands);
  for (unsigned i = first; i < first + lanes_of_warp; ++i) {
    threads_[i].state = Thread::State::ready;
    threads_[i].arrival.reset();
  }
}

// No warp can move: all of them must stand at a barrier of the block.
void Machine::release_block() {
  unsigned gone = launch_.threads, left = 0;
  for (unsigned i = launch_.threads; i-- > 0;) (threads_[i].arrival ? left : gone) = i;
  if (gone != launch_.threads)
    report(name(gone) + " exits while thread " + std::to_string(left) + " waits at " +
           threads_[left].arrival->what + ", " + line_of(threads_[left].arrival->at));
  for (Thread& thread : threads_) {
    thread.state = Thread::State::ready;
    thread.arrival.reset();
  }
}

void Machine::thread_body() {
  machine->launch_.body();
  Thread& self = machine->running();
  const auto holds_data = [](const std::vector<Copy>& group) { return !group.empty(); };
  if (!self.open.empty() || std::any_of(self.groups.begin(), self.groups.end(), holds_data))
    machine->fail("exits with asynchronous copies it never waited for", nullptr);
  self.state = Thread::State::done;
}

void Machine::on_fault(int signal, const void* address) {
  if (signal == SIGFPE)
    machine->failure_ = {"divides a whole number by zero", {}, {}};
  else
    machine->failure_ = {"accesses memory", {}, address};
  machine->fibres_.abandon();
}

void Machine::arrive(const Arrival& arrival) {
  Thread& self = running();
  self.arrival = arrival;
  self.state = Thread::State::waiting;
  fibres_.leave();
}

void Machine::fail(const char* what, const std::source_location* at) {
  failure_.what = what;
  if (at) failure_.at = *at;
  fibres_.abandon();
}

std::string Machine::Failure::sentence() const {
  return std::string(what) + (address ? " " + describe_address(*address) : "") +
         (at ? ", " + line_of(*at) : "");
}

} // namespace

std::string Order::name() const {
  return kind == Kind::forward   ? "forward"
         : kind == Kind::reverse ? "reverse"
                                 : "shuffled " + std::to_string(number);
}

void run(const Launch& launch, const Order& order) { Machine(launch, order).run(); }

const ThreadIndices& indices() {
  if (!machine) throw std::logic_error("a primitive of cuda/simt/simt.cuh was called outside a launch");
  return machine->indices;
}

void arrive(const Arrival& arrival) { machine->arrive(arrival); }
std::span<std::byte> shared_memory_bytes() { return machine->shared(); }

void fail(const char* what, const std::source_location& at) { machine->fail(what, &at); }

void copy_async(void* shared, const void* global, bool valid, const std::source_location& at) {
  const std::span<std::byte> memory = machine->shared();
  const auto to = reinterpret_cast<std::uintptr_t>(shared), from = reinterpret_cast<std::uintptr_t>(global);
  const auto begin = reinterpret_cast<std::uintptr_t>(memory.data());
  if (to % 16 != 0 || from % 16 != 0)
    fail("copies asynchronously between addresses not aligned to 16 bytes", at);
  if (to < begin || to + 16 > begin + memory.size()) fail("copies asynchronously past the shared memory", at);
  const Copy copy{static_cast<std::byte*>(shared), static_cast<const std::byte*>(global), valid};
  machine->poison.fill({copy.to, 16});
  machine->running().open.push_back(copy);
}

void commit_copies() {
  Thread& self = machine->running();
  self.groups.push_back(std::move(self.open));
  self.open.clear();
}

void wait_copies(std::size_t newest_left) {
  auto& groups = machine->running().groups;
  for (; groups.size() > newest_left; groups.pop_front())
    for (const Copy& copy : groups.front()) {
      if (copy.valid)
        std::memcpy(copy.to, copy.from, 16);
      else
        std::memset(copy.to, 0, 16);
    }
}

} // namespace intarsia::simt::host
