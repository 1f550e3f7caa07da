// SPDX-License-Identifier: Apache-2.0
// Writes small PDF files object by object, so that a test knows where every word stands.
#include "tests/app/raw_pdf.h"

namespace bookwheel::test {
namespace {

QByteArray number(qsizetype value) { return QByteArray::number(value); }
QByteArray reference(int object) { return number(object) + " 0 R"; }

/// Objects are numbered from 1 in the order they are reserved.
class Writer {
 public:
  int reserve() {
    m_objects.append(QByteArray());
    return static_cast<int>(m_objects.size());
  }
  void set(int object, const QByteArray& content) { m_objects[object - 1] = content; }
  int add(const QByteArray& content) {
    const int object = reserve();
    set(object, content);
    return object;
  }
  int addStream(const QByteArray& dictionary, const QByteArray& data) {
    return add("<< " + dictionary + " /Length " + number(data.size()) + " >>\nstream\n" + data +
               "\nendstream");
  }
  QByteArray finish(int root, int info) const {
    QByteArray file = "%PDF-1.7\n";
    QByteArray table = "0000000000 65535 f \n";
    for (qsizetype i = 0; i < m_objects.size(); ++i) {
      table += QByteArray::number(file.size()).rightJustified(10, '0') + " 00000 n \n";
      file += number(i + 1) + " 0 obj\n" + m_objects[i] + "\nendobj\n";
    }
    const QByteArray start = number(file.size());
    file += "xref\n0 " + number(m_objects.size() + 1) + "\n" + table + "trailer\n<< /Size " +
            number(m_objects.size() + 1) + " /Root " + reference(root) +
            (info > 0 ? " /Info " + reference(info) : QByteArray()) + " >>\nstartxref\n" + start +
            "\n%%EOF\n";
    return file;
  }

 private:
  QList<QByteArray> m_objects;
};

QByteArray escaped(const QByteArray& text) {
  QByteArray result;
  for (const char c : text) {
    if (c == '(' || c == ')' || c == '\\') {
      result += '\\';
    }
    result += c;
  }
  return result;
}

QByteArray contentOf(const PdfPage& page) {
  QByteArray content;
  for (const PdfWords& words : page.words) {
    content += "BT /F1 12 Tf " + QByteArray::number(words.x) + " " + QByteArray::number(words.y) +
               " Td (" + escaped(words.words) + ") Tj ET\n";
  }
  return content;
}

/// Writes the entries below `parent`; gives the first and the last.
std::pair<int, int> writeOutline(Writer& out, const QList<PdfHeading>& headings, int parent,
                                 const QList<int>& pages, bool cyclic) {
  QList<int> objects;
  for (qsizetype i = 0; i < headings.size(); ++i) {
    objects.append(out.reserve());
  }
  for (qsizetype i = 0; i < headings.size(); ++i) {
    QByteArray entry = "<< /Title (" + escaped(headings[i].title) + ") /Parent " +
                       reference(parent) + " /Dest [" + reference(pages[headings[i].page]) +
                       " /Fit]";
    if (i + 1 < headings.size()) {
      entry += " /Next " + reference(objects[i + 1]);
    } else if (cyclic) {
      entry += " /Next " + reference(objects[0]);
    }
    if (!headings[i].children.isEmpty()) {
      const auto [first, last] = writeOutline(out, headings[i].children, objects[i], pages, false);
      entry += " /First " + reference(first) + " /Last " + reference(last);
    }
    out.set(objects[i], entry + " >>");
  }
  return {objects.first(), objects.last()};
}

/// Catalog over one page with these resources and this content.
QByteArray onePage(Writer& out, const QByteArray& resources, int content) {
  const int tree = out.reserve();
  const int page = out.add("<< /Type /Page /Parent " + reference(tree) +
                           " /MediaBox [0 0 612 792] /Resources << " + resources +
                           " >> /Contents " + reference(content) + " >>");
  out.set(tree, "<< /Type /Pages /Count 1 /Kids [" + reference(page) + "] >>");
  return out.finish(out.add("<< /Type /Catalog /Pages " + reference(tree) + " >>"), 0);
}

constexpr char kHelvetica[] =
    "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>";

}  // namespace

QByteArray rawPdf(const QList<PdfPage>& pages, const PdfOptions& options) {
  Writer out;
  const int tree = out.reserve();
  const int font = out.add(kHelvetica);
  QList<int> objects;
  QByteArray kids;
  for (const PdfPage& page : pages) {
    const int content = out.addStream({}, contentOf(page));
    objects.append(out.add("<< /Type /Page /Parent " + reference(tree) + " /MediaBox [" +
                           number(options.left) + " " + number(options.bottom) + " " +
                           number(options.left + options.width) + " " +
                           number(options.bottom + options.height) + "] /Rotate " +
                           number(options.rotate) + " /Resources << /Font << /F1 " +
                           reference(font) + " >> >> /Contents " + reference(content) + " >>"));
    kids += reference(objects.last()) + " ";
  }
  out.set(tree, "<< /Type /Pages /Count " + number(pages.size()) + " /Kids [" + kids + "] >>");
  QByteArray catalog = "<< /Type /Catalog /Pages " + reference(tree);
  if (!options.outline.isEmpty()) {
    const int root = out.reserve();
    const auto [first, last] =
        writeOutline(out, options.outline, root, objects, options.cyclicOutline);
    out.set(root,
            "<< /Type /Outlines /First " + reference(first) + " /Last " + reference(last) + " >>");
    catalog += " /Outlines " + reference(root);
  }
  if (!options.pageLabels.isEmpty()) {
    catalog += " /PageLabels << /Nums " + options.pageLabels + " >>";
  }
  const int info =
      options.title.isEmpty() ? 0 : out.add("<< /Title (" + escaped(options.title) + ") >>");
  return out.finish(out.add(catalog + " >>"), info);
}

QByteArray scannedPdf() {
  Writer out;
  const int image = out.addStream(
      "/Type /XObject /Subtype /Image /Width 2 /Height 2 /ColorSpace /DeviceGray "
      "/BitsPerComponent 8",
      "\x20\x60\xA0\xE0");
  const int content = out.addStream({}, "q 400 0 0 400 100 200 cm /I1 Do Q");
  return onePage(out, "/XObject << /I1 " + reference(image) + " >>", content);
}

QByteArray mappedPdf(const QList<QByteArray>& utf16Hex) {
  Writer out;
  QByteArray map =
      "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /T def\n"
      "1 begincodespacerange <00> <FF> endcodespacerange\n" +
      number(utf16Hex.size()) + " beginbfchar\n";
  QByteArray codes;
  for (qsizetype i = 0; i < utf16Hex.size(); ++i) {
    const QByteArray code = QByteArray::number(65 + i, 16);
    map += "<" + code + "> <" + utf16Hex[i] + ">\n";
    codes += code;
  }
  map += "endbfchar endcmap end end";
  const int toUnicode = out.addStream({}, map);
  const int mapped = out.add(
      "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding /ToUnicode " +
      reference(toUnicode) + " >>");
  const int plain = out.add(kHelvetica);
  const int content = out.addStream(
      {}, "BT /F1 12 Tf 72 700 Td <" + codes + "> Tj ET\nBT /F2 12 Tf 300 700 Td (after) Tj ET");
  return onePage(out, "/Font << /F1 " + reference(mapped) + " /F2 " + reference(plain) + " >>",
                 content);
}

}  // namespace bookwheel::test
