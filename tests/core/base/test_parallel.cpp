// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include <QTest>
#include <chrono>
#include <mutex>
#include <set>
#include <thread>

#include "core/base/parallel.h"

using namespace intarsia;

namespace {

// The threads that take part in a loop whose steps leave the others time to join.
std::size_t threads_at_work() {
  std::mutex mutex;
  std::set<std::thread::id> threads;
  parallel_for(64, [&](std::size_t) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    const std::scoped_lock lock(mutex);
    threads.insert(std::this_thread::get_id());
  });
  return threads.size();
}

} // namespace

class TestParallel : public QObject {
  Q_OBJECT
 private slots:
  void a_limit_of_one_keeps_to_one_thread() {
    const ThreadLimit one(1);
    QCOMPARE(thread_count(), std::size_t(1));
    QCOMPARE(threads_at_work(), std::size_t(1));
  }
  void a_limit_ends_with_its_scope() {
    const std::size_t before = thread_count();
    {
      const ThreadLimit two(2), one(1);
      QCOMPARE(thread_count(), std::size_t(1));
    }
    QCOMPARE(thread_count(), before);
  }
  void zero_limits_nothing() {
    const std::size_t before = thread_count();
    const ThreadLimit none(0);
    QCOMPARE(thread_count(), before);
  }
};

QTEST_GUILESS_MAIN(TestParallel)
#include "test_parallel.moc"
