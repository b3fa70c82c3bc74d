// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include <set>

#include "core/device/latency_table.h"
#include "cuda/profile/profile_groups.h"
#include "tests/support/model_shapes.h"
#include "tests/support/test_support.h"

using namespace intarsia;
using namespace intarsia::cuda;

class TestProfileGroups : public QObject {
  Q_OBJECT
 private slots:
  void each_shape_once() {
    const ModelConfig config = test::config_of({64, 96, 3, 4, 2, 16, 100});
    const LayerGraph graph = build_layer_graph(config);
    std::vector<std::vector<std::size_t>> got;
    std::set<std::pair<std::size_t, std::size_t>> known;
    for (const ProfileGroup& shape : profile_groups(graph)) {
      got.push_back(shape.d_outs);
      got.back().insert(got.back().begin(), shape.d_in);
      QVERIFY(known.insert({shape.d_in, shape.d_out()}).second);
    }
    // q and o are alike, and so are k with v and q alone: the single linear is what is measured.
    const std::vector<std::vector<std::size_t>> expected{{64, 64}, {64, 32},         {64, 96},
                                                         {96, 64}, {64, 64, 32, 32}, {64, 96, 96}};
    std::sort(got.begin(), got.end());
    auto sorted = expected;
    std::sort(sorted.begin(), sorted.end());
    QCOMPARE(got, sorted);
    for (const FusionGroup& group : fusion_groups(graph)) {
      std::size_t d_out = 0;
      for (const std::size_t member : group.members) d_out += graph.linears[member].d_out;
      QVERIFY(known.contains({graph.linears[group.members[0]].d_in, d_out}));
    }
  }

  void a_table_is_read_back() {
    LatencyTable table{"a card", "cuda", 80, "a model", 1, 0.001, {}, {}};
    table.entries.push_back({64, 96, parse_quantizer_id("tcq-3.25"), "tensor-core", 1e-5, 2e-7});
    table.entries.push_back({64, 96, parse_quantizer_id("nuq-4"), "cuda-core", 2e-5});
    const LatencyTable read = parse_latency_table(Json::parse(to_json(table).dump()), "here");
    QCOMPARE(to_json(read).dump(), to_json(table).dump());
    QVERIFY(read.entries[0].spread == 2e-7 && read.entries[1].spread == 0);
  }
};

QTEST_APPLESS_MAIN(TestProfileGroups)
#include "test_profile_groups.moc"
