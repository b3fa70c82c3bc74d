// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <QString>
#include <QWidget>
#include <cstdint>
#include <vector>

namespace intarsia::ui {

// A stacked bar of what must be in memory, in all and in parts, against what is free.
class MemoryBar : public QWidget {
  Q_OBJECT
 public:
  struct Part {
    QString name;
    std::uint64_t bytes;
  };
  explicit MemoryBar(QWidget* parent = nullptr);
  void set_parts(std::vector<Part> parts, std::uint64_t free_bytes, const QString& device);
  bool fits() const;       // true also where it isn't known how much is free
  QString summary() const; // "5.20 GiB of 22.1 GiB free"

 protected:
  void paintEvent(QPaintEvent* event) override;
  QSize sizeHint() const override;
  QSize minimumSizeHint() const override { return {160, sizeHint().height()}; }

 private:
  std::uint64_t total() const;
  QColor colour(std::size_t part) const;
  int line_height() const;
  std::vector<Part> parts_;
  std::uint64_t free_ = 0;
};

} // namespace intarsia::ui
