// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/model/model_page.h"

#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QLocale>
#include <QPushButton>
#include <QScrollArea>
#include <QSortFilterProxyModel>
#include <QStackedLayout>
#include <QTableView>
#include <QVBoxLayout>
#include <algorithm>

#include "ui/model/source_facts.h"
#include "ui/model/tensor_table_model.h"
#include "ui/model/welcome.h"
#include "ui/theme/theme.h"
#include "ui/widgets/card.h"

namespace intarsia::ui {

ModelPage::ModelPage(StudioSession& session, QWidget* parent)
    : QWidget(parent)
    , session_(session)
    , stack_(new QStackedLayout(this))
    , welcome_(new Welcome(this))
    , facts_(new QLabel(this))
    , tensors_(new TensorTableModel(this))
    , tensor_list_(new QWidget(this))
    , no_tensors_(new QLabel(this)) {
  auto* open = new QWidget(this);
  auto* layout = new QHBoxLayout(open);
  layout->setContentsMargins(2 * spacing, 2 * spacing, 2 * spacing, 2 * spacing);
  layout->setSpacing(2 * spacing);
  layout->addWidget(facts_card_ = build_facts());
  layout->addWidget(build_tensors(), 1);
  stack_->addWidget(welcome_);
  stack_->addWidget(open);
  connect(&session_.models(), &ModelStore::changed, this, &ModelPage::refresh);
  refresh();
}

void ModelPage::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  facts_card_->setFixedWidth(std::clamp(width() / 3, 280, 380));
}

QWidget* ModelPage::build_facts() {
  auto* card = new Card(tr("Model"), this);
  facts_->setObjectName(QStringLiteral("modelFacts"));
  facts_->setTextFormat(Qt::RichText);
  facts_->setWordWrap(true);
  facts_->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
  facts_->setAlignment(Qt::AlignTop);
  auto* scroll = new QScrollArea(this); // a long path, large text or a low window
  scroll->setWidget(facts_);
  scroll->setWidgetResizable(true);
  scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  scroll->setFocusPolicy(Qt::NoFocus);
  card->content()->addWidget(scroll, 1);
  const auto add = [&](const QString& text, const char* name, auto slot) {
    auto* button = new QPushButton(text, this);
    button->setObjectName(QString::fromLatin1(name));
    card->content()->addWidget(button);
    connect(button, &QPushButton::clicked, this, slot);
    return button;
  };
  import_ = add(tr("Import sensitivities…"), "importSensitivity", [this] { emit import_wanted(); });
  add(tr("Open another model…"), "openAnother", [this] { emit welcome_wanted(); });
  return card;
}

QWidget* ModelPage::build_tensors() {
  auto* card = new Card(tr("Tensors"), this);
  auto* search = new QLineEdit(this);
  search->setPlaceholderText(tr("Search by name or type"));
  search->setAccessibleName(tr("Search tensors"));
  search->setClearButtonEnabled(true);
  auto* proxy = new QSortFilterProxyModel(this);
  proxy->setSourceModel(tensors_);
  proxy->setFilterCaseSensitivity(Qt::CaseInsensitive);
  proxy->setFilterKeyColumn(-1);
  proxy->setSortRole(TensorTableModel::sort_role);
  connect(search, &QLineEdit::textChanged, proxy, &QSortFilterProxyModel::setFilterFixedString);
  auto* view = new QTableView(this);
  view->setObjectName(QStringLiteral("tensors"));
  view->setAccessibleName(tr("Tensors of the model"));
  view->setModel(proxy);
  view->setSortingEnabled(true);
  view->sortByColumn(TensorTableModel::name, Qt::AscendingOrder);
  view->setAlternatingRowColors(true);
  view->setTabKeyNavigation(false); // Tab goes on to what is next
  view->verticalHeader()->hide();
  view->horizontalHeader()->setSectionResizeMode(TensorTableModel::name, QHeaderView::Stretch);
  view->setWordWrap(false);
  view->setTextElideMode(Qt::ElideLeft); // the end of a name tells it from the others
  const QFontMetrics metrics(font());
  view->setColumnWidth(TensorTableModel::type,
                       metrics.horizontalAdvance(QStringLiteral("Q4_K_M")) + 3 * spacing);
  view->setColumnWidth(TensorTableModel::shape,
                       metrics.horizontalAdvance(QStringLiteral("128256 × 8192")) + 2 * spacing);
  view->setColumnWidth(TensorTableModel::size,
                       metrics.horizontalAdvance(QStringLiteral("1023.9 MiB")) + 2 * spacing);
  auto* list = new QVBoxLayout(tensor_list_);
  list->setContentsMargins(0, 0, 0, 0);
  list->addWidget(search);
  list->addWidget(view, 1);
  no_tensors_->setObjectName(QStringLiteral("noTensors"));
  no_tensors_->setWordWrap(true);
  no_tensors_->setAlignment(Qt::AlignTop);
  card->content()->addWidget(tensor_list_, 1);
  card->content()->addWidget(no_tensors_, 1);
  return card;
}

