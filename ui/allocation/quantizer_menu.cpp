// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/allocation/quantizer_menu.h"

#include <QMenu>
#include <algorithm>
#include <map>

namespace intarsia::ui {

void add_quantizers(QMenu& menu, const std::vector<QuantizerId>& quantizers,
                    const std::function<void(QuantizerId)>& chosen) {
  std::map<QuantizerFamily, std::vector<QuantizerId>> families;
  for (const QuantizerId id : quantizers) families[id.family].push_back(id);
  for (auto& [family, members] : families) {
    std::sort(members.begin(), members.end(),
              [](QuantizerId a, QuantizerId b) { return a.bits() < b.bits(); });
    const auto name = family_name(family);
    const QString title = QString::fromUtf8(name.data(), qsizetype(name.size())).toUpper();
    QMenu* submenu = members.size() > 1 ? menu.addMenu(title) : &menu;
    for (const QuantizerId id : members)
      QObject::connect(submenu->addAction(QString::fromStdString(to_string(id))), &QAction::triggered,
                       submenu, [chosen, id = id] { chosen(id); });
  }
}

} // namespace intarsia::ui
