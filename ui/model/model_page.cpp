// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/model/model_page.h"

#include <QHBoxLayout>
#include <QHeaderView>
#include <QLineEdit>
#include <QLocale>
#include <QPushButton>
#include <QSortFilterProxyModel>
#include <QTableView>

#include "ui/model/tensor_table_model.h"
#include "ui/theme/theme.h"
#include "ui/widgets/card.h"

namespace intarsia::ui {

ModelPage::ModelPage(StudioSession& session, QWidget* parent)
    : QWidget(parent)
    , session_(session)
    , facts_(new QLabel(this))
    , tensors_(new TensorTableModel(this)) {
  auto* layout = new QHBoxLayout(this);
  layout->setContentsMargins(2 * spacing, 2 * spacing, 2 * spacing, 2 * spacing);
  layout->setSpacing(2 * spacing);
  layout->addWidget(build_facts());
  layout->addWidget(build_tensors(), 1);
  connect(&session_, &StudioSession::model_changed, this, &ModelPage::refresh);
  refresh();
}

QWidget* ModelPage::build_facts() {
  auto* card = new Card(tr("Model"), this);
  card->setFixedWidth(360);
  facts_->setObjectName(QStringLiteral("modelFacts"));
  facts_->setTextFormat(Qt::RichText);
  facts_->setWordWrap(true);
  facts_->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
  card->content()->addWidget(facts_);
  card->content()->addStretch();
  const auto add = [&](const QString& text, const char* name, auto slot) {
    auto* button = new QPushButton(text, this);
    button->setObjectName(QString::fromLatin1(name));
    card->content()->addWidget(button);
    connect(button, &QPushButton::clicked, this, slot);
  };
  add(tr("Open a model folder…"), "openFolder", [this] { emit open_folder_wanted(); });
  add(tr("Open a GGUF or safetensors file…"), "openFile", [this] { emit open_file_wanted(); });
  add(tr("Import sensitivities…"), "importSensitivity", [this] { emit import_wanted(); });
  add(tr("Try it now with the built-in model"), "primary", [this] { session_.open_built_in(); });
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
  view->verticalHeader()->hide();
  view->horizontalHeader()->setSectionResizeMode(TensorTableModel::name, QHeaderView::Stretch);
  card->content()->addWidget(search);
  card->content()->addWidget(view, 1);
  return card;
}

void ModelPage::refresh() {
  const auto& model = session_.model();
  if (!model) {
    facts_->setText(tr("<p>Nothing is open yet.</p><p>Open a Hugging Face folder or a GGUF file, drop one "
                       "onto this window, or "
                       "begin with the small model that comes with Intarsia.</p>"));
    tensors_->set_tensors({});
    return;
  }
  const ModelConfig& config = model->config();
  const QLocale locale;
  const auto row = [](const QString& label, const QString& value) {
    return QStringLiteral(
               "<tr><td style='padding:4px 20px 4px 0'>%1</td><td style='padding:4px 0'><b>%2</b></td></tr>")
        .arg(label, value.toHtmlEscaped());
  };
  const auto count = [&](std::size_t value) { return locale.toString(qulonglong(value)); };
  QString text = QStringLiteral("<table>");
  text += row(tr("Name"), QString::fromStdString(config.name));
  text += row(tr("Kind"), model->artifact ? tr("quantized by Intarsia")
                                          : QString::fromStdString(model->checkpoint->kind()));
  text += row(tr("Architecture"), QString::fromStdString(config.architecture));
  text += row(tr("Blocks"), count(config.blocks));
  text += row(tr("Hidden"), count(config.hidden));
  text += row(tr("Intermediate"), count(config.intermediate));
  text +=
      row(tr("Heads"),
          tr("%1 over %2 key-value heads of %3").arg(config.heads).arg(config.kv_heads).arg(config.head_dim));
  text += row(tr("Vocabulary"), tr("%1 tokens").arg(count(config.vocabulary)));
  text += row(tr("Context"), tr("up to %1 tokens").arg(count(config.max_positions)));
  text += row(tr("Weights in linears"), count(model->graph().linear_weights()));
  text +=
      row(tr("Size in f16"), locale.formattedDataSize(qint64(f16_model_bytes(model->graph(), config)), 1));
  text += row(tr("Tokenizer"),
              model->tokenizer ? tr("%1 tokens").arg(count(model->tokenizer->size())) : tr("none"));
  text += row(tr("Path"), session_.model_path());
  facts_->setText(text + QStringLiteral("</table>"));
  tensors_->set_tensors(model->checkpoint ? model->checkpoint->tensors() : std::vector<TensorInfo>{});
}

} // namespace intarsia::ui
