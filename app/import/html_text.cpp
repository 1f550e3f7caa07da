// SPDX-License-Identifier: Apache-2.0
// HTML to readable text: headings, lists, tables as rows, no scripts, nothing hidden.
#include "app/import/html_text.h"

#include "app/documents/utf8.h"

#include <QRegularExpression>
#include <gumbo.h>

#include <algorithm>
#include <string_view>
#include <vector>

namespace bookwheel {
namespace {

/// Text that grows: collapses white space, keeps line prefixes, drops what is not clean.
class TextBuilder {
 public:
  explicit TextBuilder(CleanCounts& counts) : m_counts(counts) {}

  /// The next text begins after at least this many line ends (1: new line, 2: empty line).
  void breakLine(int lines) {
    if (m_cells > 0) {
      m_space = true;
    } else {
      m_breaks = std::max(m_breaks, lines);
    }
  }
  /// Inline text: runs of white space are one space.
  void text(std::string_view utf8) { append(utf8, false); }
  /// Text of <pre>: as it stands.
  void preformatted(std::string_view utf8) { append(utf8, true); }
  /// Marks of ours: "- ", "## ".
  void mark(std::string_view ascii) {
    flush();
    m_text.append(ascii.data(), static_cast<qsizetype>(ascii.size()));
    m_atLineStart = true;  // no space after a mark
  }
  /// Every line from now on begins with this, down to a depth that still can be read: prefixes of
  /// hostile nesting would make each line as long as the page.
  void pushPrefix(const QByteArray& prefix) {
    constexpr std::size_t kDeepest = 16;
    m_prefixes.push_back(m_prefixes.size() < kDeepest ? prefix : QByteArray());
  }
  void popPrefix() { m_prefixes.pop_back(); }
  void enterCell() { ++m_cells; }
  void leaveCell() { --m_cells; }
  /// Bytes so far, after line ends that are due.
  qsizetype position() {
    flush();
    return m_text.size();
  }
  QByteArray& result() { return m_text; }

 private:
  void append(std::string_view utf8, bool keepSpaces) {
    for (std::size_t i = 0; i < utf8.size();) {
      const Utf8Character c = utf8CharacterAt(utf8, i);
      const std::string_view bytes = utf8.substr(i, static_cast<std::size_t>(c.length));
      i += static_cast<std::size_t>(c.length);
      switch (c.valid ? characterFate(c.character) : CharacterFate::Replace) {
        case CharacterFate::Keep:
          if ((c.character == U' ' || c.character == U'\t') && !keepSpaces) {
            m_space = true;
          } else {
            put(bytes);
          }
          break;
        case CharacterFate::LineEnd:
          if (keepSpaces && m_cells == 0) {
            // Line ends of <pre> add up, so that its empty lines stay.
            m_breaks += m_text.isEmpty() ? 0 : 1;
          } else {
            m_space = true;
          }
          break;
        case CharacterFate::Replace:
          put("\xEF\xBF\xBD");
          break;
        case CharacterFate::DropNul:
          ++m_counts.nul;
          break;
        case CharacterFate::DropControl:
          ++m_counts.control;
          break;
        case CharacterFate::DropDirection:
          ++m_counts.direction;
          break;
        case CharacterFate::DropTag:
          ++m_counts.tag;
          break;
        case CharacterFate::DropSilent:
          break;
      }
    }
  }
  void put(std::string_view bytes) {
    flush();
    m_text.append(bytes.data(), static_cast<qsizetype>(bytes.size()));
    m_atLineStart = false;
  }
  void flush() {
    if (m_breaks > 0) {
      while (m_text.endsWith(' ')) {
        m_text.chop(1);
      }
      for (int i = 0; i < m_breaks && !m_text.isEmpty(); ++i) {
        m_text.append('\n');
      }
      m_breaks = 0;
      m_space = false;
      m_atLineStart = true;
      for (const QByteArray& prefix : m_prefixes) {
        m_text.append(prefix);
      }
    } else if (m_space && !m_atLineStart) {
      m_text.append(' ');
    }
    m_space = false;
  }

