// SPDX-License-Identifier: Apache-2.0
// Pictures of PDF pages, and places on them, from a jailed helper process of its own.
#include "app/documents/page_renderer.h"

#include "app/documents/helper_process.h"
#include "app/documents/import_client.h"
#include "app/documents/import_words.h"
#include "app/documents/open_file.h"
#include "app/import/import_limits.h"
#include "app/import/protocol.h"

#include <QList>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

namespace bookwheel {
namespace {

/// A request that takes longer is given up: the slowest honest pages take seconds.
constexpr std::chrono::milliseconds kRequestLimit{20'000};
constexpr int kMostCrashesInARow = 5;
constexpr std::size_t kMemoryBytes = static_cast<std::size_t>(kBitmapBytes);

/// Memory that the helper writes pictures to. Sealed: its size cannot change, so reading it here
/// cannot fault whatever the helper does. Pages of it exist only once they are written.
class SharedMemory {
 public:
  SharedMemory() {
    m_handle = FileHandle(::memfd_create("bookwheel-page", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!m_handle.isOpen() || ::ftruncate(m_handle.fd(), kBitmapBytes) != 0 ||
        ::fcntl(m_handle.fd(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
      return;
    }
    void* memory = ::mmap(nullptr, kMemoryBytes, PROT_READ, MAP_SHARED, m_handle.fd(), 0);
    m_memory = memory == MAP_FAILED ? nullptr : static_cast<const uchar*>(memory);
  }
  ~SharedMemory() {
    if (m_memory != nullptr) {
      ::munmap(const_cast<uchar*>(m_memory), kMemoryBytes);
    }
  }
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  bool isValid() const { return m_memory != nullptr; }
  int fd() const { return m_handle.fd(); }
  const uchar* data() const { return m_memory; }
  /// Gives back what a large picture took; small ones are kept for the next.
  void release(std::size_t usedBytes) {
    constexpr std::size_t kKept = 32U * 1024 * 1024;
    if (usedBytes > kKept) {
      ::fallocate(m_handle.fd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                  static_cast<off_t>(kKept), static_cast<off_t>(usedBytes - kKept));
    }
  }

 private:
  FileHandle m_handle;
  const uchar* m_memory = nullptr;
};

/// One thing that was asked for.
struct Job {
  enum class Kind { Picture, Highlights, Selection };
  PageRenderer::Ticket ticket = 0;
  Kind kind = Kind::Picture;
  PageRequest picture;
  int page = 0;
  TextRange range;  ///< of the page's text
  QPointF from;
  QPointF to;
};

}  // namespace

class PageRenderer::Private {
 public:
  explicit Private(PageRenderer* renderer) : q(renderer) {}
  ~Private() { retire(m_helper); }

  void open(const QString& path, const Document& document, const QString& password);
  void close();
  Ticket enqueue(Job job);
  void keepOnly(const QList<int>& pages);
  void cancel(Ticket ticket);
  bool isPage(int page) const { return page >= 0 && page < m_document.pageCount(); }

  Document m_document;
  std::unique_ptr<HelperProcess> m_helper;

 private:
  void launch();
  void handle(const wire::Frame& frame);
  bool take(const wire::Frame& frame);
  bool takePicture(const wire::Bitmap& bitmap);
  bool takeRectangles(const wire::Rectangles& found);
  void helperEnded();
  void next();
  void askHelper(const Job& job);
  void failLater(const Job& job);
  /// The job in flight, when this answer belongs to it; it is done then.
  std::optional<Job> finishJob(std::uint64_t ticket);

  PageRenderer* q;
  QString m_password;
  OpenedFile m_file;
  std::unique_ptr<SharedMemory> m_memory;
  QList<Job> m_queue;  ///< the last is next
  std::optional<Job> m_current;
  bool m_currentCancelled = false;
  bool m_opened = false;   ///< the helper has the document
  bool m_useless = false;  ///< too many crashes, or the file cannot be opened
  int m_crashes = 0;
  Ticket m_lastTicket = 0;
  quint64 m_generation = 0;
};

void PageRenderer::Private::open(const QString& path, const Document& document,
                                 const QString& password) {
  close();
  m_document = document;
  m_password = password;
  QString reason;
  m_file = openDocumentFile(path, reason);
  m_useless = !m_file.handle.isOpen() || document.format() != DocumentFormat::Pdf;
  if (!m_memory) {
    m_memory = std::make_unique<SharedMemory>();
  }
  m_useless = m_useless || !m_memory->isValid();
}

void PageRenderer::Private::close() {
  ++m_generation;
  retire(m_helper);
  m_queue.clear();
  m_current.reset();
  m_document = {};
  m_file = {};
  m_opened = false;
  m_crashes = 0;
  m_useless = true;
}

PageRenderer::Ticket PageRenderer::Private::enqueue(Job job) {
  job.ticket = ++m_lastTicket;
  if (m_useless || !isPage(job.page)) {
    failLater(job);
    return job.ticket;
  }
  if (job.kind == Job::Kind::Picture) {
    m_queue.removeIf([&](const Job& other) {
      return other.kind == job.kind && other.page == job.page &&
             other.picture.colours == job.picture.colours;
    });
  }
  m_queue.append(job);
  next();
  return job.ticket;
}

void PageRenderer::Private::keepOnly(const QList<int>& pages) {
  const auto isOther = [&](const Job& job) {
    return job.kind == Job::Kind::Picture && !pages.contains(job.page);
  };
  m_queue.removeIf(isOther);
  m_currentCancelled = m_currentCancelled || (m_current && isOther(*m_current));
}

void PageRenderer::Private::cancel(Ticket ticket) {
  m_queue.removeIf([&](const Job& job) { return job.ticket == ticket; });
  m_currentCancelled = m_currentCancelled || (m_current && m_current->ticket == ticket);
}

void PageRenderer::Private::failLater(const Job& job) {
  QMetaObject::invokeMethod(
      q,
      [this, job, generation = m_generation] {
        if (generation == m_generation) {
          Q_EMIT q->requestFailed(job.ticket, job.page, pageNotShownSentence(job.page));
        }
      },
      Qt::QueuedConnection);
}

void PageRenderer::Private::launch() {
  const QString program = findImportHelper();
  const int file = m_file.handle.fd();
  const int memory = m_memory->fd();
  rewindFile(m_file.handle);
  m_opened = false;
  m_helper = std::make_unique<HelperProcess>();
  m_helper->onFrame = [this](const wire::Frame& frame) { handle(frame); };
  m_helper->onEnd = [this](HelperEnd) { helperEnded(); };
  m_helper->start(program,
                  {QStringLiteral("--render"), QString::number(file), QString::number(memory)},
                  {file, memory}, kRequestLimit);
  m_helper->send(wire::Start{wire::Hint::None, m_password, 0}.toFrame());
}

void PageRenderer::Private::next() {
  if (m_current || m_queue.isEmpty()) {
    return;
  }
  if (!m_helper) {
    launch();
  }
  if (m_opened) {
    m_current = m_queue.takeLast();
    m_currentCancelled = false;
    askHelper(*m_current);
  }
}

void PageRenderer::Private::askHelper(const Job& job) {
  const auto page = static_cast<std::uint32_t>(job.page);
  switch (job.kind) {
    case Job::Kind::Picture:
      m_helper->send(wire::RenderPage{job.ticket, page,
                                      static_cast<std::uint32_t>(job.picture.widthPixels),
                                      job.picture.colours == PageColours::Dark}
                         .toFrame());
      break;
    case Job::Kind::Highlights:
      m_helper->send(wire::FindRectangles{job.ticket, page,
                                          static_cast<std::uint32_t>(job.range.begin),
                                          static_cast<std::uint32_t>(job.range.end)}
                         .toFrame());
      break;
    case Job::Kind::Selection:
      m_helper->send(wire::FindSelection{job.ticket, page, job.from, job.to}.toFrame());
      break;
  }
  m_helper->expectAnswer(true);
}

void PageRenderer::Private::handle(const wire::Frame& frame) {
  if (!take(frame) && m_helper) {
    m_helper->breakOff();
  }
}

bool PageRenderer::Private::take(const wire::Frame& frame) {
  using wire::Type;
  switch (frame.type) {
    case Type::Hello:
      return takeHello(frame);
    case Type::Opened: {
      const auto opened = wire::Opened::parse(frame.payload);
      // Another number of pages: the file is not the one that was read.
      if (!opened || m_opened || static_cast<int>(opened->pages) != m_document.pageCount()) {
        return false;
      }
      m_opened = true;
      m_helper->expectAnswer(false);
      next();
      return true;
    }
    case Type::Bitmap: {
      const auto bitmap = wire::Bitmap::parse(frame.payload);
      return bitmap && takePicture(*bitmap);
    }
    case Type::Rectangles: {
      const auto found = wire::Rectangles::parse(frame.payload);
      return found && takeRectangles(*found);
    }
    case Type::RequestFailed: {
      const auto failed = wire::RequestFailed::parse(frame.payload);
      const std::optional<Job> job = failed ? finishJob(failed->ticket) : std::nullopt;
      if (!job) {
        return false;
      }
      failLater(*job);
      next();
      return true;
    }
    case Type::Failed:  // does not open (any more): no use to try again
      m_useless = true;
      return false;
    default:
      return false;
  }
}

std::optional<Job> PageRenderer::Private::finishJob(std::uint64_t ticket) {
  if (!m_current || m_current->ticket != ticket) {
    return std::nullopt;
  }
  m_helper->expectAnswer(false);
  m_crashes = 0;
  return std::exchange(m_current, std::nullopt);
}

bool PageRenderer::Private::takePicture(const wire::Bitmap& bitmap) {
  const std::optional<Job> job = finishJob(bitmap.ticket);
  if (!job || job->kind != Job::Kind::Picture ||
      bitmap.width > static_cast<std::uint32_t>(job->picture.widthPixels)) {
    return false;
  }
  const std::size_t bytes = std::size_t{bitmap.width} * bitmap.height * 4;
  QImage image;
  if (!m_currentCancelled) {
    image = QImage(static_cast<int>(bitmap.width), static_cast<int>(bitmap.height),
                   QImage::Format_RGB32);
    if (!image.isNull()) {
      // RGB32 rows are multiples of four bytes: no padding.
      std::memcpy(image.bits(), m_memory->data(), bytes);
      image.setDevicePixelRatio(job->picture.devicePixelRatio);
    }
  }
  m_memory->release(bytes);
  const bool cancelled = m_currentCancelled;
  next();  // the helper works on while the picture is shown
  if (!cancelled && !image.isNull()) {
    Q_EMIT q->pageReady(job->ticket, job->picture, image);
  } else if (!cancelled) {
    failLater(*job);
  }
  return true;
}

bool PageRenderer::Private::takeRectangles(const wire::Rectangles& found) {
  const std::optional<Job> job = finishJob(found.ticket);
  if (!job || job->kind == Job::Kind::Picture) {
    return false;
  }
  const bool cancelled = m_currentCancelled;
  const DocumentPage page = m_document.pages()[job->page];
  next();
  if (cancelled) {
    return true;
  }
  if (job->kind == Job::Kind::Highlights) {
    Q_EMIT q->highlightsReady(job->ticket, job->page, found.rectangles);
  } else {
    const auto place = [&](std::uint32_t offset) {
      return std::min(page.begin + std::int64_t{offset}, page.end);
    };
    Q_EMIT q->selectionReady(job->ticket, job->page, {place(found.begin), place(found.end)},
                             found.rectangles);
  }
  return true;
}

void PageRenderer::Private::helperEnded() {
  retire(m_helper);
  m_opened = false;
  ++m_crashes;
  m_useless = m_useless || m_crashes >= kMostCrashesInARow;
  if (const auto job = std::exchange(m_current, std::nullopt); job && !m_currentCancelled) {
    failLater(*job);
  }
  if (m_useless) {
    for (const Job& job : std::exchange(m_queue, {})) {
      failLater(job);
    }
    return;
  }
  next();
}

PageRenderer::PageRenderer(QObject* parent) : QObject(parent), d(std::make_unique<Private>(this)) {}

PageRenderer::~PageRenderer() = default;

void PageRenderer::open(const QString& path, const Document& document, const QString& password) {
  d->open(path, document, password);
}

void PageRenderer::close() { d->close(); }

PageRenderer::Ticket PageRenderer::requestPage(const PageRequest& request) {
  Job job;
  job.kind = Job::Kind::Picture;
  job.page = request.page;
  job.picture = request;
  job.picture.widthPixels = std::clamp(request.widthPixels, 1, 1'000'000);
  return d->enqueue(std::move(job));
}

void PageRenderer::keepOnly(const QList<int>& pages) { d->keepOnly(pages); }

void PageRenderer::cancel(Ticket ticket) { d->cancel(ticket); }

PageRenderer::Ticket PageRenderer::requestHighlights(int page, TextRange range) {
  Job job;
  job.kind = Job::Kind::Highlights;
  job.page = page;
  if (d->isPage(page)) {
    const DocumentPage& where = d->m_document.pages()[page];
    job.range = {std::clamp(range.begin, where.begin, where.end) - where.begin,
                 std::clamp(range.end, where.begin, where.end) - where.begin};
    job.range.end = std::max(job.range.begin, job.range.end);
  }
  return d->enqueue(std::move(job));
}

PageRenderer::Ticket PageRenderer::requestSelection(int page, QPointF from, QPointF to) {
  const auto inside = [](QPointF point) {
    constexpr double kFar = 1e6;
    return QPointF(std::clamp(point.x(), -kFar, kFar), std::clamp(point.y(), -kFar, kFar));
  };
  Job job;
  job.kind = Job::Kind::Selection;
  job.page = page;
  job.from = inside(from);
  job.to = inside(to);
  return d->enqueue(std::move(job));
}

qint64 PageRenderer::helperPid() const { return d->m_helper ? d->m_helper->pid() : 0; }

}  // namespace bookwheel
