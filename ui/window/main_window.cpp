// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/window/main_window.h"

#include <QApplication>
#include <QDragEnterEvent>
#include <QFileDialog>
#include <QHBoxLayout>
#include <QKeyEvent>
#include <QLabel>
#include <QLocale>
#include <QMenu>
#include <QMenuBar>
#include <QMessageBox>
#include <QMimeData>
#include <QPushButton>
#include <QScreen>
#include <QSettings>
#include <QStackedWidget>
#include <QToolButton>

#include "ui/allocation/allocation_page.h"
#include "ui/allocation/plan_text.h"
#include "ui/chat/chat_page.h"
#include "ui/device/device_popup.h"
#include "ui/device/device_text.h"
#include "ui/model/model_page.h"
#include "ui/model/source_facts.h"
#include "ui/model/welcome.h"
#include "ui/quantize/quantize_page.h"
#include "ui/session/recent_models.h"
#include "ui/theme/theme.h"
#include "ui/widgets/card.h"
#include "ui/widgets/elided_label.h"
#include "ui/widgets/sentence.h"
#include "ui/widgets/tab_order.h"
#include "ui/window/help_window.h"
#include "ui/window/page_list.h"
#include "ui/window/sensitivity_bar.h"
#include "ui/window/step_rail.h"
#include "ui/window/zoom.h"

