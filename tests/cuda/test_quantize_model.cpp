// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// A whole model quantized by the device's sequence of kernels, on the host's harness: the artifact is the
// CPU's.
#include <fstream>

#include "core/artifact/artifact.h"
#include "core/artifact/quantize_job.h"
#include "tests/cuda/host_device.h"
#include "tests/support/tiny_model.h"

using namespace intarsia;
using namespace intarsia::test;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t slab_rows = 64; // a layer takes more than one

QuantizedLinear encode_on_harness(const LinearSource& source, const JobControl& control) {
  if (source.quantizer.family == QuantizerFamily::f16) return cuda::store_as_f16(source, slab_rows, control);
  HostDevice device;
  return cuda::LinearEncoder<HostDevice>(device, source, slab_rows, control).run();
}

std::string bytes_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

} // namespace

class TestQuantizeModel : public QObject {
  Q_OBJECT

  QTemporaryDir folder_;
  fs::path path(const char* name) const { return fs::path(folder_.path().toStdString()) / name; }
  std::unique_ptr<Checkpoint> checkpoint_;
  Plan plan_;

 private slots:
  void initTestCase() {
    TinyModel tiny;
    tiny.blocks = 1; // the harness is slow
    write_tiny_model(path("model"), tiny);
    checkpoint_ = open_checkpoint(path("model"));
    plan_ = mixed_plan(checkpoint_->graph());
    quantize_model(*checkpoint_, plan_, path("cpu"), {}, {});
  }

  // A code of some thousands may differ where roundings decide between neighbours: none in this model.
  void gives_the_very_file_of_the_cpu() {
    QuantizeOptions options;
    options.encode = encode_on_harness;
    quantize_model(*checkpoint_, plan_, path("device"), options, {});
    const auto device = open_artifact(path("device")), cpu = open_artifact(path("cpu"));
    for (const LinearLayer& layer : checkpoint_->graph().linears) {
      const auto one = std::get<QuantizedLinear>(device->linear(layer)),
                 other = std::get<QuantizedLinear>(cpu->linear(layer));
      QVERIFY2(one.codes == other.codes, layer.name.c_str());
      QVERIFY2(one.row_scales == other.row_scales, layer.name.c_str());
      const double a = device->layer_distortion(layer.name), b = cpu->layer_distortion(layer.name);
      QVERIFY2(std::abs(a - b) <= 1e-6 * b, layer.name.c_str()); // summed in another order
    }
    QVERIFY(bytes_of(path("device") / "model.safetensors") == bytes_of(path("cpu") / "model.safetensors"));
  }

  void a_device_that_fails_is_followed_by_the_cpu() {
    QuantizeOptions options;
    int layers = 0;
    options.encode = [&](const LinearSource& source, const JobControl& control) {
      if (layers++ == 2) throw Error(ErrorKind::internal, source.name + ": CUDA failed while coding rows");
      return encode_on_harness(source, control);
    };
    const auto run = [&] { quantize_model(*checkpoint_, plan_, path("both"), options, {}); };
    QVERIFY(error_of(run).find("CUDA failed") != std::string::npos);
    options.encode = nullptr;
    options.resume = true;
    std::size_t resumed = 0;
    options.on_layer = [&](const LayerDone& layer) { resumed += layer.resumed ? 1 : 0; };
    QCOMPARE(error_of(run), std::string());
    QCOMPARE(resumed, std::size_t(2));
    QVERIFY(bytes_of(path("both") / "model.safetensors") == bytes_of(path("cpu") / "model.safetensors"));
  }
};

QTEST_APPLESS_MAIN(TestQuantizeModel)
#include "test_quantize_model.moc"