  CleanCounts& m_counts;
  QByteArray m_text;
  std::vector<QByteArray> m_prefixes;
  int m_breaks = 0;
  int m_cells = 0;
  bool m_space = false;
  bool m_atLineStart = true;
};

std::string_view attribute(const GumboElement& element, const char* name) {
  const GumboAttribute* found = gumbo_get_attribute(&element.attributes, name);
  return found != nullptr ? std::string_view(found->value) : std::string_view();
}

bool isHidden(const GumboElement& element) {
  if (gumbo_get_attribute(&element.attributes, "hidden") != nullptr) {
    return true;
  }
  const std::string_view style = attribute(element, "style");
  if (style.empty()) {
    return false;
  }
  static const QRegularExpression hiding(
      QStringLiteral("(?:^|;)\\s*(?:display\\s*:\\s*none|visibility\\s*:\\s*hidden|"
                     "font-size\\s*:\\s*0(?:px|pt|em|rem|%)?\\s*(?:;|!|$)|"
                     "opacity\\s*:\\s*0(?:\\.0*)?\\s*(?:;|!|$))"),
      QRegularExpression::CaseInsensitiveOption);
  return hiding
      .match(QString::fromUtf8(style.data(),
                               static_cast<qsizetype>(std::min<std::size_t>(style.size(), 4096))))
      .hasMatch();
}

enum class Role { Inline, Block, Paragraph, Skip };

Role roleOf(GumboTag tag) {
  switch (tag) {
    case GUMBO_TAG_HEAD:
    case GUMBO_TAG_TITLE:
    case GUMBO_TAG_SCRIPT:
    case GUMBO_TAG_STYLE:
    case GUMBO_TAG_TEMPLATE:
    case GUMBO_TAG_SVG:
    case GUMBO_TAG_IFRAME:
    case GUMBO_TAG_OBJECT:
    case GUMBO_TAG_AUDIO:
    case GUMBO_TAG_VIDEO:
    case GUMBO_TAG_CANVAS:
    case GUMBO_TAG_SELECT:
    case GUMBO_TAG_TEXTAREA:
    case GUMBO_TAG_NOFRAMES:
    case GUMBO_TAG_NOEMBED:
      return Role::Skip;
    case GUMBO_TAG_P:
    case GUMBO_TAG_H1:
    case GUMBO_TAG_H2:
    case GUMBO_TAG_H3:
    case GUMBO_TAG_H4:
    case GUMBO_TAG_H5:
    case GUMBO_TAG_H6:
    case GUMBO_TAG_BLOCKQUOTE:
    case GUMBO_TAG_PRE:
    case GUMBO_TAG_TABLE:
    case GUMBO_TAG_DL:
    case GUMBO_TAG_FIGURE:
    case GUMBO_TAG_HR:
    case GUMBO_TAG_SECTION:
    case GUMBO_TAG_ARTICLE:
      return Role::Paragraph;
    case GUMBO_TAG_DIV:
    case GUMBO_TAG_MAIN:
    case GUMBO_TAG_HEADER:
    case GUMBO_TAG_FOOTER:
    case GUMBO_TAG_NAV:
    case GUMBO_TAG_ASIDE:
    case GUMBO_TAG_ADDRESS:
    case GUMBO_TAG_CENTER:
    case GUMBO_TAG_DETAILS:
    case GUMBO_TAG_SUMMARY:
    case GUMBO_TAG_FIELDSET:
    case GUMBO_TAG_LEGEND:
    case GUMBO_TAG_FORM:
    case GUMBO_TAG_LI:
    case GUMBO_TAG_DT:
    case GUMBO_TAG_DD:
    case GUMBO_TAG_TR:
    case GUMBO_TAG_CAPTION:
    case GUMBO_TAG_FIGCAPTION:
    case GUMBO_TAG_OPTION:
      return Role::Block;
    default:
      return Role::Inline;
  }
}

int headingLevel(GumboTag tag) {
  return tag >= GUMBO_TAG_H1 && tag <= GUMBO_TAG_H6 ? static_cast<int>(tag - GUMBO_TAG_H1) + 1 : 0;
}

const GumboVector* childrenOf(const GumboNode& node) {
  if (node.type == GUMBO_NODE_ELEMENT || node.type == GUMBO_NODE_TEMPLATE) {
    return &node.v.element.children;
  }
  return node.type == GUMBO_NODE_DOCUMENT ? &node.v.document.children : nullptr;
}

const GumboNode& childAt(const GumboVector& children, unsigned i) {
  return *static_cast<const GumboNode*>(children.data[i]);
}

/// A table whose cells hold blocks lays out a page; its cells are no data.
bool isLayoutTable(const GumboNode& table) {
  constexpr int kMostNodes = 2000;  // a layout shows early, and this bounds nested tables
  std::vector<const GumboNode*> open{&table};
  int seen = 0;
  while (!open.empty() && ++seen < kMostNodes) {
    const GumboNode& node = *open.back();
    open.pop_back();
    if (node.type == GUMBO_NODE_ELEMENT && &node != &table) {
      const GumboTag tag = node.v.element.tag;
      if (tag == GUMBO_TAG_TABLE || tag == GUMBO_TAG_UL || tag == GUMBO_TAG_OL ||
          tag == GUMBO_TAG_PRE || headingLevel(tag) > 0) {
        return true;
      }
    }
    if (const GumboVector* children = childrenOf(node)) {
      for (unsigned i = children->length; i > 0; --i) {
        open.push_back(&childAt(*children, i - 1));
      }
    }
  }
  return false;
}

/// Walks the tree with a stack of its own.
class Converter {
 public:
  explicit Converter(HtmlText& result) : m_result(result), m_out(result.counts) {}

