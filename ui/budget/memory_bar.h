// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>
#include <QWidget>
#include <cstdint>
#include <vector>

namespace intarsia::ui {

// A stacked bar of what must be in memory, against what is free.
class MemoryBar : public QWidget {
  Q_OBJECT
 public:
  struct Part {
    QString name;
    std::uint64_t bytes;
  };
  explicit MemoryBar(QWidget* parent = nullptr);
  void set_parts(std::vector<Part> parts, std::uint64_t free_bytes);
  bool fits() const;

 protected:
  void paintEvent(QPaintEvent* event) override;
  QSize sizeHint() const override { return {240, 64}; }

 private:
  std::uint64_t total() const;
  QColor colour(std::size_t part) const;
  std::vector<Part> parts_;
  std::uint64_t free_ = 0;
};

} // namespace intarsia::ui
