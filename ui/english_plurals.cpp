// SPDX-License-Identifier: Apache-2.0
// EnglishPlurals: "%n page(s)" as "1 page" or "3 pages", so English needs no catalogue.
#include "ui/english_plurals.h"

namespace bookwheel {

using namespace Qt::StringLiterals;

QString EnglishPlurals::translate(const char*, const char* source, const char*, int n) const {
  if (n < 0) {
    return {};  // no number: the source text stands
  }
  QString text = QString::fromUtf8(source);
  text.replace(u"(s)"_s, n == 1 ? u""_s : u"s"_s);
  text.replace(u"(es)"_s, n == 1 ? u""_s : u"es"_s);
  return text;
}

}  // namespace bookwheel
