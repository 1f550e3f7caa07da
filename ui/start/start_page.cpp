// SPDX-License-Identifier: Apache-2.0
// StartPage: the window without a book: where to drop one, what this computer can hold, the models.
#include "ui/start/start_page.h"

#include "app/chat/chat_controller.h"
#include "app/library/model_catalog.h"
#include "app/library/words.h"
#include "ui/actions.h"
#include "ui/conversation/notice_list.h"
#include "ui/dialogs/model_list.h"
#include "ui/start/share_bar.h"
#include "ui/start/wheel_drawing.h"
#include "ui/style/controls.h"
#include "ui/style/icons.h"
#include "ui/style/paint.h"
#include "ui/style/theme.h"

#include <QAction>
#include <QGridLayout>
#include <QHBoxLayout>
#include <QPainter>
#include <QPushButton>
#include <QScrollBar>
#include <QVBoxLayout>

#include <algorithm>

namespace bookwheel {

using namespace Qt::StringLiterals;

namespace {

constexpr int kColumnWidth = 840;
constexpr int kTwoColumnsFrom = 640;
constexpr int kTokensPerPage = 330;  // of English prose; "about" stands before the number

/// The dashed box that says where a document can be dropped: anywhere.
class DropTarget : public QWidget {
 protected:
  void paintEvent(QPaintEvent*) override {
    const Theme& t = theme();
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    QPen pen(t.control, 1.5);
    pen.setDashPattern({4, 4});
    painter.setPen(pen);
    painter.setBrush(t.window);
    painter.drawRoundedRect(QRectF(rect()).adjusted(1, 1, -1, -1), radius::kComposer,
                            radius::kComposer);
  }
};

class Glyph : public QWidget {
 public:
  Glyph(const QString& name, Ink ink, int size) : m_name(name), m_ink(ink) {
    setFixedSize(scaled(size), scaled(size));
  }

 protected:
  void paintEvent(QPaintEvent*) override {
    QPainter painter(this);
    drawIcon(painter, m_name, inkColor(m_ink), QPointF(0, 0), width());
  }

