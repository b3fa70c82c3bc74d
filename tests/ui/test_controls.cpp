// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Controls that are drawn by hand, each alone.
#include <QtTest>
#include <cmath>
#include <qcustomplot.h>

#include "tests/ui/window_under_test.h"
#include "ui/allocation/frontier_view.h"
#include "ui/budget/scale_slider.h"
#include "ui/widgets/sentence.h"

using namespace intarsia;
using namespace intarsia::ui;

class TestControls : public QObject {
  Q_OBJECT

  // A frontier that falls steeply at first, as real ones do, from 24 to 27 MiB.
  static Frontier steep() {
    Frontier frontier;
    for (int i = 0; i <= 60; ++i) {
      const double bits = 2 + 0.1 * i, loss = 4 * std::exp2(-2 * bits) + 2 * std::exp2(-6 * (bits - 1.9));
      frontier.memory.push_back({bits, 0, loss, loss / 2, (24 + 0.5 * bits) * 0x1p20});
    }
    return frontier;
  }

 private slots:
  void init() { test::use_palette(false); }

  void the_label_of_the_plan_stands_clear_of_the_line() {
    FrontierView view;
    view.resize(520, 220);
    view.show();
    QVERIFY(QTest::qWaitForWindowExposed(&view));
    const Frontier frontier = steep();
    view.set_frontier(frontier);
    const auto* label = qobject_cast<QCPItemText*>(view.plot()->item(0));
    QVERIFY(label);
    for (const std::size_t at :
         {std::size_t(3), std::size_t(20), std::size_t(50), std::size_t(57), std::size_t(60)}) {
      view.set_plan(frontier.memory[at], false);
      for (const QSize size : {QSize(520, 220), QSize(360, 160)}) {
        view.resize(size);
        view.plot()->replot(QCustomPlot::rpImmediateRefresh);
        const QRectF area = view.plot()->axisRect()->rect();
        const double left = label->left->pixelPosition().x(), right = label->right->pixelPosition().x();
        const double bottom = label->bottom->pixelPosition().y() - label->padding().bottom();
        QVERIFY(left >= area.left() && right <= area.right());
        QVERIFY(label->top->pixelPosition().y() >= area.top() - 1);
        for (const QCPGraphData& point : *view.plot()->graph(0)->data()) {
          const double x = view.plot()->xAxis->coordToPixel(point.key);
          if (x < left || x > right) continue;
          QVERIFY2(view.plot()->yAxis->coordToPixel(point.value) >= bottom,
                   qPrintable(QString("plan %1: the line is above the text's lower edge").arg(at)));
        }
      }
    }
  }

  void an_empty_frontier_has_no_names_on_its_axes() {
    FrontierView view;
    view.show();
    for (const bool dark : {true, false}) {
      test::use_palette(dark);
      QTRY_COMPARE(view.plot()->yAxis->labelColor().alpha(), 0);
    }
    view.set_frontier(steep());
    QCOMPARE(view.plot()->yAxis->labelColor(), Theme::of(view.palette()).muted);
  }

  void a_slider_without_a_scale_shows_no_value() {
    ScaleSlider slider;
    slider.resize(220, 44);
    slider.set_scale(0, 10, {});
    slider.show_value(7);
    const auto has_accent = [&] {
      const QImage image = slider.grab().toImage();
      for (int y = 0; y < image.height(); ++y)
        for (int x = 0; x < image.width(); ++x)
          if (image.pixelColor(x, y) == Theme::of(slider.palette()).accent) return true;
      return false;
    };
    QVERIFY(has_accent());
    slider.set_scale(0, 0, {});
    QVERIFY(!has_accent());
  }

  void a_sentence_begins_with_a_capital_and_ends() {
    QCOMPARE(as_sentence("the prompt of 756 tokens does not fit: shorten it"),
             QString("The prompt of 756 tokens does not fit: shorten it."));
    QCOMPARE(as_sentence("Done."), QString("Done."));
    QCOMPARE(as_sentence("model.safetensors: no such file"), QString("model.safetensors: no such file."));
    QCOMPARE(as_sentence("/a/b: is empty"), QString("/a/b: is empty."));
    QCOMPARE(as_sentence({}), QString());
  }
};

QTEST_MAIN(TestControls)
#include "test_controls.moc"
