// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <QMainWindow>
#include <functional>

#include "ui/session/studio_session.h"

class QAction;
class QLabel;
class QMenu;
class QStackedWidget;
class QToolButton;

namespace intarsia::ui {

class AllocationPage;
class ChatPage;
class DevicePopup;
class HelpWindow;
class ModelPage;
class QuantizePage;
class StepRail;

// Menu bar, header, step rail, pages and status line.
class MainWindow : public QMainWindow {
  Q_OBJECT
 public:
  enum Page : int { model, allocation, quantize, chat }; // of page_list(), as far as others go to them
  explicit MainWindow(StudioSession& session, QWidget* parent = nullptr);
  void show_page(Page page);
  // Asks first where something unfinished would be lost.
  void open(const QString& path);
  void open_built_in();
  void show_help(const QString& page = {});

 protected:
  void dragEnterEvent(QDragEnterEvent* event) override;
  void dragLeaveEvent(QDragLeaveEvent* event) override;
  void dropEvent(QDropEvent* event) override;
  void closeEvent(QCloseEvent* event) override;
  bool event(QEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;

 private:
  QWidget* build_header();
  QWidget* build_status();
  void build_pages();
  void build_menus();
  void build_file_menu(QMenu& menu);
  void build_edit_menu(QMenu& menu);
  void build_view_menu(QMenu& menu);
  void connect_pages();
  void fill_recent();
  // Does it at once, or after the one question that says what would be lost.
  void unless_unfinished(const QString& what, std::function<void()> act);
  void open_folder();
  void open_file();
  void import_sensitivity();
  void import_latency_table();
  void save_latency_table();
  void adopt_model();
  void refresh_header();
  void refresh_status();
  void show_error(const QString& text);
  void show_notice(const QString& sentence);
  void zoom(int steps);

  StudioSession& session_;
  QLabel *model_name_, *status_, *message_;
  QToolButton* device_;
  DevicePopup* device_popup_;
  QWidget* message_bar_;
  StepRail* rail_;
  QStackedWidget* pages_;
  ModelPage* model_page_;
  AllocationPage* allocation_page_;
  QuantizePage* quantize_page_;
  ChatPage* chat_page_;
  QMenu* recent_;
  QAction* import_sensitivity_;
  HelpWindow* help_ = nullptr;
  bool close_confirmed_ = false;
};

} // namespace intarsia::ui
