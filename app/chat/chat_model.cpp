// SPDX-License-Identifier: Apache-2.0
// ChatModel: the messages from the first question to the last answer of the path that is shown.
#include "app/chat/chat_model.h"

#include "app/chat/answer_stats.h"
#include "app/library/words.h"

#include <algorithm>

namespace bookwheel {

ChatModel::ChatModel(Library& library, QObject* parent)
    : QAbstractListModel(parent), m_library(library) {}

int ChatModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(m_path.size());
}

QString ChatModel::stateWords(const MessageRecord& message) const {
  if (message.id == m_streaming) {
    return {};
  }
  switch (message.state) {
    case MessageState::Partial:
      return tr("Cut off when Bookwheel ended; this is what was saved.");
    case MessageState::Stopped:
      return tr("Stopped.");
    case MessageState::Failed:
      return message.text.isEmpty() ? tr("Not answered.") : tr("Broken off by an error.");
    case MessageState::Complete: {
      const AnswerStats stats = AnswerStats::fromJson(message.stats);
      if (stats.stopReason == QStringLiteral("limit")) {
        return tr("Ends at the limit for answers (%1); see the settings.")
            .arg(tokensText(stats.answerTokens));
      }
      if (stats.stopReason == QStringLiteral("context")) {
        return tr("Ends here because the model's context is full.");
      }
      return {};
    }
  }
  return {};
}

QVariant ChatModel::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid)) {
    return {};
  }
  const MessageRecord& message = m_path.at(index.row());
  const bool isAnswer = message.role == MessageRole::Answer;
  switch (role) {
    case TextRole:
      return message.text;
    case Qt::AccessibleTextRole:
      return isAnswer ? tr("Answer: %1").arg(message.text) : tr("Question: %1").arg(message.text);
    case MessageRoleRole:
      return static_cast<int>(message.role);
    case StateRole:
      return static_cast<int>(message.state);
    case StreamingRole:
      return message.id == m_streaming;
    case StandsOnRole:
      return isAnswer ? AnswerStats::fromJson(message.stats).standsOn() : QString();
    case StateWordsRole:
      return isAnswer ? stateWords(message) : QString();
    case FiguresRole:
      return isAnswer ? AnswerStats::fromJson(message.stats).figures() : QString();
    case BranchIndexRole:
      return m_versions.at(index.row()).index;
    case BranchCountRole:
      return m_versions.at(index.row()).count;
    case MessageIdRole:
      return message.id;
    case CreatedRole:
      return message.created;
    case CanRetryRole:
      return isAnswer && m_streaming == 0;
    default:
      return {};
  }
}

QHash<int, QByteArray> ChatModel::roleNames() const {
  return {{TextRole, "text"},
          {MessageRoleRole, "messageRole"},
          {StateRole, "state"},
          {StreamingRole, "streaming"},
          {StandsOnRole, "standsOn"},
          {StateWordsRole, "stateWords"},
          {FiguresRole, "figures"},
          {BranchIndexRole, "branchIndex"},
          {BranchCountRole, "branchCount"},
          {MessageIdRole, "messageId"},
          {CreatedRole, "created"},
          {CanRetryRole, "canRetry"}};
}

int ChatModel::rowOf(MessageId id) const {
  const auto found = std::find_if(m_path.begin(), m_path.end(),
                                  [&](const MessageRecord& message) { return message.id == id; });
  return found == m_path.end() ? -1 : static_cast<int>(found - m_path.begin());
}

ChatModel::Versions ChatModel::versionsOf(MessageId id) const {
  const QList<MessageId> siblings = m_library.siblings(id);
  return {std::max(0, static_cast<int>(siblings.indexOf(id))),
          std::max(1, static_cast<int>(siblings.size()))};
}

void ChatModel::show(const QList<MessageRecord>& path) {
  beginResetModel();
  m_path = path;
  m_versions.clear();
  for (const MessageRecord& message : path) {
    m_versions.append(versionsOf(message.id));
  }
  endResetModel();
}

void ChatModel::append(const MessageRecord& message) {
  const int row = static_cast<int>(m_path.size());
  beginInsertRows({}, row, row);
  m_path.append(message);
  m_versions.append(versionsOf(message.id));
  endInsertRows();
}

void ChatModel::setStreaming(MessageId id) {
  if (id == m_streaming) {
    return;
  }
  m_streaming = id;
  if (!m_path.isEmpty()) {
    Q_EMIT dataChanged(index(0), index(static_cast<int>(m_path.size()) - 1),
                       {StreamingRole, StateWordsRole, CanRetryRole});
  }
}

void ChatModel::appendText(MessageId id, const QString& text) {
  // The row that streams is the last one, but for a path that was changed meanwhile.
  if (const int row = rowOf(id); row >= 0 && !text.isEmpty()) {
    m_path[row].text += text;
    Q_EMIT dataChanged(index(row), index(row), {TextRole});
  }
}

void ChatModel::update(const MessageRecord& message) {
  if (const int row = rowOf(message.id); row >= 0) {
    m_path[row] = message;
    Q_EMIT dataChanged(index(row), index(row));
  }
}

}  // namespace bookwheel
