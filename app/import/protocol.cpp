// SPDX-License-Identifier: Apache-2.0
// What bookwheel-import and the program say to each other: length-checked frames over two pipes.
#include "app/import/protocol.h"

#include "app/documents/utf8.h"
#include "app/import/import_limits.h"

#include <QtEndian>

#include <bit>
#include <cmath>

namespace bookwheel::wire {
namespace {

class Writer {
 public:
  explicit Writer(Type type) {
    m_bytes.append(4, '\0');
    m_bytes.append(static_cast<char>(type));
  }
  Writer& u8(std::uint8_t value) { return raw(value); }
  Writer& u32(std::uint32_t value) { return raw(value); }
  Writer& u64(std::uint64_t value) { return raw(value); }
  Writer& real(double value) { return raw(std::bit_cast<std::uint64_t>(value)); }
  Writer& bytes(const QByteArray& value) {
    u32(static_cast<std::uint32_t>(value.size()));
    m_bytes.append(value);
    return *this;
  }
  Writer& string(const QString& value) { return bytes(value.toUtf8()); }
  QByteArray frame() {
    qToLittleEndian(static_cast<std::uint32_t>(m_bytes.size() - 4), m_bytes.data());
    return m_bytes;
  }

 private:
  template <typename T>
  Writer& raw(T value) {
    char buffer[sizeof(T)];
    qToLittleEndian(value, buffer);
    m_bytes.append(buffer, sizeof(T));
    return *this;
  }
  QByteArray m_bytes;
};

/// Reads fields in order; after the first wrong one all others are zero and done() is false.
class Reader {
 public:
  explicit Reader(QByteArrayView bytes) : m_bytes(bytes) {}
  std::uint8_t u8() { return raw<std::uint8_t>(); }
  std::uint32_t u32() { return raw<std::uint32_t>(); }
  std::uint64_t u64() { return raw<std::uint64_t>(); }
  bool flag() {
    const std::uint8_t value = u8();
    m_ok = m_ok && value <= 1;
    return value == 1;
  }
  /// Finite and within a million points of the origin, or the message is refused.
  double coordinate() {
    const auto value = std::bit_cast<double>(raw<std::uint64_t>());
    m_ok = m_ok && std::isfinite(value) && std::abs(value) <= 1e6;
    return m_ok ? value : 0;
  }
  template <typename E>
  E choice(E last) {
    const std::uint8_t value = u8();
    m_ok = m_ok && value <= static_cast<std::uint8_t>(last);
    return m_ok ? static_cast<E>(value) : E{};
  }
  QByteArray bytes(std::size_t limit) {
    const std::size_t size = u32();
    const auto left = static_cast<std::size_t>(m_bytes.size());
    if (!m_ok || size > limit || size > left) {
      m_ok = false;
      return {};
    }
    const QByteArray result = m_bytes.first(static_cast<qsizetype>(size)).toByteArray();
    m_bytes = m_bytes.sliced(static_cast<qsizetype>(size));
    return result;
  }
  /// One line of clean text, at most `limit` UTF-16 units.
  QString line(int limit) {
    const QByteArray utf8 = bytes(static_cast<std::size_t>(limit) * 3);
    const std::string_view view(utf8.constData(), static_cast<std::size_t>(utf8.size()));
    m_ok = m_ok && isCleanText(view) && view.find('\n') == std::string_view::npos;
    const QString result = m_ok ? QString::fromUtf8(utf8) : QString();
    m_ok = m_ok && result.size() <= limit;
    return m_ok ? result : QString();
  }
  void require(bool condition) { m_ok = m_ok && condition; }
  bool done() const { return m_ok && m_bytes.isEmpty(); }
  bool ok() const { return m_ok; }