namespace intarsia::ui {
namespace {

// What was odd in the model's files and was put right.
QString tokenizer_warnings(const OpenedModel& opened) {
  QStringList sentences;
  if (opened.tokenizer)
    for (const std::string& warning : opened.tokenizer->spec().warnings)
      sentences << QString::fromStdString(warning);
  return sentences.join(QLatin1Char(' '));
}

} // namespace

MainWindow::MainWindow(StudioSession& session, QWidget* parent)
    : QMainWindow(parent)
    , session_(session)
    , model_name_(new ElidedLabel("muted", this))
    , status_(new ElidedLabel("status", this))
    , message_(make_label({}, "error", this))
    , device_(new QToolButton(this))
    , device_popup_(new DevicePopup(session, this))
    , message_bar_(new QWidget(this))
    , rail_(new StepRail(session, this))
    , pages_(new QStackedWidget(this))
    , recent_(new QMenu(tr("Open &recent"), this)) {
  setWindowTitle(tr("Intarsia"));
  setAcceptDrops(true);
  setMinimumSize(960, 600);
  auto* ground = new QWidget(this);
  ground->setObjectName(QStringLiteral("ground"));
  auto* layout = new QVBoxLayout(ground);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(0);
  layout->addWidget(build_header());
  auto* middle = new QHBoxLayout;
  middle->setSpacing(0);
  middle->addWidget(rail_);
  build_pages();
  middle->addWidget(pages_, 1);
  layout->addLayout(middle, 1);
  layout->addWidget(build_status());
  setCentralWidget(ground);
  build_menus();
  apply_zoom();
  connect_pages();
  resize(1280, 820);
  restoreGeometry(QSettings().value(QStringLiteral("geometry")).toByteArray());
  resize(size().boundedTo(screen()->availableSize())); // it may have been a larger one then
  refresh_header();
  refresh_status();
  show_page(model);
  order_tabs(*ground);
  model_page_->welcome().setFocus();
  session_.devices().look();
}

void MainWindow::build_pages() {
  pages_->setObjectName(QStringLiteral("pages"));
  for (const PageEntry& page : page_list()) pages_->addWidget(page.make(session_, this));
  model_page_ = pages_->findChild<ModelPage*>();
  allocation_page_ = pages_->findChild<AllocationPage*>();
  quantize_page_ = pages_->findChild<QuantizePage*>();
  chat_page_ = pages_->findChild<ChatPage*>();
}

void MainWindow::connect_pages() {
  Welcome& welcome = model_page_->welcome();
  connect(&welcome, &Welcome::built_in_wanted, this, &MainWindow::open_built_in);
  connect(&welcome, &Welcome::folder_wanted, this, &MainWindow::open_folder);
  connect(&welcome, &Welcome::file_wanted, this, &MainWindow::open_file);
  connect(&welcome, &Welcome::path_wanted, this, &MainWindow::open);
  connect(model_page_, &ModelPage::import_wanted, this, &MainWindow::import_sensitivity);
  connect(model_page_, &ModelPage::welcome_wanted, this, [this] {
    fill_recent();
    recent_->popup(QCursor::pos());
  });
  connect(allocation_page_, &AllocationPage::quantize_wanted, this, [this] { show_page(quantize); });
  connect(allocation_page_, &AllocationPage::latency_table_wanted, this, &MainWindow::import_latency_table);
  connect(allocation_page_, &AllocationPage::save_latency_wanted, this, &MainWindow::save_latency_table);
  connect(device_popup_, &DevicePopup::import_wanted, this, &MainWindow::import_latency_table);
  connect(quantize_page_, &QuantizePage::chat_wanted, this, [this] { show_page(chat); });
  connect(rail_, &StepRail::chosen, this, [this](int page) { show_page(Page(page)); });
  connect(&session_.models(), &ModelStore::changed, this, &MainWindow::adopt_model);
  connect(&session_.devices(), &Devices::noticed, this, &MainWindow::show_notice);
  connect(&session_, &StudioSession::error_occurred, this, &MainWindow::show_error);
  connect(&session_, &StudioSession::state_changed, this, &MainWindow::refresh_header);
  connect(&session_, &StudioSession::state_changed, this, &MainWindow::refresh_status);
}

QWidget* MainWindow::build_header() {
  auto* header = new QWidget(this);
  header->setObjectName(QStringLiteral("header"));
  header->setAttribute(Qt::WA_StyledBackground);
  auto* layout = new QHBoxLayout(header);
  layout->setContentsMargins(3 * spacing, spacing, 2 * spacing, spacing);
  layout->setSpacing(2 * spacing);
  auto* name = make_label(tr("Intarsia"), "title", this);
  name->setWordWrap(false);
  layout->addWidget(name);
  layout->addWidget(model_name_, 1);
  device_->setObjectName(QStringLiteral("device"));
  device_->setAccessibleName(tr("Device; opens the list of devices"));
  device_->setToolTip(tr("The device that is planned for: its memory is what the budgets are about. Click to "
                         "compute on another, or to plan for one that isn't here"));
  device_->setFocusPolicy(Qt::StrongFocus);
  connect(device_, &QToolButton::clicked, this, [this] { device_popup_->open_below(*device_); });
  layout->addWidget(device_);
  return header;
}

// The message bar lies at the bottom, over the status line, so that nothing above moves when it comes.
QWidget* MainWindow::build_status() {
  auto* line = new QWidget(this);
  line->setObjectName(QStringLiteral("statusLine"));
  line->setAttribute(Qt::WA_StyledBackground);
  auto* stack = new QStackedWidget(line);
  auto* status = new QWidget(stack);
  auto* status_layout = new QHBoxLayout(status);
  status_layout->setContentsMargins(3 * spacing, 0, 2 * spacing, 0);
  status_->setAccessibleName(tr("Status"));
  status_layout->addWidget(status_, 1);
  status_layout->addWidget(new SensitivityBar(session_.sensitivities(), this), 1);
  message_bar_ = new QWidget(stack);
  auto* message_layout = new QHBoxLayout(message_bar_);
  message_layout->setContentsMargins(3 * spacing, 0, 2 * spacing, 0);
  message_->setObjectName(QStringLiteral("error"));
  message_->setTextFormat(Qt::PlainText);
  message_->setTextInteractionFlags(Qt::TextSelectableByMouse);
  message_layout->addWidget(message_, 1);
  auto* close = new QToolButton(this);
  close->setText(tr("Dismiss"));
  close->setObjectName(QStringLiteral("dismiss"));
  message_layout->addWidget(close);
  stack->addWidget(status);
  stack->addWidget(message_bar_);
  connect(close, &QToolButton::clicked, stack, [stack] { stack->setCurrentIndex(0); });
  auto* layout = new QHBoxLayout(line);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->addWidget(stack);
  line->setFixedHeight(44);
  return line;
}

void MainWindow::build_menus() {
  build_file_menu(*menuBar()->addMenu(tr("&File")));
  build_edit_menu(*menuBar()->addMenu(tr("&Edit")));
  build_view_menu(*menuBar()->addMenu(tr("&View")));
  QMenu* help = menuBar()->addMenu(tr("&Help"));
  connect(help->addAction(tr("&Help")), &QAction::triggered, this, [this] { show_help(); });
  help->actions().back()->setShortcut(QKeySequence::HelpContents);
  connect(help->addAction(tr("&Keys")), &QAction::triggered, this,
          [this] { show_help(QStringLiteral("keys")); });
  connect(help->addAction(tr("&Devices")), &QAction::triggered, this,
          [this] { show_help(QStringLiteral("devices")); });
}

void MainWindow::build_file_menu(QMenu& menu) {
  const auto add = [&](const QString& name, const QKeySequence& keys, auto slot) {
    QAction* action = menu.addAction(name);
    action->setShortcut(keys);
    connect(action, &QAction::triggered, this, slot);
    return action;
  };
  add(tr("&Open a folder…"), QKeySequence::Open, [this] { open_folder(); });
  add(tr("Open a &file…"), QKeySequence(tr("Ctrl+Shift+O")), [this] { open_file(); });
  menu.addMenu(recent_);
  connect(recent_, &QMenu::aboutToShow, this, &MainWindow::fill_recent);
  add(tr("Open the &built-in model"), {}, [this] { open_built_in(); });
  menu.addSeparator();
  import_sensitivity_ =
      add(tr("Import &sensitivities…"), QKeySequence(tr("Ctrl+I")), [this] { import_sensitivity(); });
  add(tr("Import a &latency table…"), QKeySequence(tr("Ctrl+L")), [this] { import_latency_table(); });
  add(tr("Save the latency &table…"), {}, [this] { save_latency_table(); });
  menu.addSeparator();
  add(tr("&Quit"), QKeySequence::Quit, [this] { close(); });
}

void MainWindow::build_edit_menu(QMenu& menu) {
  QUndoStack& stack = session_.planner().undo_stack();
  QAction* undo = stack.createUndoAction(this, tr("&Undo"));
  // Not by the platform: the help names these, and some have another key alone for redo.
  undo->setShortcut(QKeySequence(QStringLiteral("Ctrl+Z")));
  QAction* redo = stack.createRedoAction(this, tr("&Redo"));
  redo->setShortcuts({QKeySequence(QStringLiteral("Ctrl+Shift+Z")), QKeySequence(QStringLiteral("Ctrl+Y"))});
  menu.addAction(undo);
  menu.addAction(redo);
}

void MainWindow::build_view_menu(QMenu& menu) {
  int page = 0;
  for (const PageEntry& entry : page_list()) {
    QAction* action = menu.addAction(entry.menu_name);
    action->setShortcut(QKeySequence(QStringLiteral("Ctrl+%1").arg(page + 1)));
    connect(action, &QAction::triggered, this, [this, page] { show_page(Page(page)); });
    ++page;
  }
  menu.addSeparator();
  QAction* larger = menu.addAction(tr("&Larger text"));
  larger->setShortcuts({QKeySequence(QKeySequence::ZoomIn), QKeySequence(QStringLiteral("Ctrl+="))});
  connect(larger, &QAction::triggered, this, [this] { zoom(1); });
  QAction* smaller = menu.addAction(tr("&Smaller text"));
  smaller->setShortcut(QKeySequence::ZoomOut);
  connect(smaller, &QAction::triggered, this, [this] { zoom(-1); });
}

void MainWindow::show_page(Page page) {
  pages_->setCurrentIndex(page);
  rail_->choose(page);
  if (page == chat) chat_page_->focus_prompt();
}

void MainWindow::show_help(const QString& page) {
  if (!help_) help_ = new HelpWindow(this);
  if (!page.isEmpty()) help_->show_page(page);
  help_->show();
  help_->raise();
}

void MainWindow::unless_unfinished(const QString& what, std::function<void()> act) {
  const QString unfinished = session_.unfinished_work();
  if (unfinished.isEmpty()) return act();
  if (auto* asked = findChild<QMessageBox*>(QStringLiteral("unfinished"))) return asked->raise();
  auto* box = new QMessageBox(QMessageBox::Question, what, unfinished, QMessageBox::NoButton, this);
  box->setObjectName(QStringLiteral("unfinished"));
  box->setAttribute(Qt::WA_DeleteOnClose);
  auto* go_on = box->addButton(what, QMessageBox::DestructiveRole);
  go_on->setObjectName(QStringLiteral("goOn"));
  auto* stay = box->addButton(tr("Stay"), QMessageBox::RejectRole);
  box->setDefaultButton(stay);
  connect(
      go_on, &QAbstractButton::clicked, this, [act = std::move(act)] { act(); }, Qt::QueuedConnection);
  box->open();
}

void MainWindow::open(const QString& path) {
  unless_unfinished(tr("Open another model"), [this, path] {
    model_page_->welcome().show_opening(path);
    session_.models().open(path);
  });
}

void MainWindow::open_built_in() {
  unless_unfinished(tr("Open another model"), [this] { session_.models().open_built_in(); });
}

void MainWindow::open_folder() {
  const QString folder = QFileDialog::getExistingDirectory(this, tr("Open a model folder"));
  if (!folder.isEmpty()) open(folder);
}

void MainWindow::open_file() {
  const QString file = QFileDialog::getOpenFileName(this, tr("Open a model file"), {},
                                                    tr("Models (*.gguf *.safetensors config.json)"));
  if (!file.isEmpty()) open(file);
}

void MainWindow::fill_recent() {
  recent_->clear();
  for (const RecentModel& opened : recent_models()) {
    QAction* action = recent_->addAction(opened.name);
    action->setToolTip(opened.path);
    connect(action, &QAction::triggered, this, [this, path = opened.path] { open(path); });
  }
  recent_->addSeparator();
  connect(recent_->addAction(tr("A folder…")), &QAction::triggered, this, &MainWindow::open_folder);
  connect(recent_->addAction(tr("A file…")), &QAction::triggered, this, &MainWindow::open_file);
}

void MainWindow::adopt_model() {
  const OpenedModel& opened = *session_.model();
  const SourceFacts source = source_facts(opened);
  const QString stored =
      source.bytes > 0
          ? tr("%1 %2").arg(source.type, QLocale().formattedDataSize(qint64(source.bytes), 1)).trimmed()
          : tr("config.json alone");
  remember_model({session_.models().path(), session_.model_name(),
                  tr("%1 weights · %2").arg(weight_count(weights_of(opened)), stored)});
  model_page_->welcome().refresh();
  model_page_->welcome().show_opening({});
  static_cast<QStackedWidget*>(message_bar_->parentWidget())->setCurrentIndex(0); // of the model before
  if (const QString warnings = tokenizer_warnings(opened); !warnings.isEmpty()) show_notice(warnings);
  refresh_header();
  show_page(opened.artifact ? chat : allocation);
}

void MainWindow::import_sensitivity() {
  const QString file =
      QFileDialog::getOpenFileName(this, tr("Import sensitivities"), {}, tr("Sensitivity (*.json)"));
  if (!file.isEmpty()) session_.sensitivities().import_file(file);
}

void MainWindow::import_latency_table() {
  const QString file =
      QFileDialog::getOpenFileName(this, tr("Import a latency table"), {}, tr("Latency table (*.json)"));
  if (!file.isEmpty()) session_.latency().import_table(file);
}

void MainWindow::save_latency_table() {
  const QString file = QFileDialog::getSaveFileName(
      this, tr("Save the latency table"), QStringLiteral("latency.json"), tr("Latency table (*.json)"));
  if (!file.isEmpty()) session_.latency().save(file);
}

void MainWindow::refresh_header() {
  const QLocale locale;
  import_sensitivity_->setEnabled(session_.model() && !session_.models().is_artifact());
  if (const OpenedModel* opened = session_.model()) {
    const SourceFacts source = source_facts(*opened);
    QString text = tr("%1 · %2 weights").arg(session_.model_name(), weight_count(weights_of(*opened)));
    const QString size = locale.formattedDataSize(qint64(source.bytes), 1);
    if (opened->artifact)
      text += tr(" · %1 at %2 bits")
                  .arg(size, locale.toString(opened->artifact->plan().predicted.bits_per_weight, 'f', 2));
    else if (!source.type.isEmpty())
      text += tr(" · %1 as %2").arg(size, source.type);
    model_name_->setText(text);
    model_name_->setToolTip(text + QLatin1Char('\n') + session_.models().path());
  } else {
    model_name_->setText(session_.models().opening() ? tr("Opening…") : tr("No model is open"));
  }
  device_->setText(session_.devices().list().devices.empty()
                       ? tr("Looking for devices…")
                       : tr("%1  ▾").arg(target_summary(session_.latency().target())));
}

void MainWindow::refresh_status() {
  const QLocale locale;
  const Planner& planner = session_.planner();
  const Plan* plan = planner.plan();
  if (plan && !planner.fixed()) {
    status_->setText(
        tr("%1: loss %2, bound %3, gap %4 % · solved by %5 in %6 ms")
            .arg(plan->solver.proven ? tr("Optimal") : tr("Best so far"),
                 locale.toString(plan->solver.objective, 'g', 3), locale.toString(plan->solver.bound, 'g', 3),
                 locale.toString(100 * plan->solver.gap, 'f', 3), QString::fromStdString(plan->solver.name),
                 locale.toString(plan->solver.seconds * 1e3, 'f', 0)));
    status_->setToolTip(
        tr("The loss is in nats per token. The bound is proven: no plan within the budgets loses "
           "less. The gap is what the plan may be away from the best"));
  } else if (!session_.model()) {
    status_->setText(tr("Ctrl+O opens a folder, Ctrl+Shift+O a file; or drop one here. F1 is the help."));
  } else {
    status_->setText(planner.fixed() ? tr("A quantized model: its plan is shown, and it can be chatted with.")
                                     : empty_text(session_));
  }
}

void MainWindow::show_error(const QString& text) {
  restyle(*message_, "error");
  const QString sentence = as_sentence(text);
  message_->setText(sentence);
  message_->setToolTip(sentence);
  model_page_->welcome().show_opening({});
  static_cast<QStackedWidget*>(message_bar_->parentWidget())->setCurrentWidget(message_bar_);
}

void MainWindow::show_notice(const QString& sentence) {
  show_error(sentence);
  restyle(*message_, "muted");
}

void MainWindow::zoom(int steps) { zoom_by(steps); }

void MainWindow::dragEnterEvent(QDragEnterEvent* event) {
  if (!event->mimeData()->hasUrls() || event->mimeData()->urls().size() != 1 ||
      !event->mimeData()->urls()[0].isLocalFile())
    return;
  event->acceptProposedAction();
  model_page_->welcome().show_drop(true);
}

void MainWindow::dragLeaveEvent(QDragLeaveEvent*) { model_page_->welcome().show_drop(false); }

void MainWindow::dropEvent(QDropEvent* event) {
  model_page_->welcome().show_drop(false);
  open(event->mimeData()->urls()[0].toLocalFile());
}

void MainWindow::closeEvent(QCloseEvent* event) {
  if (!close_confirmed_ && !session_.unfinished_work().isEmpty()) {
    event->ignore();
    return unless_unfinished(tr("Close anyway"), [this] {
      close_confirmed_ = true;
      close();
    });
  }
  QSettings().setValue(QStringLiteral("geometry"), saveGeometry());
  QMainWindow::closeEvent(event);
}

// Enter presses the button that has the focus, as Space does: not every platform's theme says so.
void MainWindow::keyPressEvent(QKeyEvent* event) {
  auto* button = qobject_cast<QAbstractButton*>(focusWidget());
  if (button && (event->key() == Qt::Key_Return || event->key() == Qt::Key_Enter) && !event->isAutoRepeat())
    return button->click();
  QMainWindow::keyPressEvent(event);
}

// Not in changeEvent, which an application's palette does not reach.
bool MainWindow::event(QEvent* event) {
  if (event->type() == QEvent::ApplicationPaletteChange) apply_style();
  return QMainWindow::event(event);
}

} // namespace intarsia::ui
