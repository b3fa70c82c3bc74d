// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/window/main_window.h"

#include <QApplication>
#include <QButtonGroup>
#include <QDragEnterEvent>
#include <QFileDialog>
#include <QHBoxLayout>
#include <QLabel>
#include <QLocale>
#include <QMenu>
#include <QMimeData>
#include <QSettings>
#include <QShortcut>
#include <QStackedWidget>
#include <QToolButton>
#include <algorithm>

#include "ui/allocation/allocation_page.h"
#include "ui/chat/chat_page.h"
#include "ui/device/device_popup.h"
#include "ui/device/device_text.h"
#include "ui/model/model_page.h"
#include "ui/quantize/quantize_page.h"
#include "ui/theme/theme.h"
#include "ui/widgets/card.h"

namespace intarsia::ui {
namespace {

constexpr int most_recent = 8;

QStringList recent_files() { return QSettings().value(QStringLiteral("recent")).toStringList(); }

void remember(const QString& path) {
  QStringList recent = recent_files();
  recent.removeAll(path);
  recent.prepend(path);
  QSettings().setValue(QStringLiteral("recent"), recent.mid(0, most_recent));
}

constexpr int least_zoom = -5, most_zoom = 15; // pixels added to every font size of the style sheet

int zoom_steps() {
  return std::clamp(QSettings().value(QStringLiteral("zoom")).toInt(), least_zoom, most_zoom);
}

// The style sheet sets the sizes of fonts, so zooming goes through it.
void apply_style() {
  QString sheet = Theme::of(QApplication::palette()).style_sheet();
  for (const int size : {15, 13})
    sheet.replace(QStringLiteral("font-size: %1px").arg(size),
                  QStringLiteral("font-size:%1px").arg(size + zoom_steps()));
  qApp->setStyleSheet(sheet);
}

} // namespace

MainWindow::MainWindow(StudioSession& session, QWidget* parent)
    : QMainWindow(parent)
    , session_(session)
    , model_name_(make_label({}, "muted", this))
    , status_(make_label({}, "muted", this))
    , error_(make_label({}, "error", this))
    , notice_(make_label({}, "muted", this))
    , device_(new QToolButton(this))
    , device_popup_(new DevicePopup(session, this))
    , error_bar_(new QWidget(this))
    , rail_(new QButtonGroup(this))
    , pages_(new QStackedWidget(this))
    , recent_(new QMenu(tr("Recent"), this)) {
  setWindowTitle(tr("Intarsia"));
  setAcceptDrops(true);
  auto* ground = new QWidget(this);
  ground->setObjectName(QStringLiteral("ground"));
  auto* layout = new QVBoxLayout(ground);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(0);
  layout->addWidget(build_header());
  auto* middle = new QHBoxLayout;
  middle->setSpacing(0);
  middle->addWidget(build_rail());
  auto* models = new ModelPage(session_, this);
  auto* allocations = new AllocationPage(session_, this);
  auto* quantizing = new QuantizePage(session_, this);
  for (QWidget* page :
       {static_cast<QWidget*>(models), static_cast<QWidget*>(allocations), static_cast<QWidget*>(quantizing),
        static_cast<QWidget*>(new ChatPage(session_, this))})
    pages_->addWidget(page);
  middle->addWidget(pages_, 1);
  layout->addLayout(middle, 1);
  layout->addWidget(build_status());
  setCentralWidget(ground);
  build_actions();
  if (zoom_steps() != 0) apply_style();

  connect(models, &ModelPage::open_folder_wanted, this, &MainWindow::open_folder);
  connect(models, &ModelPage::open_file_wanted, this, &MainWindow::open_file);
  connect(models, &ModelPage::import_wanted, this, &MainWindow::import_sensitivity);
  connect(allocations, &AllocationPage::quantize_wanted, this, [this] { show_page(quantize); });
  connect(allocations, &AllocationPage::latency_table_wanted, this, &MainWindow::import_latency_table);
  connect(allocations, &AllocationPage::save_latency_wanted, this, &MainWindow::save_latency_table);
  connect(device_popup_, &DevicePopup::import_wanted, this, &MainWindow::import_latency_table);
  connect(quantizing, &QuantizePage::chat_wanted, this, [this] { show_page(chat); });
  connect(&session_, &StudioSession::model_changed, this, [this] {
    remember(session_.model_path());
    if (!error_->isHidden()) error_bar_->hide();
    refresh_header();
    show_page(session_.model()->artifact ? chat : allocation);
  });
  connect(&session_, &StudioSession::devices_changed, this, &MainWindow::refresh_header);
  connect(&session_, &StudioSession::device_changed, this, &MainWindow::refresh_header);
  connect(&session_, &StudioSession::error_occurred, this, &MainWindow::show_error);
  connect(&session_, &StudioSession::noticed, this, &MainWindow::show_notice);
  for (auto signal :
       {&StudioSession::plan_changed, &StudioSession::sensitivity_changed, &StudioSession::quantize_changed,
        &StudioSession::chat_changed, &StudioSession::model_changed}) {
    connect(&session_, signal, this, &MainWindow::refresh_rail);
    connect(&session_, signal, this, &MainWindow::refresh_status);
  }
  resize(1280, 820);
  restoreGeometry(QSettings().value(QStringLiteral("geometry")).toByteArray());
  refresh_header();
  refresh_status();
  show_page(model);
  session_.refresh_devices();
}

QWidget* MainWindow::build_header() {
  auto* header = new QWidget(this);
  header->setObjectName(QStringLiteral("header"));
  header->setAttribute(Qt::WA_StyledBackground);
  header->setFixedHeight(52);
  auto* layout = new QHBoxLayout(header);
  layout->setContentsMargins(3 * spacing, 0, 2 * spacing, 0);
  layout->setSpacing(2 * spacing);
  auto* name = make_label(tr("Intarsia"), "title", this);
  name->setWordWrap(false);
  layout->addWidget(name);
  model_name_->setWordWrap(false);
  layout->addWidget(model_name_, 1);
  device_->setObjectName(QStringLiteral("device"));
  device_->setAccessibleName(tr("Device; opens the list of devices"));
  device_->setFocusPolicy(Qt::StrongFocus);
  connect(device_, &QToolButton::clicked, this, [this] { device_popup_->open_below(*device_); });
  layout->addWidget(device_);
  return header;
}

QWidget* MainWindow::build_rail() {
  auto* rail = new QWidget(this);
  rail->setObjectName(QStringLiteral("rail"));
  rail->setAttribute(Qt::WA_StyledBackground);
  rail->setFixedWidth(104);
  auto* layout = new QVBoxLayout(rail);
  layout->setContentsMargins(spacing, 2 * spacing, spacing, 2 * spacing);
  layout->setSpacing(spacing);
  const QString names[page_count] = {tr("Model"), tr("Allocation"), tr("Quantize"), tr("Chat")};
  for (int page = 0; page < page_count; ++page) {
    auto* button = new QToolButton(this);
    button->setText(names[page]);
    button->setObjectName(QStringLiteral("step%1").arg(page));
    button->setCheckable(true);
    button->setFocusPolicy(Qt::StrongFocus);
    button->setToolTip(tr("Ctrl+%1").arg(page + 1));
    button->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    button->setFixedHeight(56);
    rail_->addButton(button, page);
    layout->addWidget(button);
    auto* shortcut = new QShortcut(QKeySequence(QStringLiteral("Ctrl+%1").arg(page + 1)), this);
    connect(shortcut, &QShortcut::activated, this, [this, page] { show_page(Page(page)); });
  }
  connect(rail_, &QButtonGroup::idClicked, this, [this](int page) { show_page(Page(page)); });
  layout->addStretch();
  return rail;
}

QWidget* MainWindow::build_status() {
  auto* holder = new QWidget(this);
  auto* layout = new QVBoxLayout(holder);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(0);
  error_bar_->setObjectName(QStringLiteral("statusLine"));
  error_bar_->setAttribute(Qt::WA_StyledBackground);
  auto* error_layout = new QHBoxLayout(error_bar_);
  error_layout->setContentsMargins(3 * spacing, spacing, 2 * spacing, spacing);
  error_layout->addWidget(error_, 1);
  error_layout->addWidget(notice_, 1);
  auto* close = new QToolButton(this);
  close->setText(tr("Dismiss"));
  connect(close, &QToolButton::clicked, error_bar_, &QWidget::hide);
  error_layout->addWidget(close);
  error_bar_->hide();
  auto* line = new QWidget(this);
  line->setObjectName(QStringLiteral("statusLine"));
  line->setAttribute(Qt::WA_StyledBackground);
  line->setFixedHeight(30);
  auto* line_layout = new QHBoxLayout(line);
  line_layout->setContentsMargins(3 * spacing, 0, 2 * spacing, 0);
  status_->setWordWrap(false);
  status_->setAccessibleName(tr("Status"));
  line_layout->addWidget(status_);
  layout->addWidget(error_bar_);
  layout->addWidget(line);
  return holder;
}

void MainWindow::build_actions() {
  const auto add = [this](const QKeySequence& keys, auto slot) {
    connect(new QShortcut(keys, this), &QShortcut::activated, this, slot);
  };
  add(QKeySequence::Open, [this] { open_folder(); });
  add(QKeySequence(tr("Ctrl+Shift+O")), [this] { open_file(); });
  add(QKeySequence(tr("Ctrl+R")), [this] { open_recent(); });
  add(QKeySequence(tr("Ctrl+I")), [this] { import_sensitivity(); });
  add(QKeySequence(tr("Ctrl+L")), [this] { import_latency_table(); });
  add(QKeySequence::ZoomIn, [this] { zoom(1); });
  add(QKeySequence::ZoomOut, [this] { zoom(-1); });
}

void MainWindow::show_page(Page page) {
  pages_->setCurrentIndex(page);
  rail_->button(page)->setChecked(true);
}

void MainWindow::open_folder() {
  const QString folder = QFileDialog::getExistingDirectory(this, tr("Open a model folder"));
  if (!folder.isEmpty()) session_.open_model(folder);
}

void MainWindow::open_file() {
  const QString file = QFileDialog::getOpenFileName(this, tr("Open a model file"), {},
                                                    tr("Models (*.gguf *.safetensors config.json)"));
  if (!file.isEmpty()) session_.open_model(file);
}

void MainWindow::open_recent() {
  recent_->clear();
  for (const QString& path : recent_files())
    connect(recent_->addAction(path), &QAction::triggered, this, [this, path] { session_.open_model(path); });
  recent_->popup(mapToGlobal(QPoint(120, 60)));
}

void MainWindow::import_sensitivity() {
  const QString file =
      QFileDialog::getOpenFileName(this, tr("Import sensitivities"), {}, tr("Sensitivity (*.json)"));
  if (!file.isEmpty()) session_.import_sensitivity(file);
}

void MainWindow::import_latency_table() {
  const QString file =
      QFileDialog::getOpenFileName(this, tr("Import a latency table"), {}, tr("Latency table (*.json)"));
  if (!file.isEmpty()) session_.import_latency_table(file);
}

void MainWindow::save_latency_table() {
  const QString file = QFileDialog::getSaveFileName(
      this, tr("Save the latency table"), QStringLiteral("latency.json"), tr("Latency table (*.json)"));
  if (!file.isEmpty()) session_.save_latency_table(file);
}

void MainWindow::refresh_header() {
  const QLocale locale;
  if (const auto& opened = session_.model()) {
    const std::size_t weights = opened->graph().linear_weights() + opened->config().vocabulary *
                                                                       opened->config().hidden *
                                                                       (opened->graph().head ? 2 : 1);
    model_name_->setText(
        tr("%1 · %2 M weights · %3 in f16")
            .arg(QString::fromStdString(opened->config().name),
                 locale.toString(double(weights) / 1e6, 'f', 1),
                 locale.formattedDataSize(qint64(f16_model_bytes(opened->graph(), opened->config())), 1)));
  } else {
    model_name_->setText(tr("no model is open"));
  }
  device_->setText(session_.devices().devices.empty() ? tr("Looking for devices…")
                                                      : tr("%1  ▾").arg(device_summary(session_.device())));
}

void MainWindow::refresh_rail() {
  const auto state = [&](int page) -> QString {
    switch (page) {
    case model:
      return session_.model() ? tr("open") : tr("empty");
    case allocation:
      if (session_.plan()) return tr("planned");
      return session_.sensitivity_job().state == JobState::running ? tr("measuring")
             : session_.model()                                    ? tr("no plan")
                                                                   : QString();
    case quantize:
      switch (session_.quantize_job().state) {
      case JobState::running:
        return tr("running");
      case JobState::done:
        return tr("done");
      case JobState::cancelled:
        return tr("cancelled");
      case JobState::failed:
        return tr("failed");
      case JobState::idle:
        return session_.plan() ? tr("ready") : QString();
      }
      return {};
    default:
      return session_.chatting() ? tr("answering") : QString();
    }
  };
  const QString names[page_count] = {tr("Model"), tr("Allocation"), tr("Quantize"), tr("Chat")};
  for (int page = 0; page < page_count; ++page) {
    const QString now = state(page);
    rail_->button(page)->setText(now.isEmpty() ? names[page] : names[page] + QLatin1Char('\n') + now);
    rail_->button(page)->setAccessibleName(names[page] + QStringLiteral(", ") + now);
  }
}

void MainWindow::refresh_status() {
  const QLocale locale;
  const JobStatus& sensitivity = session_.sensitivity_job();
  if (sensitivity.state == JobState::running) {
    const double part = sensitivity.total > 0 ? 100 * sensitivity.done / sensitivity.total : 0;
    status_->setText(
        tr("Measuring sensitivities: %1 %, %2").arg(locale.toString(part, 'f', 0), sensitivity.stage));
  } else if (const Plan* plan = session_.plan()) {
    status_->setText(
        tr("%1: loss %2, bound %3, gap %4 % · solved by %5 in %6 ms")
            .arg(plan->solver.proven ? tr("Optimal") : tr("Best so far"),
                 locale.toString(plan->solver.objective, 'g', 4), locale.toString(plan->solver.bound, 'g', 4),
                 locale.toString(100 * plan->solver.gap, 'f', 3), QString::fromStdString(plan->solver.name),
                 locale.toString(plan->solver.seconds * 1e3, 'f', 0)));
  } else {
    status_->setText(
        session_.model()
            ? session_.answer().problem
            : tr("Ctrl+O opens a folder, Ctrl+Shift+O a file, Ctrl+R a recent model; or drop one here."));
  }
}

void MainWindow::show_error(const QString& sentence) {
  error_->setText(sentence);
  error_->show();
  notice_->hide();
  error_bar_->show();
}

void MainWindow::show_notice(const QString& sentence) {
  notice_->setText(sentence);
  notice_->show();
  error_->hide();
  error_bar_->show();
}

void MainWindow::zoom(int steps) {
  QSettings().setValue(QStringLiteral("zoom"), std::clamp(zoom_steps() + steps, least_zoom, most_zoom));
  apply_style();
}

void MainWindow::dragEnterEvent(QDragEnterEvent* event) {
  if (event->mimeData()->hasUrls() && event->mimeData()->urls().size() == 1 &&
      event->mimeData()->urls()[0].isLocalFile())
    event->acceptProposedAction();
}

void MainWindow::dropEvent(QDropEvent* event) {
  session_.open_model(event->mimeData()->urls()[0].toLocalFile());
}

void MainWindow::closeEvent(QCloseEvent* event) {
  QSettings().setValue(QStringLiteral("geometry"), saveGeometry());
  QMainWindow::closeEvent(event);
}

void MainWindow::changeEvent(QEvent* event) {
  if (event->type() == QEvent::ApplicationPaletteChange) apply_style();
  QMainWindow::changeEvent(event);
}

} // namespace intarsia::ui
