// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/device/device_popup.h"

#include <QHBoxLayout>
#include <QKeyEvent>
#include <QListWidget>
#include <QPushButton>
#include <QScreen>
#include <QVBoxLayout>
#include <algorithm>

#include "ui/device/device_text.h"
#include "ui/device/selftest_view.h"
#include "ui/theme/theme.h"
#include "ui/widgets/card.h"
#include "ui/widgets/choice_box.h"

namespace intarsia::ui {
namespace {

constexpr int popup_width = 440, highest_list = 320;

QString text_of(const Device& device, bool chosen) {
  const QString name = QString::fromStdString(device.name);
  if (!device.usable)
    return QObject::tr("%1\nCannot be used: %2").arg(name, QString::fromStdString(device.reason));
  return (chosen ? QObject::tr("%1 — in use\n%2") : QObject::tr("%1\n%2")).arg(name, device_figures(device));
}

} // namespace

DevicePopup::DevicePopup(StudioSession& session, QWidget* parent)
    : QFrame(parent, Qt::Popup)
    , session_(session)
    , devices_(new QListWidget(this))
    , note_(make_label({}, "muted", this))
    , planning_note_(make_label({}, "muted", this))
    , planned_(new ChoiceBox(this)) {
  setObjectName(QStringLiteral("popup"));
  setAccessibleName(tr("Devices"));
  setFixedWidth(popup_width);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(2 * spacing, 2 * spacing, 2 * spacing, 2 * spacing);
  layout->setSpacing(spacing);
  build_devices(*layout);
  layout->addSpacing(spacing);
  build_planning(*layout);
  layout->addStretch();
  connect(&session_.devices(), &Devices::listed, this, &DevicePopup::refresh_devices);
  connect(&session_.devices(), &Devices::changed, this, &DevicePopup::refresh_devices);
  connect(&session_.models(), &ModelStore::changed, this, &DevicePopup::refresh_planning);
  connect(&session_.latency(), &Latency::table_changed, this, &DevicePopup::refresh_planning);
  refresh_devices();
  refresh_planning();
}

void DevicePopup::build_devices(QVBoxLayout& layout) {
  auto* top = new QHBoxLayout;
  top->addWidget(make_label(tr("Compute on"), "title", this), 1);
  auto* again = new QPushButton(tr("Look again"), this);
  again->setObjectName(QStringLiteral("lookAgain"));
  again->setAccessibleName(tr("Look for devices again"));
  top->addWidget(again);
  layout.addLayout(top);
  devices_->setObjectName(QStringLiteral("deviceList"));
  devices_->setAccessibleName(tr("Devices of this machine; Enter chooses"));
  devices_->setWordWrap(true);
  devices_->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  note_->setObjectName(QStringLiteral("muted"));
  layout.addWidget(devices_);
  layout.addWidget(note_);
  layout.addWidget(new SelftestView(session_, this));
  connect(again, &QPushButton::clicked, &session_.devices(), &Devices::look);
  connect(devices_, &QListWidget::itemClicked, this, &DevicePopup::choose);
  connect(devices_, &QListWidget::itemActivated, this, &DevicePopup::choose);
}

void DevicePopup::build_planning(QVBoxLayout& layout) {
  layout.addWidget(make_label(tr("Plan for"), "title", this));
  planned_->setObjectName(QStringLiteral("plannedDevice"));
  planned_->setAccessibleName(tr("Device to plan for"));
  planned_->addItem(tr("This device"));
  for (const PlannedDevice& device : Latency::planned_devices())
    planned_->addItem(tr("%1, estimated").arg(device.name), device.file);
  layout.addWidget(planned_);
  layout.addWidget(planning_note_);
  auto* import = new QPushButton(tr("Import a latency table…"), this);
  layout.addWidget(import, 0, Qt::AlignLeft);
  connect(planned_, &QComboBox::activated, this, [this](int index) {
    index == 0 ? session_.latency().plan_for_this_device()
               : session_.latency().plan_for(planned_->itemData(index).toString());
  });
  connect(import, &QPushButton::clicked, this, [this] {
    close(); // or it would lie over the dialog
    emit import_wanted();
  });
}

void DevicePopup::refresh_devices() {
  const int row = devices_->currentRow();
  devices_->clear();
  for (const Device& device : session_.devices().list().devices) {
    const bool chosen = device.id == session_.devices().device().id;
    auto* item = new QListWidgetItem(text_of(device, chosen), devices_);
    item->setData(Qt::UserRole, QString::fromStdString(device.id));
    if (chosen) devices_->setCurrentItem(item);
    // It can be gone to and read, though not chosen.
    if (!device.usable) item->setForeground(Theme::of(palette()).muted);
  }
  if (row >= 0 && row < devices_->count() && devices_->hasFocus()) devices_->setCurrentRow(row);
  int height = 2 * devices_->frameWidth() + spacing;
  for (int i = 0; i < devices_->count(); ++i) height += devices_->sizeHintForRow(i);
  devices_->setFixedHeight(std::min(height, highest_list));
  const std::string& note = session_.devices().list().gpu_note;
  note_->setText(note.empty() ? QString() : tr("No GPU: %1.").arg(QString::fromStdString(note)));
  note_->setVisible(!note.empty());
}

void DevicePopup::refresh_planning() {
  planned_->setEnabled(session_.latency().can_measure());
  const auto& table = session_.latency().table();
  int index = 0;
  if (session_.latency().source() == LatencySource::estimated)
    index =
        std::max(0, planned_->findText(tr("%1, estimated").arg(QString::fromStdString(table->device_name))));
  planned_->setCurrentIndex(index);
  if (!session_.latency().can_measure())
    planning_note_->setText(tr("Open a model to plan for the speed of a device."));
  else if (session_.latency().estimated())
    planning_note_->setText(tr("Latencies are estimated, %1.").arg(QString::fromStdString(table->estimated)));
  else if (table)
    planning_note_->setText(
        tr("Latencies were measured on %1.").arg(QString::fromStdString(table->device_name)));
  else
    planning_note_->setText(
        tr("No latencies are known: measure this device beside the latency budget, choose "
           "one to estimate, or import a table."));
}

void DevicePopup::choose(const QListWidgetItem* item) {
  session_.devices().choose(item->data(Qt::UserRole).toString());
}

void DevicePopup::open_below(const QWidget& anchor) {
  refresh_devices();
  fit_height();
  const QRect screen = anchor.screen()->availableGeometry();
  QPoint at = anchor.mapToGlobal(QPoint(anchor.width() - width(), anchor.height()));
  at.setX(std::clamp(at.x(), screen.left(), std::max(screen.left(), screen.right() - width())));
  move(at);
  show();
  devices_->setFocus(Qt::PopupFocusReason);
}

// adjustSize() would stop at two thirds of the screen.
void DevicePopup::fit_height() { resize(width(), layout()->totalHeightForWidth(width())); }

void DevicePopup::keyPressEvent(QKeyEvent* event) {
  if (event->key() == Qt::Key_Escape) {
    close();
    return;
  }
  if (auto* button = qobject_cast<QAbstractButton*>(focusWidget());
      button && (event->key() == Qt::Key_Return || event->key() == Qt::Key_Enter))
    return button->click();
  QFrame::keyPressEvent(event);
}

bool DevicePopup::event(QEvent* event) {
  const bool taken = QFrame::event(event);
  if (event->type() == QEvent::LayoutRequest) fit_height();
  return taken;
}

void DevicePopup::changeEvent(QEvent* event) {
  QFrame::changeEvent(event);
  if (event->type() == QEvent::PaletteChange) refresh_devices(); // its colours are the theme's
}

} // namespace intarsia::ui
