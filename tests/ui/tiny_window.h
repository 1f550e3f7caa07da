// SPDX-License-Identifier: Apache-2.0
// TinyWindow: the whole window with a tiny model and books of its own, for the tests that drive it.
#pragma once

#include "tests/app/fixture_folder.h"
#include "tests/support/gguf_writer.h"
#include "tests/ui/window_driver.h"

#include <QByteArray>
#include <QString>

#include <functional>
#include <memory>

class QPlainTextEdit;

namespace bookwheel {

/// The files last as long as the object; the window from open() to close(), for each test anew.
class TinyWindow {
 public:
  /// With a model that reads 16,384 tokens; the longest book of these tests has about 8,000.
  TinyWindow();
  /// `model` becomes the only model there is.
  explicit TinyWindow(const GgufDraft& model);

  /// Shows and activates the window, 1,440 pixels wide; false if the model is not loaded in time.
  bool open(const std::function<void(Settings&)>& prepare);
  void close() { m_driver.reset(); }
  /// Quits and starts the program again over the same folders.
  bool reopen();

  WindowDriver& driver() { return *m_driver; }
  ChatController& controller() { return m_driver->controller(); }
  MainWindow& window() { return m_driver->window(); }
  QPlainTextEdit* questionField();
  /// Of the newest message; "" without one.
  QString lastText();
  /// Gives the key to the window as the window system does: to the widget that has the focus, and
  /// to the commands' keys before it.
  void press(Qt::Key key, Qt::KeyboardModifiers modifiers = Qt::NoModifier);

  QString path(const QString& name) const { return m_files.path(name); }
  QString write(const QString& name, const QByteArray& bytes) const {
    return m_files.write(name, bytes);
  }
  /// A Markdown file of `paragraphs` paragraphs of about 50 bytes, with a heading before every
  /// tenth; returns its path.
  QString writeBook(const QString& name, int paragraphs) const;
  /// Opens the file and waits until it is read.
  bool openAndRead(const QString& path);

 private:
  bool show();

  FixtureFolder m_files;
  std::unique_ptr<WindowDriver> m_driver;
};

}  // namespace bookwheel