  /// Gives the deepest nesting.
  std::size_t convert(const GumboNode& root) {
    std::size_t depth = 0;
    m_stack.push_back({&root, 0, false, false});
    enter(root);
    while (!m_stack.empty()) {
      depth = std::max(depth, m_stack.size());
      Frame& frame = m_stack.back();
      const GumboVector* children = frame.skipped ? nullptr : childrenOf(*frame.node);
      if (children == nullptr || frame.child >= children->length) {
        const Frame done = frame;
        m_stack.pop_back();
        leave(done);
        continue;
      }
      const GumboNode& child = childAt(*children, frame.child++);
      m_stack.push_back({&child, 0, false, false});
      enter(child);
    }
    m_result.text = std::move(m_out.result());
    while (m_result.text.endsWith(' ') || m_result.text.endsWith('\n')) {
      m_result.text.chop(1);
    }
    if (!m_result.text.isEmpty()) {
      m_result.text.append('\n');
    }
    return depth;
  }

 private:
  struct Frame {
    const GumboNode* node;
    unsigned child;
    bool skipped;
    bool prefixed;  ///< pushed a line prefix
  };
  struct ListState {
    bool ordered = false;
    int number = 1;
  };

  void enter(const GumboNode& node) {
    switch (node.type) {
      case GUMBO_NODE_TEXT:
      case GUMBO_NODE_CDATA:
      case GUMBO_NODE_WHITESPACE:
        if (m_preformatted > 0) {
          m_out.preformatted(node.v.text.text);
        } else {
          m_out.text(node.v.text.text);
        }
        break;
      case GUMBO_NODE_ELEMENT:
        enterElement(node);
        break;
      case GUMBO_NODE_TEMPLATE:
      case GUMBO_NODE_COMMENT:
        m_stack.back().skipped = true;
        break;
      case GUMBO_NODE_DOCUMENT:
        break;
    }
  }