 private:
  QString m_name;
  Ink m_ink;
};

class Filled : public QWidget {
 protected:
  void paintEvent(QPaintEvent*) override { QPainter(this).fillRect(rect(), theme().pane); }
};

}  // namespace

StartPage::StartPage(ChatController& controller, ModelCatalog& catalog, Actions& actions,
                     const QString& dataFolder, QWidget* parent)
    : QScrollArea(parent), m_controller(controller), m_catalog(catalog), m_dataFolder(dataFolder) {
  setFrameShape(QFrame::NoFrame);
  setWidgetResizable(true);
  setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  setFocusPolicy(Qt::NoFocus);
  viewport()->setAutoFillBackground(false);
  auto* title = new Label(Type::Title, Ink::Text, Label::Fit::Wrap);
  title->setText(tr("Open a long document and ask about all of it"));
  title->setAlignment(Qt::AlignHCenter);
  auto* promise = new Label(Type::Row, Ink::Text2, Label::Fit::Wrap);
  promise->setText(
      tr("The model reads every page into its memory and answers from the whole text. "
         "Nothing leaves this computer."));
  promise->setAlignment(Qt::AlignHCenter);
  m_notices = new NoticeList(controller);
  connect(m_notices, &NoticeList::wayChosen, this, &StartPage::wayChosen);

  auto* column = new QWidget;
  column->setMaximumWidth(kColumnWidth);
  auto* rows = new QVBoxLayout(column);
  rows->setContentsMargins(0, 22, 0, 24);
  rows->setSpacing(0);
  rows->addWidget(new WheelDrawing, 0, Qt::AlignHCenter);
  rows->addSpacing(12);
  rows->addWidget(title);
  rows->addSpacing(8);
  rows->addWidget(promise);
  rows->addSpacing(16);
  rows->addWidget(m_notices);
  rows->addSpacing(4);
  rows->addWidget(makeDropTarget(actions));
  rows->addSpacing(24);
  m_computerCard = makeComputerCard();
  m_modelCard = makeModelCard();
  m_cards = new QGridLayout;
  m_cards->setSpacing(20);
  rows->addLayout(m_cards);
  rows->addStretch(1);

  auto* page = new Filled;
  auto* centred = new QHBoxLayout(page);
  centred->setContentsMargins(space::kPane, 0, space::kPane, 0);
  centred->addStretch(1);
  centred->addWidget(column, 1000);
  centred->addStretch(1);
  setWidget(page);

  connect(&catalog, &ModelCatalog::scanned, this, &StartPage::refresh);
  connect(&catalog, &QAbstractItemModel::dataChanged, this, &StartPage::refresh);
  connect(&controller, &ChatController::modelChanged, this, &StartPage::refresh);
  arrange();
  refresh();
}

QWidget* StartPage::makeDropTarget(Actions& actions) {
  auto* target = new DropTarget;
  auto* words = new Label(Type::Question, Ink::Text, Label::Fit::Wrap);
  words->setText(tr("Drop a document anywhere in this window"));
  words->setAlignment(Qt::AlignHCenter);
  auto* formats = new Label(Type::Note, Ink::Text2, Label::Fit::Wrap);
  formats->setText(tr("PDF, HTML, Markdown or plain text"));
  formats->setAlignment(Qt::AlignHCenter);
  m_open = makeButton(tr("Open a document…"), ButtonKind::Primary);
  m_open->setToolTip(withKey(tr("Open a document"), actions.keyText(Command::OpenDocument)));
  connect(m_open, &QPushButton::clicked, actions[Command::OpenDocument], &QAction::trigger);
  auto* rows = new QVBoxLayout(target);
  rows->setContentsMargins(20, 18, 20, 16);
  rows->setSpacing(0);
  rows->addWidget(new Glyph(u"drop"_s, Ink::Accent, 24), 0, Qt::AlignHCenter);
  rows->addSpacing(8);
  rows->addWidget(words);
  rows->addSpacing(12);
  rows->addWidget(m_open, 0, Qt::AlignHCenter);
  rows->addSpacing(14);
  rows->addWidget(formats);
  return target;
}

QWidget* StartPage::makeComputerCard() {
  auto* card = new Card;
  auto* title = new Label(Type::Strong, Ink::Text, Label::Fit::Wrap);
  title->setText(tr("What this computer can hold"));
  auto* rows = new QVBoxLayout(card);
  rows->setContentsMargins(18, 16, 18, 18);
  rows->setSpacing(0);
  rows->addWidget(title);
  rows->addSpacing(14);
  const auto addRow = [&](const QString& icon, const QString& name, Label*& value, ShareBar*& bar) {
    auto* label = new Label(Type::Row);
    label->setText(name);
    value = new Label(Type::Row, Ink::Text2);
    bar = new ShareBar;
    auto* line = new QHBoxLayout;
    line->setSpacing(8);
    line->addWidget(new Glyph(icon, Ink::Text2, 16));
    line->addWidget(label, 1);
    line->addWidget(value);
    rows->addLayout(line);
    rows->addSpacing(6);
    auto* inset = new QHBoxLayout;
    inset->setContentsMargins(scaled(16) + 8, 0, 0, 0);
    inset->addWidget(bar);
    rows->addLayout(inset);
    rows->addSpacing(16);
  };
  addRow(u"memory"_s, tr("Main memory"), m_memory, m_memoryBar);
  addRow(u"disk"_s, tr("Disk"), m_disk, m_diskBar);
  rows->addWidget(makeLine(Qt::Horizontal));
  m_longest = new QWidget;
  auto* longest = new QVBoxLayout(m_longest);
  longest->setContentsMargins(0, 14, 0, 0);
  longest->setSpacing(4);
  auto* caption = new Label(Type::NoteMedium, Ink::Text2, Label::Fit::Wrap);
  caption->setText(tr("Longest document with the chosen model"));
  m_longestTokens = new Label(Type::BigNumber);
  m_longestWords = new Label(Type::Row, Ink::Text2, Label::Fit::Elide);
  m_longestNote = new Label(Type::Note, Ink::Text2, Label::Fit::Wrap);
  auto* number = new QHBoxLayout;
  number->setSpacing(6);
  number->addWidget(m_longestTokens, 0, Qt::AlignBaseline);
  number->addWidget(m_longestWords, 1, Qt::AlignBaseline);
  longest->addWidget(caption);
  longest->addLayout(number);
  longest->addWidget(m_longestNote);
  rows->addWidget(m_longest);
  rows->addStretch(1);
  return card;
}

QWidget* StartPage::makeModelCard() {
  auto* card = new Card;
  auto* title = new Label(Type::Strong);
  title->setText(tr("Model"));
  m_modelSummary = new Label(Type::Note, Ink::Text3, Label::Fit::Elide);
  m_modelSummary->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
  m_noModel = new Label(Type::Row, Ink::Text2, Label::Fit::Wrap);
  auto* list = new ModelList(m_catalog);
  m_modelRows = list;
  connect(list, &ModelList::chosen, &m_controller, &ChatController::openModel);
  auto* other = makeButton(tr("Open a model file…"), ButtonKind::Quiet, u"plus"_s);
  connect(other, &QPushButton::clicked, this, &StartPage::modelFileRequested);
  auto* rows = new QVBoxLayout(card);
  rows->setContentsMargins(10, 16, 10, 8);
  rows->setSpacing(0);
  auto* head = new QHBoxLayout;
  head->setContentsMargins(8, 0, 8, 0);
  head->setSpacing(16);
  head->addWidget(title);
  head->addWidget(m_modelSummary, 1);
  rows->addLayout(head);
  rows->addSpacing(8);
  auto* inset = new QHBoxLayout;
  inset->setContentsMargins(8, 4, 8, 8);
  inset->addWidget(m_noModel);
  rows->addLayout(inset);
  rows->addWidget(list, 1);
  rows->addSpacing(4);
  rows->addWidget(other, 0, Qt::AlignLeft);
  return card;
}

void StartPage::takeFocus() { m_open->setFocus(Qt::OtherFocusReason); }

void StartPage::refresh() {
  const ComputerFacts computer = readComputer(m_dataFolder);
  const auto show = [](Label* label, ShareBar* bar, std::int64_t free, std::int64_t total,
                       const QString& name) {
    const QString words = tr("%1 of %2 free").arg(bytesText(free), bytesText(total));
    label->setText(words);
    bar->setShare(total > 0 ? 1.0 - double(free) / double(total) : 0);
    bar->setAccessibleName(u"%1: %2"_s.arg(name, words));
  };
  show(m_memory, m_memoryBar, computer.memoryAvailableBytes, computer.memoryTotalBytes,
       tr("Main memory"));
  show(m_disk, m_diskBar, computer.diskAvailableBytes, computer.diskTotalBytes, tr("Disk"));

  const auto model = m_controller.model();
  m_longest->setVisible(model.has_value());
  if (model) {
    const std::int64_t kv = model->contextTokens * model->kvBytesPerToken;
    m_longestTokens->setText(countText(model->contextTokens));
    m_longestWords->setText(tr("tokens, about %1 pages")
                                .arg(countText(model->contextTokens / kTokensPerPage / 10 * 10)));
    m_longestNote->setText(
        tr("%1 of memory for the model and up to %2 for the document, all counted.")
            .arg(bytesText(model->weightsBytes), bytesText(kv)));
  }
  const bool none = m_catalog.entries().isEmpty();
  m_modelSummary->setText(none ? QString() : m_catalog.summary());
  m_noModel->setVisible(none);
  m_noModel->setText(m_catalog.scanning()
                         ? tr("Looking for model files in %1.").arg(m_catalog.folder())
                         : m_catalog.summary());
  m_modelRows->setVisible(!none);
}

void StartPage::arrange() {
  const bool two = viewport()->width() >= scaled(kTwoColumnsFrom);
  m_cards->removeWidget(m_computerCard);
  m_cards->removeWidget(m_modelCard);
  if (two) {
    m_cards->addWidget(m_computerCard, 0, 0);
    m_cards->addWidget(m_modelCard, 0, 1);
    m_cards->setColumnStretch(0, 2);
    m_cards->setColumnStretch(1, 3);
  } else {
    m_cards->addWidget(m_modelCard, 0, 0);
    m_cards->addWidget(m_computerCard, 1, 0);
    m_cards->setColumnStretch(0, 1);
    m_cards->setColumnStretch(1, 0);
  }
}

void StartPage::resizeEvent(QResizeEvent* event) {
  QScrollArea::resizeEvent(event);
  arrange();
}

void StartPage::showEvent(QShowEvent* event) {
  QScrollArea::showEvent(event);
  refresh();
}

}  // namespace bookwheel
