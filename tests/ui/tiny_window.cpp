// SPDX-License-Identifier: Apache-2.0
// TinyWindow: the whole window with a tiny model and books of its own, for the tests that drive it.
#include "tests/ui/tiny_window.h"

#include "tests/support/tiny_model.h"
#include "ui/conversation/composer.h"
#include "ui/conversation/conversation_view.h"

#include <QDir>
#include <QPlainTextEdit>
#include <QTest>
#include <QWindow>

namespace bookwheel {

using namespace Qt::StringLiterals;

namespace {

GgufDraft roomyModel() {
  TinyModelOptions options;
  options.contextTokens = 16384;
  return tinyModel(options);
}

}  // namespace

TinyWindow::TinyWindow() : TinyWindow(roomyModel()) {}

TinyWindow::TinyWindow(const GgufDraft& model) {
  QDir(m_files.path()).mkdir(u"models"_s);
  model.write(path(u"models/tiny.gguf"_s).toStdString());
}

bool TinyWindow::open(const std::function<void(Settings&)>& prepare) {
  m_driver = std::make_unique<WindowDriver>(path(u"models"_s), prepare);
  return show();
}

bool TinyWindow::reopen() {
  const std::shared_ptr<QTemporaryDir> folder = m_driver->sharedFolder();
  m_driver.reset();  // saves what was changed
  m_driver = std::make_unique<WindowDriver>(path(u"models"_s), nullptr, folder);
  return show();
}

bool TinyWindow::show() {
  window().resize(1440, 900);
  window().show();
  window().activateWindow();
  controller().start();
  return QTest::qWaitForWindowActive(&window()) &&
         m_driver->waitForState(ChatController::State::NoDocument);
}

QPlainTextEdit* TinyWindow::questionField() { return window().conversation()->composer()->field(); }

QString TinyWindow::lastText() {
  const ChatModel* messages = controller().messages();
  return messages->index(messages->rowCount() - 1, 0).data(ChatModel::TextRole).toString();
}

void TinyWindow::press(Qt::Key key, Qt::KeyboardModifiers modifiers) {
  QTest::keyClick(window().windowHandle(), key, modifiers);
}

QString TinyWindow::writeBook(const QString& name, int paragraphs) const {
  QByteArray text;
  for (int i = 0; i < paragraphs; ++i) {
    if (i % 10 == 0) {
      text += "# Chapter " + QByteArray::number(i / 10 + 1) + "\n\n";
    }
    text += "Paragraph " + QByteArray::number(i) + " tells of the heron and the mill.\n\n";
  }
  return write(name, text);
}

bool TinyWindow::openAndRead(const QString& path) {
  window().openFiles({path});
  return m_driver->waitForState(ChatController::State::Ready);
}

}  // namespace bookwheel