  void enterElement(const GumboNode& node) {
    const GumboElement& element = node.v.element;
    Frame& frame = m_stack.back();
    const Role role = roleOf(element.tag);
    if (element.tag == GUMBO_TAG_TITLE && m_result.title.isEmpty()) {
      m_result.title = titleOf(element);
    }
    if (role == Role::Skip && element.tag != GUMBO_TAG_HEAD) {
      frame.skipped = true;
      return;
    }
    if (isHidden(element)) {
      ++m_result.hidden;
      frame.skipped = true;
      return;
    }
    // A paragraph that opens an item or a quote stands on the mark's own line.
    const bool first = m_justMarked && role != Role::Inline;
    if (role == Role::Block && !first) {
      m_out.breakLine(1);
    } else if (role == Role::Paragraph && !first) {
      m_out.breakLine(2);
    }
    if (role == Role::Inline || headingLevel(element.tag) > 0) {
      m_justMarked = false;
    }
    if (const int level = headingLevel(element.tag)) {
      m_heading = m_out.position();
      m_out.mark(std::string_view("######").substr(0, static_cast<std::size_t>(level)));
      m_out.mark(" ");
      m_headingText = m_out.position();
    }
    enterTag(node, element, frame);
  }

  void enterTag(const GumboNode& node, const GumboElement& element, Frame& frame) {
    switch (element.tag) {
      case GUMBO_TAG_BR:
        m_out.breakLine(1);
        break;
      case GUMBO_TAG_UL:
      case GUMBO_TAG_OL: {
        m_out.breakLine(m_lists.empty() ? 2 : 1);
        ListState list;
        list.ordered = element.tag == GUMBO_TAG_OL;
        const std::string_view start = attribute(element, "start");
        list.number = QByteArray(start.data(), static_cast<qsizetype>(start.size())).toInt();
        list.number = start.empty() ? 1 : std::clamp(list.number, 0, 1'000'000);
        m_lists.push_back(list);
        break;
      }
      case GUMBO_TAG_LI:
        enterItem(frame);
        break;
      case GUMBO_TAG_DD:
        prefix(frame, "  ");
        break;
      case GUMBO_TAG_BLOCKQUOTE:
        prefix(frame, "> ");
        break;
      case GUMBO_TAG_PRE:
        ++m_preformatted;
        break;
      case GUMBO_TAG_TABLE:
        m_tables.push_back(isLayoutTable(node));
        break;
      case GUMBO_TAG_TR:
        m_firstCell = true;
        break;
      case GUMBO_TAG_TD:
      case GUMBO_TAG_TH:
        if (m_tables.empty() || m_tables.back()) {
          m_out.breakLine(1);
        } else {
          if (!m_firstCell) {
            m_out.text(" ");
            m_out.text("|");
            m_out.text(" ");
          }
          m_firstCell = false;
          m_out.enterCell();
        }
        break;
      case GUMBO_TAG_IMG:
        if (const std::string_view alt = attribute(element, "alt"); !alt.empty()) {
          m_out.text("[Image: ");
          m_out.text(alt);
          m_out.text("]");
        }
        break;
      case GUMBO_TAG_Q:
        m_out.text("\xE2\x80\x9C");
        break;
      default:
        break;
    }
  }

  void leave(const Frame& frame) {
    if (frame.node->type != GUMBO_NODE_ELEMENT || frame.skipped) {
      return;
    }
    const GumboTag tag = frame.node->v.element.tag;
    const Role role = roleOf(tag);
    switch (tag) {
      case GUMBO_TAG_UL:
      case GUMBO_TAG_OL:
        m_lists.pop_back();
        m_out.breakLine(m_lists.empty() ? 2 : 1);
        break;
      case GUMBO_TAG_PRE:
        --m_preformatted;
        break;
      case GUMBO_TAG_TABLE:
        m_tables.pop_back();
        break;
      case GUMBO_TAG_TD:
      case GUMBO_TAG_TH:
        if (m_tables.empty() || m_tables.back()) {
          m_out.breakLine(1);
        } else {
          m_out.leaveCell();
        }
        break;
      case GUMBO_TAG_Q:
        m_out.text("\xE2\x80\x9D");
        break;
      default:
        break;
    }
    if (headingLevel(tag) > 0) {
      leaveHeading(headingLevel(tag));
    }
    if (frame.prefixed) {
      m_out.popPrefix();
    }
    if (role == Role::Block) {
      m_out.breakLine(1);
    } else if (role == Role::Paragraph) {
      m_out.breakLine(2);
    }
    m_justMarked = false;
  }

