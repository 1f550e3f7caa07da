// SPDX-License-Identifier: Apache-2.0
// EnglishPlurals: "%n page(s)" as "1 page" or "3 pages", so English needs no catalogue.
#pragma once

#include <QTranslator>

namespace bookwheel {

/// Install it first: catalogues of other languages, installed later, are asked before it.
class EnglishPlurals : public QTranslator {
  Q_OBJECT
 public:
  using QTranslator::QTranslator;

  QString translate(const char* context, const char* source, const char* disambiguation,
                    int n) const override;
  bool isEmpty() const override { return false; }
};

}  // namespace bookwheel
