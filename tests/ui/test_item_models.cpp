// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The tables behind the views, and the grid they show.
#include <QAbstractItemModelTester>

#include "core/checkpoint/checkpoint.h"
#include "core/palette/quantized_linear.h"
#include "core/palette/quantizer.h"
#include "tests/support/test_support.h"
#include "ui/allocation/allocation_table_model.h"
#include "ui/model/tensor_table_model.h"

using namespace intarsia;
using namespace intarsia::ui;

namespace {

struct Fixture {
  LayerGraph graph = open_checkpoint(test::tests_folder() / "golden/runtime/gqa")->graph();
  Plan plan;
  Sensitivity sensitivity;
  std::map<std::string, QuantizerId> pins;
  std::map<std::string, std::set<QuantizerId>> forbidden;

  Fixture() {
    double value = 1;
    for (const LinearLayer& layer : graph.linears) {
      plan.layers[layer.name] = {parse_quantizer_id(layer.role == LinearRole::v ? "nuq-6" : "vq-3"), "cpu"};
      sensitivity.layers[layer.name] = value *= 1.5;
    }
    plan.fusions = {{graph.linears[0].name, graph.linears[1].name}};
    pins[graph.linears[2].name] = parse_quantizer_id("nuq-6");
  }
  AllocationGrid grid() const { return build_allocation_grid({graph, &plan, &sensitivity, pins, forbidden}); }
};

} // namespace

class TestItemModels : public QObject {
  Q_OBJECT
 private slots:
  void the_grid_holds_the_plan() {
    const Fixture fixture;
    const AllocationGrid grid = fixture.grid();
    QCOMPARE(grid.blocks, std::size_t(2));
    QCOMPARE(grid.roles.size(), std::size_t(7));
    const AllocationCell& v = grid.at(2, 0);
    QCOMPARE(v.layer, std::string("model.layers.0.self_attn.v_proj"));
    QCOMPARE(v.quantizer->bits(), 6.0);
    QVERIFY(v.pin.has_value());
    QCOMPARE(grid.at(0, 0).fusion, 0);
    QCOMPARE(grid.at(1, 0).fusion, 0);
    QCOMPARE(v.fusion, -1);
    double shares = 0;
    for (const AllocationCell& cell : grid.cells) shares += cell.loss_share;
    QVERIFY(std::abs(shares - 1) < 1e-12);
  }

  void experts_share_a_cell() {
    const LayerGraph graph = open_checkpoint(test::tests_folder() / "golden/families/mixtral")->graph();
    Plan plan;
    Sensitivity sensitivity;
    for (const LinearLayer& layer : graph.linears) {
      plan.layers[layer.name] = {parse_quantizer_id(layer.expert == 1 ? "nuq-6" : "nuq-2"), "cpu"};
      sensitivity.layers[layer.name] = double(layer.expert + 1);
    }
    const std::map<std::string, QuantizerId> pins;
    const std::map<std::string, std::set<QuantizerId>> forbidden;
    const AllocationGrid grid = build_allocation_grid({graph, &plan, &sensitivity, pins, forbidden});
    const auto row =
        std::size_t(std::find(grid.roles.begin(), grid.roles.end(), LinearRole::down) - grid.roles.begin());
    const AllocationCell& cell = grid.at(row, 0);
    QVERIFY(cell.experts.has_value());
    const std::size_t experts = cell.experts->layers.size();
    std::size_t expected = 0, bytes = 0;
    double sensitivities = 0;
    for (const LinearLayer& layer : graph.linears)
      if (layer.block == 0 && layer.role == LinearRole::down) {
        ++expected;
        sensitivities += sensitivity.layers[layer.name];
        bytes += quantized_linear_bytes(plan.layers[layer.name].quantizer, {layer.d_out, layer.d_in});
      }
    QVERIFY(expected > 1);
    QCOMPARE(experts, expected);
    QCOMPARE(cell.bytes, std::uint64_t(bytes));
    QCOMPARE(*cell.sensitivity, sensitivities);
    const double mean = (2.0 * double(experts - 1) + 6) / double(experts);
    QVERIFY(std::abs(*cell_value(cell, CellQuantity::bits) - mean) < 1e-9);
    QCOMPARE(quantizer_text(cell), QString("nuq-2 to nuq-6"));
    QVERIFY2(layer_text(cell).contains(".*."), qPrintable(layer_text(cell)));
    QVERIFY(cell_value_text(cell, CellQuantity::bits).contains(QString("%1 experts").arg(experts)));
    QVERIFY(!grid.at(0, 0).experts); // attention has none
    double shares = 0;
    for (const AllocationCell& each : grid.cells) shares += each.loss_share;
    QVERIFY(std::abs(shares - 1) < 1e-12);
  }

  void colours_do_not_depend_on_the_plan() {
    Fixture fixture;
    const AllocationGrid before = fixture.grid();
    for (auto& [name, layer] : fixture.plan.layers) layer.quantizer = parse_quantizer_id("nuq-8");
    const AllocationGrid after = fixture.grid();
    for (const CellQuantity quantity :
         {CellQuantity::bits, CellQuantity::sensitivity, CellQuantity::distortion, CellQuantity::loss_share,
          CellQuantity::bytes}) {
      QCOMPARE(colour_range(before, quantity).low, colour_range(after, quantity).low);
      QCOMPARE(colour_range(before, quantity).high, colour_range(after, quantity).high);
      const ColourRange range = colour_range(after, quantity);
      QCOMPARE(range.position(range.high * 10), 1.0);
      QVERIFY(range.position(range.high) > range.position((range.low + range.high) / 2));
    }
  }

  void the_allocation_table_keeps_the_rules_of_item_models() {
    AllocationTableModel model;
    QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    Fixture fixture;
    model.set_grid(fixture.grid());
    QCOMPARE(model.rowCount(), 14);
    QCOMPARE(model.data(model.index(2, AllocationTableModel::quantizer), Qt::DisplayRole).toString(),
             QString("nuq-6"));
    QCOMPARE(
        model.data(model.index(2, AllocationTableModel::bits), AllocationTableModel::sort_role).toDouble(),
        6.0);
    fixture.plan.layers["model.layers.0.self_attn.v_proj"].quantizer = parse_quantizer_id("vq-2");
    QSignalSpy changed(&model, &QAbstractItemModel::dataChanged);
    model.set_grid(fixture.grid());
    QCOMPARE(changed.count(), 1);
    QCOMPARE(model.data(model.index(2, AllocationTableModel::quantizer), Qt::DisplayRole).toString(),
             QString("vq-2"));
    model.set_grid({});
    QCOMPARE(model.rowCount(), 0);
  }

  void the_tensor_table_lists_the_file() {
    TensorTableModel model;
    QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    const auto checkpoint = open_checkpoint(test::tests_folder() / "golden/runtime/gqa");
    model.set_tensors(checkpoint->tensors());
    QCOMPARE(model.rowCount(), int(checkpoint->tensors().size()));
    QCOMPARE(model.data(model.index(0, TensorTableModel::type), Qt::DisplayRole).toString(), QString("F32"));
    QCOMPARE(model.data(model.index(0, TensorTableModel::shape), Qt::DisplayRole).toString(),
             QString("96 × 48"));
  }
};

QTEST_MAIN(TestItemModels)
#include "test_item_models.moc"