  void enterItem(Frame& frame) {
    ListState loose;
    ListState& list = m_lists.empty() ? loose : m_lists.back();
    const QByteArray mark =
        list.ordered ? QByteArray::number(list.number++) + ". " : QByteArrayLiteral("- ");
    m_out.mark({mark.constData(), static_cast<std::size_t>(mark.size())});
    m_out.pushPrefix(QByteArray(mark.size(), ' '));
    frame.prefixed = true;
    m_justMarked = true;
  }

  void prefix(Frame& frame, const char* marks) {
    m_out.pushPrefix(marks);
    frame.prefixed = true;
  }

  void leaveHeading(int level) {
    const QByteArray text = m_out.result().mid(m_headingText);
    const QString title = titleLine(QString::fromUtf8(text));
    if (!title.isEmpty() && m_heading >= 0) {
      m_result.headings.append({title, level - 1, m_heading});
    }
    m_heading = -1;
  }

  static QString titleOf(const GumboElement& title) {
    QString text;
    for (unsigned i = 0; i < title.children.length; ++i) {
      const GumboNode& child = childAt(title.children, i);
      if (child.type == GUMBO_NODE_TEXT) {
        CleanCounts ignored;
        text += cleanFlowText(QString::fromUtf8(child.v.text.text), ignored);
      }
    }
    return titleLine(text);
  }

  HtmlText& m_result;
  TextBuilder m_out;
  std::vector<Frame> m_stack;
  std::vector<ListState> m_lists;
  std::vector<bool> m_tables;  ///< true: layout
  int m_preformatted = 0;
  bool m_firstCell = true;
  bool m_justMarked = false;
  qsizetype m_heading = -1;
  qsizetype m_headingText = 0;
};

}  // namespace

HtmlText htmlToText(const QByteArray& utf8) {
  HtmlText result;
  GumboOutput* output = gumbo_parse_with_options(&kGumboDefaultOptions, utf8.constData(),
                                                 static_cast<std::size_t>(utf8.size()));
  if (output == nullptr) {
    return result;
  }
  // Destroying a tree recurses as deep as it is nested; one that would overflow the stack is kept
  // (the helper process reads one page and ends).
  constexpr std::size_t kSafeDepth = 5'000;
  if (Converter(result).convert(*output->document) <= kSafeDepth) {
    gumbo_destroy_output(&kGumboDefaultOptions, output);
  } else {
    // Never destroyed itself: at the end of the process it still knows what was kept on purpose.
    static auto& kept = *new std::vector<GumboOutput*>;
    kept.push_back(output);
  }
  if (result.title.isEmpty() && !result.headings.isEmpty()) {
    result.title = result.headings.first().title;
  }
  return result;
}

QByteArray declaredCharset(QByteArrayView html) {
  constexpr qsizetype kHead = 4096;
  const QString head = QString::fromLatin1(html.first(std::min(html.size(), kHead)));
  static const QRegularExpression charset(
      QStringLiteral("<(?:meta\\b[^>]*?charset|\\?xml\\b[^>]*?encoding)\\s*=\\s*[\"']?\\s*"
                     "([A-Za-z0-9_.:-]{1,40})"),
      QRegularExpression::CaseInsensitiveOption);
  return charset.match(head).captured(1).toLatin1();
}

bool looksLikeHtml(QByteArrayView bytes) {
  const QByteArray head = bytes.first(std::min<qsizetype>(bytes.size(), 1024)).toByteArray();
  const QByteArray start = head.trimmed().toLower();
  return start.startsWith("<!doctype html") || start.startsWith("<html") ||
         (start.startsWith("<?xml") && start.contains("<html"));
}

}  // namespace bookwheel
