// SPDX-License-Identifier: Apache-2.0
// The starter models and the sample novel, for tests with the label "model".
#pragma once

#include "engine/run/session.h"

#include <QFile>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

/// Where scripts/get-model puts a model.
inline std::filesystem::path realModelFile(const char* name) {
  std::filesystem::path folder;
  if (const char* models = std::getenv("BOOKWHEEL_MODELS")) {
    folder = models;
  } else if (const char* data = std::getenv("XDG_DATA_HOME")) {
    folder = std::filesystem::path(data) / "bookwheel/models";
  } else if (const char* home = std::getenv("HOME")) {
    folder = std::filesystem::path(home) / ".local/share/bookwheel/models";
  }
  return folder / (std::string(name) + ".gguf");
}

/// The first `count` tokens of Pride and Prejudice; fewer if it ends before.
inline std::vector<bookwheel::TokenId> bookTokens(const bookwheel::Session& session, int count) {
  QFile file(QStringLiteral(BOOKWHEEL_RESOURCES "/sample/pride-and-prejudice.txt"));
  if (!file.open(QIODevice::ReadOnly)) {
    return {};
  }
  const QByteArray text = file.read(count * 10LL);
  std::vector<bookwheel::TokenId> ids = session.tokenizer().encode(text.toStdString()).ids;
  ids.resize(std::min(ids.size(), static_cast<std::size_t>(count)));
  return ids;
}
