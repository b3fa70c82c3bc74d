// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/base/mapped_file.h"
#include "core/sensitivity/own_text.h"
#include "tests/support/test_support.h"
#include "tests/support/tiny_model.h"

using namespace intarsia;
namespace fs = std::filesystem;

class TestOwnText : public QObject {
  Q_OBJECT

  QTemporaryDir folder_;
  fs::path model() const { return fs::path(folder_.path().toStdString()) / "model"; }
  std::unique_ptr<Checkpoint> checkpoint_;

  // Tokens count up; the gradients are those of any numbers, the same for the same sequence.
  WeighedText text(std::size_t sequences, std::size_t weighed) const {
    WeighedText text{{}, OutputGradients(checkpoint_->config().head_dim)};
    for (std::size_t s = 0; s < sequences; ++s) {
      text.sequences.emplace_back(64);
      for (std::size_t t = 0; t < 64; ++t) text.sequences.back()[t] = int((s + t) % 64);
      if (s >= weighed) continue;
      for (const LinearLayer& layer : checkpoint_->graph().linears)
        text.gradients.add(layer, test::gaussian(64 * layer.d_out, s + 1));
    }
    return text;
  }

  bool finds(std::size_t sequences, std::size_t weighed, std::uint64_t seed = 1) const {
    const WeighedText expected = text(sequences, weighed),
                      found = OwnTextCache(*checkpoint_, {}, seed).find();
    if (found.sequences != expected.sequences || found.gradients.tokens() != 64 * weighed) return false;
    return std::ranges::all_of(checkpoint_->graph().linears, [&](const LinearLayer& layer) {
      return std::ranges::equal(found.gradients.norms(layer.name), expected.gradients.norms(layer.name)) &&
             std::ranges::equal(found.gradients.head_moments(layer.name),
                                expected.gradients.head_moments(layer.name));
    });
  }

  fs::path file() const {
    for (const auto& entry : fs::directory_iterator(model()))
      if (entry.path().filename().string().starts_with("intarsia-text-")) return entry.path();
    return {};
  }

 private slots:
  void init() {
    fs::remove_all(model());
    test::write_tiny_model(model());
    checkpoint_ = open_checkpoint(model());
  }

  void what_says_more_takes_the_place_of_less() {
    const OwnTextCache cache(*checkpoint_, {}, 1);
    QCOMPARE(cache.series().length, std::size_t(64));
    QVERIFY(finds(0, 0));
    cache.store(text(3, 0)); // before it is weighed
    QVERIFY(finds(3, 0));
    cache.store(text(3, 2));
    QVERIFY(finds(3, 2));
    cache.store(text(5, 1)); // less is weighed
    QVERIFY(finds(3, 2));
    cache.store(text(5, 5));
    QVERIFY(finds(5, 5) && !cache.complete());
    cache.store(text(257, 257)); // cannot be told from a part of it
    QVERIFY(finds(5, 5));
    cache.store(text(256, 256));
    QVERIFY(finds(256, 256) && cache.complete());
  }

  // Of another length than jobs share, a job has its own beside what they share.
  void a_job_keeps_what_others_cannot_use() {
    const fs::path job = fs::path(folder_.path().toStdString()) / "job";
    const auto extent = [](const OwnTextCache& cache) {
      const WeighedText found = cache.find();
      return std::pair(found.sequences.size(), found.gradients.tokens() / 64);
    };
    using Extent = std::pair<std::size_t, std::size_t>;
    const OwnTextCache less(*checkpoint_, {}, 1, 4 * 64, job), more(*checkpoint_, {}, 1, 260 * 64, job);
    less.store(text(4, 4));
    QVERIFY(finds(4, 4) && !fs::exists(job) && less.complete());
    OwnTextCache(*checkpoint_, {}, 1).store(text(256, 256));
    QCOMPARE(extent(less), Extent(4, 0)); // those of 256 cannot be taken apart
    less.store(text(4, 4));
    QVERIFY(less.complete() && finds(256, 256));
    QCOMPARE(less.find().sequences, text(4, 4).sequences);
    fs::remove(job);
    QCOMPARE(extent(more), Extent(256, 256));
    more.store(text(260, 256));
    QCOMPARE(extent(more), Extent(260, 256));
    more.store(text(260, 260));
    QVERIFY(more.complete() && finds(256, 256));
    fs::remove(job);
  }

  void each_seed_has_its_own() {
    OwnTextCache(*checkpoint_, {}, 1).store(text(3, 3));
    QVERIFY(finds(3, 3, 1) && finds(0, 0, 2));
  }

  void a_damaged_file_is_none() {
    OwnTextCache(*checkpoint_, {}, 1).store(text(4, 4));
    const std::string bytes = read_text_file(file());
    constexpr std::size_t header = 32, tokens = 4 * 64 * sizeof(int);
    const auto with = [&](std::size_t at, char flip) {
      std::string damaged = bytes;
      damaged[at] = char(damaged[at] ^ flip);
      test::write_file(file(), damaged);
    };
    for (const std::size_t at : {0u, 8u, 12u, 16u, 24u, unsigned(header + 5)}) {
      with(at, 0x40);
      QVERIFY2(finds(0, 0), std::to_string(at).c_str());
    }
    with(header + tokens + 90, 0x40); // in the gradients: the text is still good
    QVERIFY(finds(4, 0));
    for (const std::size_t size : {std::size_t(0), header - 1, header + tokens - 1}) {
      test::write_file(file(), bytes.substr(0, size));
      QVERIFY(finds(0, 0));
    }
    OwnTextCache(*checkpoint_, {}, 1).store(text(2, 2)); // and is replaced
    QVERIFY(finds(2, 2));
  }

  // A token outside of the vocabulary would be read from behind the embedding.
  void tokens_are_checked() {
    WeighedText wrong = text(2, 0);
    wrong.sequences[1][7] = 64;
    OwnTextCache(*checkpoint_, {}, 1).store(wrong);
    QVERIFY(finds(0, 0));
  }

  void the_last_place_serves_where_no_other_can_be_written() {
    const fs::path last = fs::path(folder_.path().toStdString()) / "last";
    const std::string cache_home = qgetenv("XDG_CACHE_HOME").toStdString();
    OwnTextCache(*checkpoint_, {}, 1).store(text(1, 1));
    const fs::path in_the_way = file();
    fs::remove(in_the_way);
    fs::create_directory(in_the_way);
    qputenv("XDG_CACHE_HOME", "/proc/nowhere");
    const OwnTextCache cache(*checkpoint_, {}, 1, OwnTextCache::shared_tokens, last);
    qputenv("XDG_CACHE_HOME", cache_home.c_str());
    cache.store(text(3, 3));
    QVERIFY(fs::exists(last));
    QCOMPARE(cache.find().sequences.size(), std::size_t(3));
  }
};

QTEST_APPLESS_MAIN(TestOwnText)
#include "test_own_text.moc"
