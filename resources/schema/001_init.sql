-- SPDX-License-Identifier: Apache-2.0
-- Books, chats and messages. A blank line ends a statement (triggers hold semicolons); a released file is
-- never changed again: what comes later is a migration with the next number.

CREATE TABLE books (
  id               INTEGER PRIMARY KEY AUTOINCREMENT,
  path             TEXT NOT NULL,
  sha256           BLOB NOT NULL,
  file_bytes       INTEGER NOT NULL,
  file_modified_ms INTEGER NOT NULL,
  title            TEXT NOT NULL,
  format           TEXT NOT NULL,
  pages            INTEGER NOT NULL,
  characters       INTEGER NOT NULL,
  text_key         TEXT NOT NULL,
  range_first      INTEGER NOT NULL,
  range_last       INTEGER NOT NULL,
  tokens           INTEGER NOT NULL,
  tokens_model     TEXT NOT NULL,
  position         REAL NOT NULL,
  added_ms         INTEGER NOT NULL,
  opened_ms        INTEGER NOT NULL
) STRICT;

CREATE INDEX books_sha256 ON books (sha256);

CREATE TABLE chats (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  book_id    INTEGER NOT NULL REFERENCES books (id) ON DELETE CASCADE,
  title      TEXT NOT NULL,
  leaf_id    INTEGER REFERENCES messages (id) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED,
  settings   TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  changed_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX chats_book ON chats (book_id);

CREATE INDEX chats_leaf ON chats (leaf_id);

CREATE TABLE messages (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  chat_id    INTEGER NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
  parent_id  INTEGER REFERENCES messages (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
  role       TEXT NOT NULL CHECK (role IN ('question', 'answer')),
  text       TEXT NOT NULL,
  state      TEXT NOT NULL CHECK (state IN ('partial', 'complete', 'stopped', 'failed')),
  tokens     INTEGER NOT NULL,
  stats      TEXT NOT NULL,
  created_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX messages_chat ON messages (chat_id);

CREATE INDEX messages_parent ON messages (parent_id);

CREATE TABLE model_speeds (
  model_key                TEXT PRIMARY KEY,
  per_token                REAL NOT NULL,
  per_token_squared        REAL NOT NULL,
  decode_tokens_per_second REAL NOT NULL
) STRICT;

CREATE VIRTUAL TABLE messages_words USING fts5 (
  text, content = 'messages', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2'
);

CREATE TRIGGER messages_words_insert AFTER INSERT ON messages BEGIN
  INSERT INTO messages_words (rowid, text) VALUES (new.id, new.text);
END;

CREATE TRIGGER messages_words_delete AFTER DELETE ON messages BEGIN
  INSERT INTO messages_words (messages_words, rowid, text) VALUES ('delete', old.id, old.text);
END;

CREATE TRIGGER messages_words_update AFTER UPDATE OF text ON messages BEGIN
  INSERT INTO messages_words (messages_words, rowid, text) VALUES ('delete', old.id, old.text);
  INSERT INTO messages_words (rowid, text) VALUES (new.id, new.text);
END;
