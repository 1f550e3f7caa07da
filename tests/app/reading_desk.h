// SPDX-License-Identifier: Apache-2.0
// A whole program without a window for tests: folders, library, settings, catalog, controller, tiny
// model.
#pragma once

#include "app/chat/chat_controller.h"
#include "tests/app/endless_model.h"
#include "tests/app/fixture_folder.h"
#include "tests/support/tiny_model.h"

#include <QByteArray>
#include <QString>
#include <QTest>

#include <memory>

namespace bookwheel {

/// Everything lives under one temporary folder; close() and open() are a quit and a new start.
class ReadingDesk {
 public:
  ReadingDesk() { open(); }
  ~ReadingDesk() { close(); }
  ReadingDesk(const ReadingDesk&) = delete;
  ReadingDesk& operator=(const ReadingDesk&) = delete;

  void open() {
    settings = std::make_unique<Settings>(path(QStringLiteral("settings.json")));
    settings->set(Setting::Temperature, 0.0);
    settings->set(Setting::Threads, 1);
    settings->set(Setting::MaxAnswerTokens, 24);
    library = std::make_unique<Library>(path(QStringLiteral("data/library.sqlite")));
    catalog = std::make_unique<ModelCatalog>(path(QStringLiteral("models")), *settings);
    controller = std::make_unique<ChatController>(*library, *settings, *catalog,
                                                  path(QStringLiteral("data/texts")));
  }
  void close() {
    controller.reset();
    catalog.reset();
    library.reset();
    settings.reset();
  }

  QString path(const QString& name) const { return m_folder.path(name); }
  QString write(const QString& name, const QByteArray& bytes) const {
    return m_folder.write(name, bytes);
  }

  /// A model that is slow enough to be stopped and quick enough for a test: some thousand tokens a
  /// second.
  QString writeModel(int contextTokens = 8192,
                     const QString& name = QStringLiteral("tiny.gguf")) const {
    TinyModelOptions options;
    options.contextTokens = contextTokens;
    tinyModel(options).write(path(name).toStdString());
    return path(name);
  }

  /// The same model, but its greedy answers go on until they are stopped or the context is full.
  QString writeEndlessModel(int contextTokens = 8192) const {
    TinyModelOptions options;
    options.contextTokens = contextTokens;
    const QString file = path(QStringLiteral("endless.gguf"));
    endlessModel(options).write(file.toStdString());
    return file;
  }

  /// `paragraphs` numbered paragraphs of about 200 characters; 15 make a page.
  static QByteArray prose(int paragraphs) {
    QByteArray text;
    for (int number = 1; number <= paragraphs; ++number) {
      text +=
          "Paragraph " + QByteArray::number(number) + " tells of gate " +
          QByteArray::number(number * 7) +
          ", which was built of oak and iron, inspected by two engineers of the drainage board, "
          "and found to be sound but for a hinge that had rusted in the long winter of that "
          "year.\n\n";
    }
    return text;
  }

  std::unique_ptr<Settings> settings;
  std::unique_ptr<Library> library;
  std::unique_ptr<ModelCatalog> catalog;
  std::unique_ptr<ChatController> controller;

 private:
  FixtureFolder m_folder;
};

/// The whole test machine may be busy: conditions are waited for this long, and are true in far
/// less.
inline constexpr int kPatienceMs = 60000;

inline const Notice* noticeOf(const ChatController& controller, Notice::Kind kind) {
  for (const Notice& notice : controller.notices()) {
    if (notice.kind == kind) {
      return &notice;
    }
  }
  return nullptr;
}

/// The way out that a notice offers; null without it.
inline const NoticeWay* wayOf(const Notice* notice, NoticeAction action) {
  if (notice != nullptr) {
    for (const NoticeWay& way : notice->ways) {
      if (way.action == action) {
        return &way;
      }
    }
  }
  return nullptr;
}

}  // namespace bookwheel

#define QTRY_STATE(controller, wanted) \
  QTRY_COMPARE_WITH_TIMEOUT((controller).state(), wanted, kPatienceMs)
