// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/artifact/open_model.h"
#include "core/jobs/result_cache.h"
#include "tests/support/test_support.h"
#include "tests/support/tiny_model.h"

using namespace intarsia;
namespace fs = std::filesystem;

class TestSensitivityCache : public QObject {
  Q_OBJECT
  QTemporaryDir folder_;
  fs::path path(const char* name) const { return fs::path(folder_.path().toStdString()) / name; }

  static Sensitivity made_up(const Checkpoint& checkpoint) {
    Sensitivity sensitivity;
    sensitivity.method = "data-free";
    double value = 0;
    for (const LinearLayer* layer : checkpoint.graph().all_layers())
      sensitivity.layers[layer->name] = ++value;
    return sensitivity;
  }

 private slots:
  void initTestCase() {
    qputenv("XDG_CACHE_HOME", QByteArray::fromStdString(path("cache").string()));
    test::write_tiny_model(path("model"));
  }

  void is_kept_beside_the_model_and_found_again() {
    const auto checkpoint = open_checkpoint(path("model"));
    const SensitivityCache cache(*checkpoint, {}, {});
    QVERIFY(!cache.find());
    const fs::path place = cache.store(made_up(*checkpoint));
    QCOMPARE(place.parent_path(), path("model"));
    QVERIFY(SensitivityCache(*open_checkpoint(path("model")), {}, {}).find()->layers ==
            made_up(*checkpoint).layers);
  }

  void other_options_texts_and_weights_have_entries_of_their_own() {
    const auto checkpoint = open_checkpoint(path("model"));
    SensitivityOptions other;
    other.seed = 2;
    QVERIFY(!SensitivityCache(*checkpoint, {}, other).find());
    const std::vector<int> text{1, 2, 3};
    QVERIFY(!SensitivityCache(*checkpoint, text, {}).find());
    test::write_tiny_model(path("retrained"), {.seed = 2});
    for (const auto& entry : fs::directory_iterator(path("model")))
      if (entry.path().filename().string().starts_with("intarsia-sensitivity"))
        fs::copy(entry.path(), path("retrained") / entry.path().filename());
    QVERIFY(!SensitivityCache(*open_checkpoint(path("retrained")), {}, {}).find());
  }

  void a_damaged_entry_counts_as_none() {
    const auto checkpoint = open_checkpoint(path("model"));
    const SensitivityCache cache(*checkpoint, {}, {});
    Sensitivity incomplete = made_up(*checkpoint);
    incomplete.layers.erase("lm_head");
    QVERIFY(!cache.store(incomplete).empty());
    QVERIFY(!cache.find());
    test::write_file(cache.files().front(), "{\"format\":");
    QVERIFY(!cache.find());
  }

  void our_own_model_is_kept_in_the_users_cache() {
    const auto checkpoint = open_checkpoint(built_in_model());
    const SensitivityCache cache(*checkpoint, {}, {});
    QCOMPARE(cache.store(made_up(*checkpoint)).parent_path(), path("cache") / "intarsia");
    QVERIFY(cache.find().has_value());
  }
};

QTEST_APPLESS_MAIN(TestSensitivityCache)
#include "test_sensitivity_cache.moc"
