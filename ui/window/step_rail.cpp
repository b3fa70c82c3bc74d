// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/window/step_rail.h"

#include <QButtonGroup>
#include <QEvent>
#include <QPainter>
#include <QVBoxLayout>
#include <algorithm>

#include "ui/theme/theme.h"

namespace intarsia::ui {
namespace {

constexpr int rail_width = 96, circle = 24;

QString spoken(StepState state) {
  switch (state) {
  case StepState::empty:
    return QObject::tr("not ready");
  case StepState::ready:
    return QObject::tr("ready");
  case StepState::running:
    return QObject::tr("running");
  case StepState::done:
    return QObject::tr("done");
  case StepState::stale:
    return QObject::tr("out of date");
  case StepState::failed:
    return QObject::tr("failed");
  }
  return {};
}

} // namespace

StepButton::StepButton(int number, const QString& name, QWidget* parent)
    : QAbstractButton(parent)
    , number_(number) {
  setText(name);
  setCheckable(true);
  setFocusPolicy(Qt::StrongFocus);
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
}

QSize StepButton::sizeHint() const {
  return {rail_width - 2 * spacing, circle + 2 * fontMetrics().height() + 18};
}

void StepButton::show_state(StepState state, const QString& words) {
  state_ = state;
  words_ = words;
  setAccessibleName(text() + QStringLiteral(", ") + (words.isEmpty() ? spoken(state) : words));
  update();
}

void StepButton::paintEvent(QPaintEvent*) {
  const Theme theme = Theme::of(palette());
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  if (isChecked() || underMouse()) {
    painter.setPen(Qt::NoPen);
    painter.setBrush(theme.accent_soft);
    painter.drawRoundedRect(rect(), 8, 8);
  }
  if (hasFocus()) {
    painter.setPen(QPen(theme.accent, 2));
    painter.setBrush(Qt::NoBrush);
    painter.drawRoundedRect(QRectF(rect()).adjusted(1, 1, -1, -1), 8, 8);
  }
  const QColor fill = state_ == StepState::done      ? theme.good
                      : state_ == StepState::running ? theme.accent
                      : state_ == StepState::ready   ? theme.accent
                      : state_ == StepState::stale   ? theme.warning
                      : state_ == StepState::failed  ? theme.danger
                                                     : theme.muted;
  const QRectF disc((width() - circle) / 2.0, 6, circle, circle);
  painter.setPen(Qt::NoPen);
  painter.setBrush(fill);
  painter.drawEllipse(disc);
  painter.setPen(QPen(theme.card, 2));
  if (state_ == StepState::done) {
    painter.drawPolyline(QPolygonF{disc.center() + QPointF(-5, 0), disc.center() + QPointF(-1.5, 4),
                                   disc.center() + QPointF(5, -4)});
  } else {
    painter.drawText(disc, Qt::AlignCenter, QString::number(number_));
  }
  const int line = fontMetrics().height();
  QFont named = font();
  named.setBold(isChecked());
  painter.setFont(named);
  painter.setPen(isChecked() ? theme.text : theme.muted);
  painter.drawText(QRectF(0, disc.bottom() + 3, width(), line), Qt::AlignCenter, text());
  QFont small = font();
  small.setPixelSize(std::max(9, fontInfo().pixelSize() - 2));
  painter.setFont(small);
  painter.setPen(theme.muted);
  painter.drawText(QRectF(0, disc.bottom() + 3 + line, width(), line), Qt::AlignCenter, words_);
}

StepRail::StepRail(StudioSession& session, QWidget* parent)
    : QWidget(parent)
    , session_(session)
    , pages_(page_list())
    , group_(new QButtonGroup(this)) {
  setObjectName(QStringLiteral("rail"));
  setAttribute(Qt::WA_StyledBackground);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(spacing, 2 * spacing, spacing, 2 * spacing);
  layout->setSpacing(spacing);
  for (int page = 0; page < int(pages_.size()); ++page) {
    auto* step = new StepButton(page + 1, pages_[std::size_t(page)].name(), this);
    step->setObjectName(QStringLiteral("step%1").arg(page));
    step->setToolTip(tr("%1 (Ctrl+%2)").arg(pages_[std::size_t(page)].help).arg(page + 1));
    group_->addButton(step, page);
    layout->addWidget(step);
    steps_.push_back(step);
  }
  layout->addStretch();
  fit_width();
  connect(group_, &QButtonGroup::idClicked, this, &StepRail::chosen);
  connect(&session_, &StudioSession::state_changed, this, &StepRail::refresh);
  refresh();
}

void StepRail::changeEvent(QEvent* event) {
  QWidget::changeEvent(event);
  if (event->type() == QEvent::StyleChange || event->type() == QEvent::FontChange) fit_width();
}

// Wide enough for the longest name in the present size of the text.
void StepRail::fit_width() {
  int widest = rail_width;
  for (const StepButton* step : steps_) {
    QFont chosen = font(); // the steps may not have theirs yet
    chosen.setBold(true);
    widest = std::max(widest, QFontMetrics(chosen).horizontalAdvance(step->text()) + 3 * spacing);
  }
  setFixedWidth(widest);
}

void StepRail::choose(int page) { steps_[std::size_t(page)]->setChecked(true); }

void StepRail::refresh() {
  for (std::size_t page = 0; page < steps_.size(); ++page) {
    const Step step = pages_[page].step(session_);
    steps_[page]->show_state(step.state, step.words);
  }
}

} // namespace intarsia::ui
