// SPDX-License-Identifier: Apache-2.0
// ChatModel: the messages from the first question to the last answer of the path that is shown.
#pragma once

#include "app/library/library.h"

#include <QAbstractListModel>
#include <QList>
#include <QString>

namespace bookwheel {

/// GUI thread. Holds what is shown; the library holds what is kept. While an answer streams, each
/// appendText is one dataChanged of the last row with TextRole only.
class ChatModel : public QAbstractListModel {
  Q_OBJECT
 public:
  enum Role {
    TextRole = Qt::DisplayRole,      ///< QString; Markdown of an answer, plain text of a question
    MessageRoleRole = Qt::UserRole,  ///< int of MessageRole
    StateRole,                       ///< int of MessageState
    StreamingRole,                   ///< bool; this answer is being written now
    StandsOnRole,                    ///< QString; the line above an answer
    StateWordsRole,   ///< QString; "Stopped", "Cut off when Bookwheel was closed", "" if complete
    FiguresRole,      ///< QString; tokens, speed, model
    BranchIndexRole,  ///< int from 0; which version of its siblings
    BranchCountRole,  ///< int; 1: no other version
    MessageIdRole,    ///< MessageId; 0 until it is saved
    CreatedRole,      ///< QDateTime
    CanRetryRole,     ///< bool
  };

  explicit ChatModel(Library& library, QObject* parent = nullptr);

  int rowCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QHash<int, QByteArray> roleNames() const override;

  const QList<MessageRecord>& path() const { return m_path; }
  int rowOf(MessageId id) const;

  // Set by the controller
  void show(const QList<MessageRecord>& path);
  void append(const MessageRecord& message);
  void setStreaming(MessageId id);  ///< 0: none
  MessageId streaming() const { return m_streaming; }
  void appendText(MessageId id, const QString& text);
  void update(const MessageRecord& message);

 private:
  struct Versions {
    int index = 0;
    int count = 1;
  };
  Versions versionsOf(MessageId id) const;
  QString stateWords(const MessageRecord& message) const;

  Library& m_library;
  QList<MessageRecord> m_path;
  QList<Versions> m_versions;  // one for each of m_path
  MessageId m_streaming = 0;
};

}  // namespace bookwheel
