// SPDX-License-Identifier: Apache-2.0
// Notice: something the person should know or decide, said in place with its numbers and ways on.
#pragma once

#include <QList>
#include <QString>

namespace bookwheel {

/// What a way on does. The window opens the dialog or field for those marked (w) and then calls the
/// controller; all others go to ChatController::perform as they are.
enum class NoticeAction {
  ChoosePages,     ///< (w) a range of pages, then ChatController::readPages
  ChooseModel,     ///< (w) the model list, then ChatController::openModel
  OpenModelFile,   ///< (w) a file dialog, then ChatController::openModel
  OpenDocument,    ///< (w) a file dialog, then ChatController::open
  LocateFile,      ///< (w) a file dialog for a file that was moved, then ChatController::open
  EnterPassword,   ///< (w) a password field in the notice, then ChatController::submitPassword
  UseModel,        ///< loads the model whose path is in NoticeWay::argument
  UsePages,        ///< reads the range "first-last" in NoticeWay::argument
  ReadAnyway,      ///< reads although memory is short
  ReadNewVersion,  ///< imports the changed file as a new book
  Retry,           ///< what failed, again
  RetrySaving,     ///< writes what is only in memory
  ReloadModel,     ///< opens the model again
  NewChat,
  Dismiss,
};

/// One way on: a row of the notice. The first row is the primary one.
struct NoticeWay {
  QString name;    ///< "Leave out pages"
  QString cost;    ///< "The index, pages 385 to 398, is 3,910 tokens."
  QString button;  ///< "Choose pages…"
  NoticeAction action = NoticeAction::Dismiss;
  QString argument;  ///< of the action, see there
};

struct Notice {
  enum class Severity { Information, Done, Warning, Error };
  /// At most one notice of a kind stands at a time; a new one takes the place of the old.
  enum class Kind {
    Saving,   ///< stands while something is only in memory
    Library,  ///< what happened when the database was opened
    Model,
    Document,  ///< about the file: moved, changed, could not be read
    Warnings,  ///< pages without text and the like
    Reading,   ///< too long, too little memory, failed
    Answer,
  };
  int id = 0;
  Kind kind = Kind::Document;
  Severity severity = Severity::Information;
  QString title;    ///< one line with the number
  QString facts;    ///< whole sentences; "" makes a one-line notice
  QString details;  ///< the engine's own English, for "Details"; often ""
  QList<NoticeWay> ways;
  bool dismissable = false;
};

}  // namespace bookwheel
