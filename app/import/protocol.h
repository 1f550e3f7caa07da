// SPDX-License-Identifier: Apache-2.0
// What bookwheel-import and the program say to each other: length-checked frames over two pipes.
//
// A frame is u32 length (of what follows), u8 type, payload; numbers are little endian, strings are
// u32 bytes and UTF-8. Both sides are built together, so there is one version; Hello carries it to
// catch a stale helper. The program trusts nothing that arrives: a frame over its limit, a payload
// that does not parse to its last byte or text that is not clean ends the conversation.
#pragma once

#include "app/documents/document.h"

#include <QByteArray>
#include <QByteArrayView>
#include <QList>
#include <QRectF>
#include <QString>

#include <cstdint>
#include <optional>

namespace bookwheel::wire {

inline constexpr std::uint32_t kVersion = 1;
inline constexpr std::uint32_t kMostFrameBytes = 5 * 1024 * 1024;

enum class Type : std::uint8_t {
  // program -> helper
  Start = 1,
  RenderPage = 2,
  FindRectangles = 3,
  FindSelection = 4,
  // helper -> program
  Hello = 16,
  Opened = 17,
  PageText = 18,
  FlowText = 19,
  Heading = 20,
  Notice = 21,
  Failed = 22,
  Finished = 23,
  BeginPage = 24,
  Bitmap = 25,
  Rectangles = 26,
  RequestFailed = 27,
};

/// What the file's name says; the content has the last word.
enum class Hint : std::uint8_t { None, Markdown, Html };

/// Why a file cannot be read at all. The program has the words for each.
enum class Refusal : std::uint8_t {
  Io,
  Empty,
  TooLarge,      ///< number = limit in bytes
  TooManyPages,  ///< number = pages
  TooMuchText,   ///< number = limit in bytes
  Binary,        ///< no known format
  Archive,       ///< zip: EPUB, DOCX, ODT
  OldOffice,
  Compressed,  ///< gzip, xz, zstd, bzip2
  Picture,
  RichText,
  PostScript,
  PasswordNeeded,
  PasswordWrong,
  Protected,  ///< a protection that passwords do not open
  BrokenPdf,
  Last = BrokenPdf,
};

/// What a reader of the document should know; `number` counts.
enum class NoticeKind : std::uint8_t {
  GuessedEncoding,  ///< name = encoding
  InvalidBytes,
  NulCharacters,
  ControlCharacters,
  DirectionCharacters,
  TagCharacters,
  GarbledPages,    ///< pages whose fonts do not say which letters they show
  OutlineCut,      ///< entries left out
  HiddenPassages,  ///< HTML elements that a browser does not show, left out
  Last = HiddenPassages,
};

struct Start {
  Hint hint = Hint::None;
  QString password;
  std::uint32_t firstPage = 0;  ///< PDF: begin here (pages before it were received already)
  QByteArray toFrame() const;
  static std::optional<Start> parse(QByteArrayView payload);
};

struct RenderPage {
  std::uint64_t ticket = 0;
  std::uint32_t page = 0;
  std::uint32_t widthPixels = 0;
  bool dark = false;
  QByteArray toFrame() const;
  static std::optional<RenderPage> parse(QByteArrayView payload);
};

struct FindRectangles {
  std::uint64_t ticket = 0;
  std::uint32_t page = 0;
  std::uint32_t begin = 0;  ///< bytes of the page's text
  std::uint32_t end = 0;
  QByteArray toFrame() const;
  static std::optional<FindRectangles> parse(QByteArrayView payload);
};

struct FindSelection {
  std::uint64_t ticket = 0;
  std::uint32_t page = 0;
  QPointF from;  ///< points from the top left corner
  QPointF to;
  QByteArray toFrame() const;
  static std::optional<FindSelection> parse(QByteArrayView payload);
};

struct Hello {
  std::uint32_t version = kVersion;
  std::uint32_t landlock = 0;  ///< ABI in force; 0: the kernel has none
  bool seccomp = false;
  QByteArray toFrame() const;
  static std::optional<Hello> parse(QByteArrayView payload);
};

struct Opened {
  DocumentFormat format = DocumentFormat::PlainText;
  QString title;            ///< as the file says; may be empty
  std::uint32_t pages = 0;  ///< 0 for the formats without pages
  QByteArray toFrame() const;
  static std::optional<Opened> parse(QByteArrayView payload);
};

/// Sent before a page is touched, so that the program knows which page a crash belongs to.
struct BeginPage {
  std::uint32_t page = 0;
  QByteArray toFrame() const;
  static std::optional<BeginPage> parse(QByteArrayView payload);
};

struct PageText {
  std::uint32_t page = 0;
  QString label;
  double width = 0;  ///< points
  double height = 0;
  QByteArray text;  ///< clean UTF-8
  QByteArray toFrame() const;
  static std::optional<PageText> parse(QByteArrayView payload);
};

/// The next piece of the text of a format without pages; pieces may split a character.
struct FlowText {
  QByteArray text;
  QByteArray toFrame() const;
  static std::optional<FlowText> parse(QByteArrayView payload);
};

struct Heading {
  QString title;
  std::uint32_t level = 0;
  std::uint32_t page = 0;    ///< PDF: index of the page; else 0
  std::uint64_t offset = 0;  ///< bytes into the page's text (PDF), else into the whole text
  QByteArray toFrame() const;
  static std::optional<Heading> parse(QByteArrayView payload);
};

struct Notice {
  NoticeKind kind = NoticeKind::InvalidBytes;
  std::uint64_t number = 0;
  QString name;
  QByteArray toFrame() const;
  static std::optional<Notice> parse(QByteArrayView payload);
};

struct Failed {
  Refusal refusal = Refusal::Io;
  std::uint64_t number = 0;
  QByteArray toFrame() const;
  static std::optional<Failed> parse(QByteArrayView payload);
};

struct Finished {
  QByteArray toFrame() const;
  static std::optional<Finished> parse(QByteArrayView payload);
};

/// The pixels (QImage::Format_RGB32, rows of width * 4 bytes) lie in the shared memory by now.
struct Bitmap {
  std::uint64_t ticket = 0;
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  QByteArray toFrame() const;
  static std::optional<Bitmap> parse(QByteArrayView payload);
};

/// Answers FindRectangles and FindSelection; begin and end are bytes of the page's text.
struct Rectangles {
  std::uint64_t ticket = 0;
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  QList<QRectF> rectangles;  ///< points from the top left corner
  QByteArray toFrame() const;
  static std::optional<Rectangles> parse(QByteArrayView payload);
};

struct RequestFailed {
  std::uint64_t ticket = 0;
  QByteArray toFrame() const;
  static std::optional<RequestFailed> parse(QByteArrayView payload);
};

struct Frame {
  Type type = Type::Hello;
  QByteArray payload;
};

/// Cuts a stream into frames. Not an opinion about their content.
class FrameReader {
 public:
  void feed(QByteArrayView bytes);
  /// The next whole frame; nothing when more bytes are needed or the stream is broken.
  std::optional<Frame> next();
  bool isBroken() const { return m_broken; }
  /// Bytes of an unfinished frame.
  qsizetype pending() const { return m_buffer.size() - m_position; }

 private:
  QByteArray m_buffer;
  qsizetype m_position = 0;
  bool m_broken = false;
};

}  // namespace bookwheel::wire