void ModelPage::refresh() {
  const OpenedModel* model = session_.model();
  stack_->setCurrentIndex(model ? 1 : 0);
  if (!model) return;
  facts_->setText(facts_text());
  import_->setEnabled(!model->artifact); // its plan is made
  tensors_->set_tensors(model->checkpoint ? model->checkpoint->tensors() : std::vector<TensorInfo>{});
  no_tensors_->setText(model->artifact ? tr("The quantizer and the size of each layer are listed on the "
                                            "Allocation page, under Table.")
                                       : tr("A config.json alone has no tensors. Open the model's folder or "
                                            "its GGUF file to see them."));
  const bool listed = tensors_->rowCount() > 0;
  tensor_list_->setVisible(listed);
  no_tensors_->setVisible(!listed);
}

QString ModelPage::facts_text() const {
  const OpenedModel& model = *session_.model();
  const ModelConfig& config = model.config();
  const SourceFacts source = source_facts(model);
  const QLocale locale;
  const auto row = [](const QString& label, const QString& value) {
    return QStringLiteral(
               "<tr><td style='padding:3px 16px 3px 0'>%1</td><td style='padding:3px 0'><b>%2</b></td></tr>")
        .arg(label, value.toHtmlEscaped());
  };
  const auto count = [&](std::size_t value) { return locale.toString(qulonglong(value)); };
  const auto size = [&](std::uint64_t bytes) { return locale.formattedDataSize(qint64(bytes), 1); };
  QString text = QStringLiteral("<table>");
  text += row(tr("Name"), QString::fromStdString(config.name));
  text += row(tr("Kind"), model.artifact ? tr("quantized by Intarsia")
                                         : QString::fromStdString(model.checkpoint->kind()));
  if (model.artifact)
    text += row(tr("Stored as"),
                tr("%1 bits per weight, %2")
                    .arg(locale.toString(model.artifact->plan().predicted.bits_per_weight, 'f', 2),
                         size(source.bytes)));
  else if (!source.type.isEmpty())
    text +=
        row(tr("Stored as"), source.lossy ? tr("%1, %2: quantized before, so it has lost something already")
                                                .arg(source.type, size(source.bytes))
                                          : tr("%1, %2").arg(source.type, size(source.bytes)));
  else if (model.checkpoint)
    text +=
        row(tr("Stored as"), tr("config.json alone: planning works, quantizing and chat need the weights"));
  text += row(tr("Size in f16"), size(f16_model_bytes(model.graph(), config)));
  text += row(tr("Weights"), weight_count(weights_of(model)));
  text += row(tr("Architecture"), QString::fromStdString(config.architecture));
  text += row(tr("Blocks"), count(config.blocks));
  text += row(tr("Hidden"), count(config.hidden));
  text += row(tr("Intermediate"), count(config.intermediate));
  text +=
      row(tr("Heads"),
          tr("%1 over %2 key-value heads of %3").arg(config.heads).arg(config.kv_heads).arg(config.head_dim));
  text += row(tr("Vocabulary"), tr("%1 tokens").arg(count(config.vocabulary)));
  text += row(tr("Context"), tr("up to %1 tokens").arg(count(config.max_positions)));
  text += row(tr("Tokenizer"),
              model.tokenizer ? tr("%1 tokens").arg(count(model.tokenizer->size())) : tr("none"));
  text += row(tr("Path"), session_.models().path());
  return text + QStringLiteral("</table>");
}

} // namespace intarsia::ui
