// SPDX-License-Identifier: Apache-2.0
// FindBar: the words to find in the document, which match is shown of how many, next and previous.
#pragma once

#include <QWidget>

class QLineEdit;
class QPushButton;

namespace bookwheel {

class Label;

class FindBar : public QWidget {
  Q_OBJECT
 public:
  explicit FindBar(QWidget* parent = nullptr);

  QString words() const;
  /// Selects what is there and takes the focus; `words` if not empty take its place.
  void open(const QString& words);
  /// `current` from 0; total -1: still searching. `capped`: there are more.
  void setResult(int current, int total, bool capped);

 Q_SIGNALS:
  void wordsChanged(const QString& words);
  void nextRequested();
  void previousRequested();
  void closed();

 protected:
  void keyPressEvent(QKeyEvent* event) override;
  void paintEvent(QPaintEvent* event) override;
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  QLineEdit* m_field;
  Label* m_result;
  QPushButton* m_previous;
  QPushButton* m_next;
};

}  // namespace bookwheel
