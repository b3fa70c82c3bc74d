// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QMainWindow>

#include "ui/session/studio_session.h"

class QButtonGroup;
class QLabel;
class QMenu;
class QStackedWidget;
class QToolButton;

namespace intarsia::ui {

class DevicePopup;

// Header, step rail, pages and status line.
class MainWindow : public QMainWindow {
  Q_OBJECT
 public:
  enum Page { model, allocation, quantize, chat, page_count };
  explicit MainWindow(StudioSession& session, QWidget* parent = nullptr);
  void show_page(Page page);

 protected:
  void dragEnterEvent(QDragEnterEvent* event) override;
  void dropEvent(QDropEvent* event) override;
  void closeEvent(QCloseEvent* event) override;
  void changeEvent(QEvent* event) override;

 private:
  QWidget* build_header();
  QWidget* build_rail();
  QWidget* build_status();
  void build_actions();
  void open_folder();
  void open_file();
  void open_recent();
  void import_sensitivity();
  void import_latency_table();
  void save_latency_table();
  void show_devices();
  void refresh_header();
  void refresh_rail();
  void refresh_status();
  void show_error(const QString& sentence);
  void show_notice(const QString& sentence);
  void zoom(int steps);

  StudioSession& session_;
  QLabel *model_name_, *status_, *error_, *notice_;
  QToolButton* device_;
  DevicePopup* device_popup_;
  QWidget* error_bar_;
  QButtonGroup* rail_;
  QStackedWidget* pages_;
  QMenu* recent_;
};

} // namespace intarsia::ui