 private:
  template <typename T>
  T raw() {
    if (!m_ok || m_bytes.size() < static_cast<qsizetype>(sizeof(T))) {
      m_ok = false;
      return {};
    }
    const T value = qFromLittleEndian<T>(m_bytes.data());
    m_bytes = m_bytes.sliced(static_cast<qsizetype>(sizeof(T)));
    return value;
  }
  QByteArrayView m_bytes;
  bool m_ok = true;
};

template <typename T>
std::optional<T> checked(const Reader& in, T&& value) {
  return in.done() ? std::optional<T>(std::forward<T>(value)) : std::nullopt;
}

std::string_view view(const QByteArray& bytes) {
  return {bytes.constData(), static_cast<std::size_t>(bytes.size())};
}

}  // namespace

QByteArray Start::toFrame() const {
  return Writer(Type::Start)
      .u8(static_cast<std::uint8_t>(hint))
      .string(password)
      .u32(firstPage)
      .frame();
}
std::optional<Start> Start::parse(QByteArrayView payload) {
  Reader in(payload);
  Start m;
  m.hint = in.choice(Hint::Html);
  m.password = QString::fromUtf8(in.bytes(4096));
  m.firstPage = in.u32();
  return checked(in, std::move(m));
}

QByteArray RenderPage::toFrame() const {
  return Writer(Type::RenderPage).u64(ticket).u32(page).u32(widthPixels).u8(dark ? 1 : 0).frame();
}
std::optional<RenderPage> RenderPage::parse(QByteArrayView payload) {
  Reader in(payload);
  RenderPage m;
  m.ticket = in.u64();
  m.page = in.u32();
  m.widthPixels = in.u32();
  m.dark = in.flag();
  return checked(in, std::move(m));
}

QByteArray FindRectangles::toFrame() const {
  return Writer(Type::FindRectangles).u64(ticket).u32(page).u32(begin).u32(end).frame();
}
std::optional<FindRectangles> FindRectangles::parse(QByteArrayView payload) {
  Reader in(payload);
  FindRectangles m;
  m.ticket = in.u64();
  m.page = in.u32();
  m.begin = in.u32();
  m.end = in.u32();
  return checked(in, std::move(m));
}

QByteArray FindSelection::toFrame() const {
  return Writer(Type::FindSelection)
      .u64(ticket)
      .u32(page)
      .real(from.x())
      .real(from.y())
      .real(to.x())
      .real(to.y())
      .frame();
}
std::optional<FindSelection> FindSelection::parse(QByteArrayView payload) {
  Reader in(payload);
  FindSelection m;
  m.ticket = in.u64();
  m.page = in.u32();
  m.from.setX(in.coordinate());
  m.from.setY(in.coordinate());
  m.to.setX(in.coordinate());
  m.to.setY(in.coordinate());
  return checked(in, std::move(m));
}

QByteArray Hello::toFrame() const {
  return Writer(Type::Hello).u32(version).u32(landlock).u8(seccomp ? 1 : 0).frame();
}
std::optional<Hello> Hello::parse(QByteArrayView payload) {
  Reader in(payload);
  Hello m;
  m.version = in.u32();
  m.landlock = in.u32();
  m.seccomp = in.flag();
  return checked(in, std::move(m));
}

QByteArray Opened::toFrame() const {
  return Writer(Type::Opened)
      .u8(static_cast<std::uint8_t>(format))
      .string(title)
      .u32(pages)
      .frame();
}
std::optional<Opened> Opened::parse(QByteArrayView payload) {
  Reader in(payload);
  Opened m;
  m.format = in.choice(DocumentFormat::Pdf);
  m.title = in.line(kMostTitleLength);
  m.pages = in.u32();
  in.require(m.pages <= static_cast<std::uint32_t>(kMostPages));
  in.require((m.format == DocumentFormat::Pdf) == (m.pages > 0));
  return checked(in, std::move(m));
}

QByteArray BeginPage::toFrame() const { return Writer(Type::BeginPage).u32(page).frame(); }
std::optional<BeginPage> BeginPage::parse(QByteArrayView payload) {
  Reader in(payload);
  BeginPage m;
  m.page = in.u32();
  return checked(in, std::move(m));
}

QByteArray PageText::toFrame() const {
  return Writer(Type::PageText)
      .u32(page)
      .string(label)
      .real(width)
      .real(height)
      .bytes(text)
      .frame();
}
std::optional<PageText> PageText::parse(QByteArrayView payload) {
  Reader in(payload);
  PageText m;
  m.page = in.u32();
  m.label = in.line(kMostLabelLength);
  m.width = in.coordinate();
  m.height = in.coordinate();
  in.require(m.width >= 0 && m.height >= 0);
  m.text = in.bytes(static_cast<std::size_t>(kMostPageTextBytes));
  in.require(isCleanText(view(m.text)));
  return checked(in, std::move(m));
}

QByteArray FlowText::toFrame() const { return Writer(Type::FlowText).bytes(text).frame(); }
std::optional<FlowText> FlowText::parse(QByteArrayView payload) {
  Reader in(payload);
  FlowText m;
  m.text = in.bytes(static_cast<std::size_t>(kMostPageTextBytes));
  return checked(in, std::move(m));
}

QByteArray Heading::toFrame() const {
  return Writer(Type::Heading).string(title).u32(level).u32(page).u64(offset).frame();
}
std::optional<Heading> Heading::parse(QByteArrayView payload) {
  Reader in(payload);
  Heading m;
  m.title = in.line(kMostTitleLength);
  m.level = in.u32();
  m.page = in.u32();
  m.offset = in.u64();
  in.require(!m.title.isEmpty() && m.level <= static_cast<std::uint32_t>(kMostOutlineLevels));
  in.require(m.offset <= static_cast<std::uint64_t>(kMostTextBytes));
  return checked(in, std::move(m));
}

QByteArray Notice::toFrame() const {
  return Writer(Type::Notice).u8(static_cast<std::uint8_t>(kind)).u64(number).string(name).frame();
}
std::optional<Notice> Notice::parse(QByteArrayView payload) {
  Reader in(payload);
  Notice m;
  m.kind = in.choice(NoticeKind::Last);
  m.number = in.u64();
  m.name = in.line(kMostLabelLength);
  return checked(in, std::move(m));
}

QByteArray Failed::toFrame() const {
  return Writer(Type::Failed).u8(static_cast<std::uint8_t>(refusal)).u64(number).frame();
}
std::optional<Failed> Failed::parse(QByteArrayView payload) {
  Reader in(payload);
  Failed m;
  m.refusal = in.choice(Refusal::Last);
  m.number = in.u64();
  return checked(in, std::move(m));
}

QByteArray Finished::toFrame() const { return Writer(Type::Finished).frame(); }
std::optional<Finished> Finished::parse(QByteArrayView payload) {
  const Reader in(payload);
  return checked(in, Finished{});
}

QByteArray Bitmap::toFrame() const {
  return Writer(Type::Bitmap).u64(ticket).u32(width).u32(height).frame();
}
std::optional<Bitmap> Bitmap::parse(QByteArrayView payload) {
  Reader in(payload);
  Bitmap m;
  m.ticket = in.u64();
  m.width = in.u32();
  m.height = in.u32();
  in.require(m.width > 0 && m.height > 0 && m.width <= kMostPixels && m.height <= kMostPixels &&
             std::int64_t{m.width} * std::int64_t{m.height} <= kMostPixels);
  return checked(in, std::move(m));
}

QByteArray Rectangles::toFrame() const {
  Writer out(Type::Rectangles);
  out.u64(ticket).u32(begin).u32(end).u32(static_cast<std::uint32_t>(rectangles.size()));
  for (const QRectF& r : rectangles) {
    out.real(r.x()).real(r.y()).real(r.width()).real(r.height());
  }
  return out.frame();
}
std::optional<Rectangles> Rectangles::parse(QByteArrayView payload) {
  Reader in(payload);
  Rectangles m;
  m.ticket = in.u64();
  m.begin = in.u32();
  m.end = in.u32();
  in.require(m.begin <= m.end);
  const std::uint32_t count = in.u32();
  in.require(count <= static_cast<std::uint32_t>(kMostRectangles));
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    const double x = in.coordinate();
    const double y = in.coordinate();
    const double width = in.coordinate();
    const double height = in.coordinate();
    in.require(width >= 0 && height >= 0);
    m.rectangles.append(QRectF(x, y, width, height));
  }
  return checked(in, std::move(m));
}

