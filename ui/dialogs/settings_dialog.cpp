// SPDX-License-Identifier: Apache-2.0
// SettingsDialog: the settings table as rows that apply at once.
#include "ui/dialogs/settings_dialog.h"

#include "ui/style/controls.h"
#include "ui/style/paint.h"
#include "ui/style/theme.h"

#include <QCheckBox>
#include <QComboBox>
#include <QFileDialog>
#include <QGridLayout>
#include <QHBoxLayout>
#include <QLineEdit>
#include <QLocale>
#include <QPainter>
#include <QPushButton>
#include <QScrollArea>
#include <QVBoxLayout>

#include <array>

namespace bookwheel {

using namespace Qt::StringLiterals;

namespace {

constexpr int kControlWidth = 190;
constexpr std::array kTextSizes = {100, 110, 125, 150, 175, 200};

QString choiceText(Setting setting, const QString& choice) {
  if (setting == Setting::Theme) {
    return choice == u"light"_s  ? SettingsDialog::tr("Light")
           : choice == u"dark"_s ? SettingsDialog::tr("Dark")
                                 : SettingsDialog::tr("As the system");
  }
  return choice == u"on"_s    ? SettingsDialog::tr("No motion")
         : choice == u"off"_s ? SettingsDialog::tr("Full motion")
                              : SettingsDialog::tr("As the system");
}

class Backdrop : public QWidget {
 protected:
  void paintEvent(QPaintEvent*) override { QPainter(this).fillRect(rect(), theme().pane); }
};

}  // namespace

SettingsDialog::SettingsDialog(Settings& settings, QWidget* parent)
    : Dialog(tr("Settings"), parent), m_settings(settings) {
  auto* page = new Backdrop;
  auto* grid = new QGridLayout(page);
  grid->setContentsMargins(0, 0, 16, 0);
  grid->setHorizontalSpacing(24);
  grid->setVerticalSpacing(14);
  grid->setColumnStretch(0, 1);
  addGroup(*grid, tr("Looks"));
  addRow(*grid, Setting::Theme, tr("Theme"), {});
  addRow(*grid, Setting::TextPercent, tr("Text size"), tr("Of everything but the pages of a PDF."));
  addRow(*grid, Setting::DarkPages, tr("Dark pages"), tr("The document itself on dark paper."));
  addRow(*grid, Setting::ReduceMotion, tr("Motion"), {});
  addGroup(*grid, tr("Reading"));
  addRow(*grid, Setting::ReadAutomatically, tr("Read at once"),
         tr("A document that fits is read as soon as it is opened."));
  addGroup(*grid, tr("Model"));
  addRow(*grid, Setting::Threads, tr("Threads"),
         tr("0 uses one for each core. Applies to the next model that is opened."));
  const int row = grid->rowCount();
  auto* folders = new Label(Type::Row);
  folders->setText(tr("Folders with model files"));
  grid->addWidget(folders, row, 0, Qt::AlignTop);
  grid->addWidget(makeFolderList(), row + 1, 0, 1, 2);
  addGroup(*grid, tr("Answers"));
  addRow(*grid, Setting::Temperature, tr("Temperature"), tr("0 always takes the likeliest word."));
  addRow(*grid, Setting::TopK, tr("Top k"), tr("Choose among so many words; 0 for all."));
  addRow(*grid, Setting::TopP, tr("Top p"), tr("Choose among the words that hold this share."));
  addRow(*grid, Setting::MinP, tr("Min p"),
         tr("Leave out words below this share of the likeliest."));
  addRow(*grid, Setting::RepeatPenalty, tr("Repetition penalty"), tr("1 is none."));
  addRow(*grid, Setting::Seed, tr("Seed"), tr("0 takes another one for each answer."));
  addRow(*grid, Setting::MaxAnswerTokens, tr("Longest answer"), tr("In tokens."));
  grid->setRowStretch(grid->rowCount(), 1);

  auto* scroll = new QScrollArea;
  scroll->setFrameShape(QFrame::NoFrame);
  scroll->setWidgetResizable(true);
  scroll->setFocusPolicy(Qt::NoFocus);
  scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  scroll->setWidget(page);
  body()->addWidget(scroll, 1);

  auto* shortcuts = makeButton(tr("Keyboard shortcuts…"), ButtonKind::Quiet);
  connect(shortcuts, &QPushButton::clicked, this, [this] {
    accept();
    Q_EMIT shortcutsRequested();
  });
  addFootWidget(shortcuts);
  auto* reset = addButton(tr("Restore all defaults"), false);
  connect(reset, &QPushButton::clicked, this, [this] { m_settings.resetAll(); });
  auto* close = addButton(tr("Close"), true);
  connect(close, &QPushButton::clicked, this, &QDialog::accept);
  resize(scaled(620), scaled(640));
}

void SettingsDialog::addGroup(QGridLayout& grid, const QString& title) {
  const int row = grid.rowCount();
  auto* label = new Label(Type::NoteStrong, Ink::Text2);
  label->setText(title);
  label->setContentsMargins(0, row > 1 ? 14 : 0, 0, 0);
  grid.addWidget(label, row, 0, 1, 2);
  grid.addWidget(makeLine(Qt::Horizontal), row + 1, 0, 1, 2);
}

void SettingsDialog::addRow(QGridLayout& grid, Setting setting, const QString& name,
                            const QString& note) {
  const int row = grid.rowCount();
  auto* words = new QVBoxLayout;
  words->setSpacing(2);
  auto* label = new Label(Type::Row, Ink::Text, Label::Fit::Wrap);
  label->setText(name);
  words->addWidget(label);
  if (!note.isEmpty()) {
    auto* second = new Label(Type::Note, Ink::Text2, Label::Fit::Wrap);
    second->setText(note);
    words->addWidget(second);
  }
  grid.addLayout(words, row, 0);
  QWidget* control = makeControl(setting, name);
  control->setAccessibleDescription(note);
  grid.addWidget(control, row, 1, Qt::AlignVCenter | Qt::AlignLeft);
}

QWidget* SettingsDialog::makeControl(Setting setting, const QString& name) {
  const SettingRow& row = Settings::row(setting);
  const auto follow = [this, setting](QWidget* control, const auto& show) {
    show();
    connect(&m_settings, &Settings::changed, control, [setting, show](Setting changed) {
      if (changed == setting) {
        show();
      }
    });
  };
  if (row.initial.typeId() == QMetaType::Bool) {
    auto* box = new QCheckBox(tr("On"));
    followType(box, Type::Row);
    box->setAccessibleName(name);
    follow(box, [this, box, setting] { box->setChecked(m_settings.flag(setting)); });
    connect(box, &QCheckBox::toggled, this,
            [this, setting](bool on) { m_settings.set(setting, on); });
    return box;
  }
  if (!row.choices.isEmpty() || setting == Setting::TextPercent) {
    auto* box = new QComboBox;
    followType(box, Type::Row);
    box->setAccessibleName(name);
    box->setFixedWidth(scaled(kControlWidth));
    for (const QString& choice : row.choices) {
      box->addItem(choiceText(setting, choice), choice);
    }
    if (setting == Setting::TextPercent) {
      for (const int percent : kTextSizes) {
        box->addItem(tr("%1%").arg(percent), percent);
      }
    }
    follow(box, [this, box, setting] {
      box->setCurrentIndex(std::max(0, box->findData(m_settings.value(setting))));
    });
    connect(box, &QComboBox::activated, this,
            [this, box, setting](int index) { m_settings.set(setting, box->itemData(index)); });
    return box;
  }
  const bool whole = row.initial.typeId() == QMetaType::Int;
  auto* field = new QLineEdit;
  followType(field, Type::Row);
  field->setAccessibleName(name);
  field->setFixedWidth(scaled(kControlWidth));
  field->setToolTip(tr("%1 to %2")
                        .arg(QLocale().toString(row.least.toDouble(), 'g', 10),
                             QLocale().toString(row.most.toDouble(), 'g', 10)));
  follow(field, [this, field, setting, whole] {
    field->setText(whole ? QLocale().toString(m_settings.integer(setting))
                         : QLocale().toString(m_settings.number(setting), 'g', 6));
  });
  connect(field, &QLineEdit::editingFinished, this, [this, field, setting, whole] {
    bool isNumber = false;
    const double number = QLocale().toDouble(field->text().trimmed(), &isNumber);
    const QVariant value = whole ? QVariant(int(number)) : QVariant(number);
    if (!isNumber || !m_settings.set(setting, value)) {
      // Out of range: the field goes back to what holds, and its tooltip says the range.
      field->setText(whole ? QLocale().toString(m_settings.integer(setting))
                           : QLocale().toString(m_settings.number(setting), 'g', 6));
      field->selectAll();
    }
  });
  return field;
}

QWidget* SettingsDialog::makeFolderList() {
  auto* area = new QWidget;
  auto* rows = new QVBoxLayout(area);
  rows->setContentsMargins(0, 0, 0, 0);
  rows->setSpacing(4);
  const auto rebuild = [this, rows] {
    while (QLayoutItem* item = rows->takeAt(0)) {
      if (item->widget() != nullptr) {
        item->widget()->hide();
        item->widget()->deleteLater();
      }
      delete item;
    }
    const QStringList folders = m_settings.list(Setting::ModelFolders);
    for (const QString& folder : folders) {
      auto* line = new QWidget;
      auto* row = new QHBoxLayout(line);
      row->setContentsMargins(0, 0, 0, 0);
      auto* path = new Label(Type::Note, Ink::Text2, Label::Fit::Elide);
      path->setText(folder);
      path->setToolTip(folder);
      auto* remove = makeIconButton(u"close"_s, tr("Leave out %1").arg(folder));
      connect(remove, &QPushButton::clicked, this, [this, folder] {
        QStringList left = m_settings.list(Setting::ModelFolders);
        left.removeOne(folder);
        m_settings.set(Setting::ModelFolders, left);
      });
      row->addWidget(path, 1);
      row->addWidget(remove);
      rows->addWidget(line);
    }
    auto* add = makeButton(tr("Add a folder…"), ButtonKind::Quiet, u"plus"_s, ButtonSize::Small);
    connect(add, &QPushButton::clicked, this, [this] {
      const QString folder = QFileDialog::getExistingDirectory(this, tr("Folder with model files"));
      if (!folder.isEmpty()) {
        QStringList all = m_settings.list(Setting::ModelFolders);
        if (!all.contains(folder)) {
          all.append(folder);
          m_settings.set(Setting::ModelFolders, all);
        }
      }
    });
    rows->addWidget(add, 0, Qt::AlignLeft);
  };
  rebuild();
  connect(&m_settings, &Settings::changed, area, [rebuild](Setting setting) {
    if (setting == Setting::ModelFolders) {
      rebuild();
    }
  });
  return area;
}

}  // namespace bookwheel
