// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Checkpoints of other quantizers against the weights that they stand for (goldens by
// tests/golden/quantized/make_quantized_goldens.py), and those that are refused, by name.
#include <QTemporaryDir>
#include <filesystem>
#include <fstream>

#include "core/base/json.h"
#include "core/base/mapped_file.h"
#include "core/base/random.h"
#include "core/checkpoint/checkpoint.h"
#include "core/checkpoint/safetensors.h"
#include "tests/support/test_support.h"

using namespace intarsia;
namespace fs = std::filesystem;

namespace {

fs::path goldens() { return test::tests_folder() / "golden/quantized"; }

std::string read_bytes(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

} // namespace

class TestQuantizedCheckpoints : public QObject {
  Q_OBJECT

  QTemporaryDir dir_;
  fs::path copy_of(const std::string& scheme) const {
    const fs::path folder = fs::path(dir_.path().toStdString()) / scheme;
    fs::remove_all(folder);
    fs::copy(goldens() / scheme, folder);
    return folder;
  }

 private slots:
  void weights_are_what_the_formats_say_data() {
    QTest::addColumn<QString>("folder");
    int count = 0;
    for (const auto& entry : fs::directory_iterator(goldens()))
      if (entry.is_directory()) {
        QTest::newRow(entry.path().filename().c_str()) << QString::fromStdString(entry.path());
        ++count;
      }
    QCOMPARE(count, 15);
  }

  void weights_are_what_the_formats_say() {
    QFETCH(QString, folder);
    const fs::path path = folder.toStdString();
    const auto checkpoint = open_checkpoint(path);
    const MappedFile golden(path / "expected.safetensors");
    std::size_t compared = 0;
    for (const SafetensorsEntry& entry : parse_safetensors(golden.bytes(), "golden").tensors) {
      std::vector<float> expected(entry.shape[0] * entry.shape[1]);
      dequantize(entry.dtype, golden.bytes().subspan(entry.begin, entry.end - entry.begin), expected);
      const std::vector<float> weight = checkpoint->read(entry.name);
      QCOMPARE(weight.size(), expected.size());
      for (std::size_t i = 0; i < weight.size(); ++i)
        if (!(weight[i] == expected[i]))
          QFAIL(qPrintable(QString("%1 value %2: %3 instead of %4")
                               .arg(entry.name.c_str())
                               .arg(i)
                               .arg(double(weight[i]), 0, 'g', 9)
                               .arg(double(expected[i]), 0, 'g', 9)));
      const std::size_t columns = entry.shape[1]; // a few rows out of the middle are the same rows
      std::vector<float> some(3 * columns);
      checkpoint->read_rows(entry.name, 2, 3, some);
      QVERIFY(std::equal(some.begin(), some.end(), weight.begin() + std::ptrdiff_t(2 * columns)));
      ++compared;
    }
    QCOMPARE(compared, std::size_t(7));
    QVERIFY(QString::fromStdString(checkpoint->kind()).contains("weights"));
  }

  void schemes_that_are_not_read_are_named_data() {
    QTest::addColumn<QString>("scheme");
    QTest::addColumn<QString>("what");
    const auto row = [](const char* scheme, const char* what) { QTest::newRow(what) << scheme << what; };
    row("{'quant_method':'hqq'}", "\"hqq\"");
    row("{'quant_method':'aqlm'}", "\"aqlm\"");
    row("{'quant_method':'exl2'}", "\"exl2\"");
    row("{'quant_method':'mxfp4'}", "\"mxfp4\"");
    row("{'quant_method':'torchao'}", "\"torchao\"");
    row("{'quant_method':'awq','version':'gemv'}", "\"gemv\"");
    row("{'quant_method':'awq','bits':3}", "AWQ in 3 bits");
    row("{'quant_method':'gptq','bits':4,'checkpoint_format':'marlin'}", "\"marlin\"");
    row("{'quant_method':'modelopt','quant_algo':'NVFP4'}", "\"NVFP4\"");
    row("{'quant_method':'compressed-tensors','format':'nvfp4-pack-quantized'}", "\"nvfp4-pack-quantized\"");
    row("{'quant_method':'compressed-tensors','format':'pack-quantized','sparsity_config':{'format':'sparse-"
        "24'}}",
        "\"sparse-24\"");
    row("{'bits':4}", "no \"quant_method\"");
    row("{'quant_method':'gptq'}", "\"bits\"");
  }

  void schemes_that_are_not_read_are_named() {
    QFETCH(QString, scheme);
    QFETCH(QString, what);
    const fs::path folder = copy_of("gptq-8");
    Json config = read_json_file(folder / "config.json");
    config["quantization_config"] = Json::parse(scheme.replace('\'', '"').toStdString());
    test::write_file(folder / "config.json", config.dump());
    const QString sentence = QString::fromStdString(test::error_of([&] { open_checkpoint(folder); }));
    QVERIFY2(sentence.contains(what) && sentence.contains("config.json") && !sentence.contains('\n'),
             qPrintable(sentence));
  }

  void schemes_in_files_of_their_own_are_found() {
    const fs::path folder = copy_of("gptq-8");
    Json config = read_json_file(folder / "config.json");
    const Json scheme = config["quantization_config"];
    config.erase("quantization_config");
    test::write_file(folder / "config.json", config.dump());
    const QString sentence = QString::fromStdString(test::error_of([&] { open_checkpoint(folder); }));
    QVERIFY2(sentence.contains(".qweight") && sentence.contains("quantization_config"), qPrintable(sentence));
    test::write_file(folder / "quantize_config.json", R"({"bits":8,"group_size":8})");
    QCOMPARE(open_checkpoint(folder)->read("model.layers.0.mlp.up_proj.weight"),
             open_checkpoint(goldens() / "gptq-8")->read("model.layers.0.mlp.up_proj.weight"));
    config["quantization"] = {{"bits", 4}, {"group_size", 64}};
    test::write_file(folder / "config.json", config.dump());
    const QString mlx = QString::fromStdString(test::error_of([&] { open_checkpoint(folder); }));
    QVERIFY2(mlx.contains("MLX"), qPrintable(mlx));
  }

  // Damaged headers are refused or read, never read past (run under the asan preset too).
  void damage_is_survived() {
    Random random(11);
    for (const auto& entry : fs::directory_iterator(goldens())) {
      if (!entry.is_directory()) continue;
      const fs::path folder = copy_of(entry.path().filename().string());
      const std::string good = read_bytes(folder / "model.safetensors");
      for (int round = 0; round < 60; ++round) {
        std::string bytes = good;
        // Names, shapes and the small integers behind the header.
        for (int flips = 0; flips < 3; ++flips)
          bytes[8 + random.below(bytes.size() - 8)] ^= char(1 << random.below(8));
        test::write_file(folder / "model.safetensors", bytes);
        try {
          const auto checkpoint = open_checkpoint(folder);
          for (const TensorInfo& tensor : checkpoint->tensors()) checkpoint->read(tensor.name);
        } catch (const std::exception& error) {
          QVERIFY(!QString(error.what()).contains('\n'));
        }
      }
    }
  }
};

QTEST_APPLESS_MAIN(TestQuantizedCheckpoints)
#include "test_quantized_checkpoints.moc"