QByteArray RequestFailed::toFrame() const {
  return Writer(Type::RequestFailed).u64(ticket).frame();
}
std::optional<RequestFailed> RequestFailed::parse(QByteArrayView payload) {
  Reader in(payload);
  RequestFailed m;
  m.ticket = in.u64();
  return checked(in, std::move(m));
}

void FrameReader::feed(QByteArrayView bytes) {
  if (m_broken) {
    return;
  }
  if (m_position > 0 && m_position == m_buffer.size()) {
    m_buffer.clear();
    m_position = 0;
  } else if (m_position > 1024 * 1024) {
    m_buffer.remove(0, m_position);
    m_position = 0;
  }
  m_buffer.append(bytes);
}

std::optional<Frame> FrameReader::next() {
  constexpr qsizetype kHead = 4;
  if (m_broken || pending() < kHead) {
    return std::nullopt;
  }
  const auto length = qFromLittleEndian<std::uint32_t>(m_buffer.constData() + m_position);
  if (length < 1 || length > kMostFrameBytes) {
    m_broken = true;
    return std::nullopt;
  }
  if (pending() - kHead < static_cast<qsizetype>(length)) {
    return std::nullopt;
  }
  Frame frame;
  frame.type = static_cast<Type>(m_buffer.at(m_position + kHead));
  frame.payload = m_buffer.mid(m_position + kHead + 1, static_cast<qsizetype>(length) - 1);
  m_position += kHead + static_cast<qsizetype>(length);
  return frame;
}

}  // namespace bookwheel::wire
