// SPDX-License-Identifier: Apache-2.0
// Sentences about reading documents.
#include "app/documents/import_words.h"

#include "app/import/import_limits.h"
#include "app/library/words.h"

#include <QCoreApplication>
#include <QStringList>

namespace bookwheel {
namespace {

struct Words {
  Q_DECLARE_TR_FUNCTIONS(bookwheel::ImportClient)
};

QString readableFormats() { return Words::tr("Bookwheel reads PDF, text, Markdown and HTML."); }

QString count(std::uint64_t number) { return countText(static_cast<std::int64_t>(number)); }
QString bytes(std::uint64_t number) { return bytesText(static_cast<std::int64_t>(number)); }

}  // namespace

ImportProblem refusalProblem(const wire::Failed& failed, const QString& name) {
  using wire::Refusal;
  const auto unsupported = [&](const QString& sentence) {
    return ImportProblem{ImportFailure::Unsupported, sentence.arg(name) + u' ' + readableFormats()};
  };
  switch (failed.refusal) {
    case Refusal::Io:
      return {ImportFailure::CannotOpen,
              Words::tr("%1 could not be read to its end; check the disk or the network folder it "
                        "is on.")
                  .arg(name)};
    case Refusal::Empty:
      return {ImportFailure::Empty, Words::tr("%1 has no text in it.").arg(name)};
    case Refusal::TooLarge:
      return {ImportFailure::TooLarge,
              Words::tr("%1 is larger than %2, the most that Bookwheel reads of this format; split "
                        "it into parts.")
                  .arg(name, bytes(failed.number))};
    case Refusal::TooManyPages:
      return {ImportFailure::TooLarge,
              Words::tr("%1 has %2 pages; Bookwheel reads up to %3. Split it into parts.")
                  .arg(name, count(failed.number), countText(kMostPages))};
    case Refusal::TooMuchText:
      return {ImportFailure::TooLarge,
              Words::tr("%1 has more than %2 of text in one piece, the most that Bookwheel reads; "
                        "split it into parts.")
                  .arg(name, bytes(failed.number))};
    case Refusal::Binary:
      return unsupported(Words::tr("%1 is not a text."));
    case Refusal::Archive:
      return unsupported(Words::tr(
          "%1 is an archive or a packed document (ZIP, EPUB, DOCX, ODT); export it as PDF "
          "or HTML."));
    case Refusal::OldOffice:
      return unsupported(Words::tr("%1 is an old office document; export it as PDF."));
    case Refusal::Compressed:
      return unsupported(Words::tr("%1 is compressed; unpack it first."));
    case Refusal::Picture:
      return unsupported(Words::tr("%1 is a picture."));
    case Refusal::RichText:
      return unsupported(Words::tr("%1 is a rich text file (RTF); export it as PDF or HTML."));
    case Refusal::PostScript:
      return unsupported(Words::tr("%1 is a PostScript file; convert it to PDF."));
    case Refusal::PasswordNeeded:
      return {ImportFailure::PasswordNeeded,
              Words::tr("%1 is protected; give its password to read it.").arg(name)};
    case Refusal::PasswordWrong:
      return {ImportFailure::PasswordWrong, Words::tr("The password does not open %1.").arg(name)};
    case Refusal::Protected:
      return {ImportFailure::Unsupported,
              Words::tr("%1 is protected in a way that no password opens here; save an unprotected "
                        "copy.")
                  .arg(name)};
    case Refusal::BrokenPdf:
      return {ImportFailure::Damaged,
              Words::tr("%1 is a damaged PDF; try to download or export it again.").arg(name)};
  }
  return problem(ImportFailure::HelperFailed, name);
}

ImportProblem problem(ImportFailure failure, const QString& name, const QString& detail) {
  switch (failure) {
    case ImportFailure::CannotOpen:
      return {failure, Words::tr("%1 could not be opened: %2.").arg(name, detail)};
    case ImportFailure::Empty:
      return refusalProblem({wire::Refusal::Empty, 0}, name);
    case ImportFailure::TooLarge:
      return refusalProblem({wire::Refusal::TooMuchText, std::uint64_t{kMostTextBytes}}, name);
    case ImportFailure::Unsupported:
      return refusalProblem({wire::Refusal::Binary, 0}, name);
    case ImportFailure::Scanned:
      return {failure, Words::tr("%1 is scanned: its pages (%2) are pictures without text. Run it "
                                 "through text recognition (OCR) first.")
                           .arg(name, detail)};
    case ImportFailure::PasswordNeeded:
      return refusalProblem({wire::Refusal::PasswordNeeded, 0}, name);
    case ImportFailure::PasswordWrong:
      return refusalProblem({wire::Refusal::PasswordWrong, 0}, name);
    case ImportFailure::Damaged:
      return refusalProblem({wire::Refusal::BrokenPdf, 0}, name);
    case ImportFailure::HelperMissing:
      return {failure,
              Words::tr("Documents cannot be read: the program bookwheel-import is missing "
                        "or cannot be started (%1). Install Bookwheel again.")
                  .arg(detail.isEmpty() ? Words::tr("not found") : detail)};
    case ImportFailure::HelperFailed:
      return {failure,
              Words::tr("%1 could not be read: something in it stopped the reader. Nothing "
                        "else was harmed; try to export the document again.")
                  .arg(name)};
    case ImportFailure::TimedOut:
      return {failure, Words::tr("%1 could not be read: the reader made no progress for %2 and was "
                                 "stopped.")
                           .arg(name, detail)};
    case ImportFailure::Cancelled:
      return {failure, Words::tr("Reading %1 was stopped.").arg(name)};
  }
  return {failure, name};
}

QString noticeSentence(const wire::Notice& notice) {
  using wire::NoticeKind;
  const bool one = notice.number == 1;
  const QString number = count(notice.number);
  switch (notice.kind) {
    case NoticeKind::GuessedEncoding:
      return Words::tr("The file does not say how its letters are encoded; it was read as %1.")
          .arg(notice.name);
    case NoticeKind::InvalidBytes:
      return one ? Words::tr("One byte is no letter in the file's encoding and is shown as \uFFFD.")
                 : Words::tr(
                       "%1 bytes are no letters in the file's encoding and are shown as \uFFFD.")
                       .arg(number);
    case NoticeKind::NulCharacters:
      return one ? Words::tr("One zero byte was left out.")
                 : Words::tr("%1 zero bytes were left out.").arg(number);
    case NoticeKind::ControlCharacters:
      return one ? Words::tr("One control character was left out.")
                 : Words::tr("%1 control characters were left out.").arg(number);
    case NoticeKind::DirectionCharacters:
      return one ? Words::tr(
                       "One invisible character that changes the order of the text was left out.")
                 : Words::tr(
                       "%1 invisible characters that change the order of the text were left out.")
                       .arg(number);
    case NoticeKind::TagCharacters:
      return one ? Words::tr("One invisible tag letter was left out.")
                 : Words::tr("%1 invisible tag letters were left out.").arg(number);
    case NoticeKind::GarbledPages:
      return one ? Words::tr(
                       "The fonts of one page do not say which letters they show; its text may "
                       "be wrong.")
                 : Words::tr(
                       "The fonts of %1 pages do not say which letters they show; their text "
                       "may be wrong.")
                       .arg(number);
    case NoticeKind::OutlineCut:
      return one ? Words::tr("One entry of the table of contents was left out; it has too many.")
                 : Words::tr("%1 entries of the table of contents were left out; it has too many.")
                       .arg(number);
    case NoticeKind::HiddenPassages:
      return one ? Words::tr("One passage that a browser would not show was left out.")
                 : Words::tr("%1 passages that a browser would not show were left out.")
                       .arg(number);
  }
  return {};
}

QString pageList(const QList<int>& pages) {
  constexpr qsizetype kMostRanges = 10;
  QStringList ranges;
  qsizetype listed = 0;
  for (qsizetype i = 0; i < pages.size() && ranges.size() < kMostRanges;) {
    qsizetype last = i;
    while (last + 1 < pages.size() && pages[last + 1] == pages[last] + 1) {
      ++last;
    }
    const QString first = countText(pages[i] + 1);
    if (last == i) {
      ranges.append(first);
    } else if (last == i + 1) {
      ranges.append(first);
      ranges.append(countText(pages[last] + 1));
    } else {
      ranges.append(Words::tr("%1 to %2").arg(first, countText(pages[last] + 1)));
    }
    listed = last + 1;
    i = listed;
  }
  if (listed < pages.size()) {
    return Words::tr("%1 and %2 more")
        .arg(ranges.join(QStringLiteral(", ")), countText(pages.size() - listed));
  }
  if (ranges.size() < 2) {
    return ranges.join(QString());
  }
  const QString last = ranges.takeLast();
  return Words::tr("%1 and %2").arg(ranges.join(QStringLiteral(", ")), last);
}

QString pagesWithoutTextSentence(const QList<int>& pages) {
  if (pages.isEmpty()) {
    return {};
  }
  return pages.size() == 1
             ? Words::tr("Page %1 has no text; it may be a picture.").arg(pageList(pages))
             : Words::tr("Pages %1 have no text; they may be pictures.").arg(pageList(pages));
}

QString unreadablePagesSentence(const QList<int>& pages) {
  if (pages.isEmpty()) {
    return {};
  }
  return pages.size() == 1 ? Words::tr("Page %1 could not be read.").arg(pageList(pages))
                           : Words::tr("Pages %1 could not be read.").arg(pageList(pages));
}

QString outlineLostSentence() { return Words::tr("The table of contents could not be read."); }

QString pageNotShownSentence(int page) {
  return Words::tr("Page %1 could not be shown.").arg(countText(page + 1));
}

}  // namespace bookwheel
