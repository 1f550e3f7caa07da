// SPDX-License-Identifier: Apache-2.0
// Reads a document file through the jailed helper process bookwheel-import.
#include "app/documents/import_client.h"

#include "app/documents/document_builder.h"
#include "app/documents/helper_process.h"
#include "app/documents/import_words.h"
#include "app/documents/open_file.h"
#include "app/import/import_limits.h"
#include "app/library/words.h"

#include <QCoreApplication>
#include <QEventLoop>
#include <QFileInfo>
#include <QFuture>
#include <QFutureWatcher>
#include <QPromise>
#include <QThreadPool>
#include <QTimer>

#include <utility>

namespace bookwheel {
namespace {

/// Wall time a helper may take over its CPU time, on a busy computer.
constexpr int kMostWallFactor = 4;

QStringList markdownSuffixes() {
  return {QStringLiteral("md"), QStringLiteral("markdown"), QStringLiteral("mdown"),
          QStringLiteral("mkd")};
}

QStringList htmlSuffixes() {
  return {QStringLiteral("html"), QStringLiteral("htm"), QStringLiteral("xhtml"),
          QStringLiteral("xht")};
}

wire::Hint hintOf(const QString& path) {
  const QString suffix = QFileInfo(path).suffix().toLower();
  if (markdownSuffixes().contains(suffix)) {
    return wire::Hint::Markdown;
  }
  return htmlSuffixes().contains(suffix) ? wire::Hint::Html : wire::Hint::None;
}

/// Runs `job(promise)` on a pool thread; its result comes through the future.
template <typename T, typename Job>
QFuture<T> runInPool(Job job) {
  auto promise =
      std::make_shared<QPromise<T>>();  // owners: the job, this function until it returns
  promise->start();
  QFuture<T> future = promise->future();
  QThreadPool::globalInstance()->start([promise, job = std::move(job)]() mutable {
    promise->addResult(job(*promise));
    promise->finish();
  });
  return future;
}

}  // namespace

class ImportClient::Private {
 public:
  explicit Private(ImportClient* client) : q(client) {
    m_deadline.setSingleShot(true);
    QObject::connect(&m_deadline, &QTimer::timeout, q, [this] { deadlinePassed(); });
    QObject::connect(&m_hash, &QFutureWatcherBase::finished, q, [this] { buildWhenReady(); });
    QObject::connect(&m_build, &QFutureWatcherBase::finished, q, [this] { deliver(); });
  }
  ~Private() { stop(); }

  enum class State { Idle, Reading, WaitingForPassword, AllRead, Building, Failing };

  void start(const QString& path, const ImportOptions& options);
  void launch(int firstPage);
  /// Drops all; no signal.
  void stop();
  /// Ends in failed(), emitted from the event loop.
  void fail(const ImportProblem& problem);

  State m_state = State::Idle;
  ImportOptions m_options;
  QString m_name;
  std::unique_ptr<HelperProcess> m_helper;

 private:
  void handle(const wire::Frame& frame);
  /// False when the frame does not belong here.
  bool take(const wire::Frame& frame);
  template <typename Message>
  bool add(const wire::Frame& frame) {
    const auto message = Message::parse(frame.payload);
    return message && m_builder.add(*message);
  }
  void refused(const wire::Failed& failed);
  void helperEnded(HelperEnd how);
  void deadlinePassed();
  void allRead();
  void buildWhenReady();
  void deliver();

  ImportClient* q;
  QString m_path;
  OpenedFile m_file;
  DocumentBuilder m_builder;
  QFutureWatcher<QByteArray> m_hash;
  QFutureWatcher<std::optional<Document>> m_build;
  QTimer m_deadline;
  int m_restarts = 0;
  quint64 m_run = 0;  ///< counts start() and stop(), so that late events know that they are late
};

void ImportClient::Private::start(const QString& path, const ImportOptions& options) {
  stop();
  m_state = State::Reading;
  m_options = options;
  m_path = path;
  m_name = QFileInfo(path).fileName();
  m_builder = DocumentBuilder();
  m_restarts = 0;
  QString reason;
  m_file = openDocumentFile(path, reason);
  if (!m_file.handle.isOpen()) {
    return fail(problem(ImportFailure::CannotOpen, m_name, reason));
  }
  if (m_file.bytes > kMostPdfFileBytes) {
    return fail(
        refusalProblem({wire::Refusal::TooLarge, std::uint64_t{kMostPdfFileBytes}}, m_name));
  }
  if (m_options.helper.isEmpty()) {
    m_options.helper = findImportHelper();
  }
  if (m_options.helper.isEmpty()) {
    return fail(problem(ImportFailure::HelperMissing, m_name));
  }
  auto handle = std::make_shared<FileHandle>(m_file.handle.duplicate());  // owner: the job
  m_hash.setFuture(runInPool<QByteArray>([handle](const QPromise<QByteArray>& promise) {
    return sha256Of(*handle, [&] { return promise.isCanceled(); });
  }));
  launch(0);
}

void ImportClient::Private::launch(int firstPage) {
  m_state = State::Reading;
  // The last helper shared the file's position and left it somewhere.
  rewindFile(m_file.handle);
  const int fd = m_file.handle.fd();
  m_helper = std::make_unique<HelperProcess>();
  m_helper->onFrame = [this](const wire::Frame& frame) { handle(frame); };
  m_helper->onEnd = [this](HelperEnd how) { helperEnded(how); };
  m_helper->start(m_options.helper, {QStringLiteral("--text"), QString::number(fd)}, {fd},
                  m_options.stallLimit);
  m_helper->send(
      wire::Start{hintOf(m_path), m_options.password, static_cast<std::uint32_t>(firstPage)}
          .toFrame());
  if (!m_deadline.isActive()) {
    m_deadline.start(std::chrono::seconds(kMostWallFactor * kCpuSeconds));
  }
}

void ImportClient::Private::stop() {
  ++m_run;
  retire(m_helper);
  m_deadline.stop();
  m_hash.cancel();
  m_hash.setFuture({});
  m_build.setFuture({});
  m_file = {};
  m_state = State::Idle;
}

void ImportClient::Private::fail(const ImportProblem& problem) {
  stop();
  m_state = State::Failing;
  QMetaObject::invokeMethod(
      q,
      [this, problem, run = m_run] {
        if (run == m_run) {
          m_state = State::Idle;
          Q_EMIT q->failed(problem.sentence, problem.failure);
        }
      },
      Qt::QueuedConnection);
}

void ImportClient::Private::handle(const wire::Frame& frame) {
  if (!take(frame) && m_helper) {
    m_helper->breakOff();
  }
}

bool ImportClient::Private::take(const wire::Frame& frame) {
  using wire::Type;
  switch (frame.type) {
    case Type::Hello:
      return takeHello(frame);
    case Type::Opened:
      if (!add<wire::Opened>(frame)) {
        return false;
      }
      if (m_builder.isPdf()) {
        raiseCpuLimit(m_helper->pid(), m_builder.pagesTotal());
        m_deadline.start(std::chrono::seconds(
            kMostWallFactor * (kCpuSeconds + kCpuSecondsPerPage * m_builder.pagesTotal())));
      }
      Q_EMIT q->progressed(m_builder.pagesDone(), m_builder.pagesTotal());
      return true;
    case Type::BeginPage:
      return add<wire::BeginPage>(frame);
    case Type::PageText:
      if (!add<wire::PageText>(frame)) {
        return false;
      }
      Q_EMIT q->progressed(m_builder.pagesDone(), m_builder.pagesTotal());
      return true;
    case Type::FlowText:
      return add<wire::FlowText>(frame);
    case Type::Heading:
      return add<wire::Heading>(frame);
    case Type::Notice:
      return add<wire::Notice>(frame);
    case Type::Failed: {
      const auto failed = wire::Failed::parse(frame.payload);
      if (failed) {
        refused(*failed);
      }
      return failed.has_value();
    }
    case Type::Finished:
      if (!wire::Finished::parse(frame.payload) || !m_builder.isOpened() ||
          m_builder.pagesDone() < m_builder.pagesTotal()) {
        return false;
      }
      allRead();
      return true;
    default:
      return false;
  }
}

void ImportClient::Private::refused(const wire::Failed& failed) {
  const bool wrong = failed.refusal == wire::Refusal::PasswordWrong;
  if (wrong || failed.refusal == wire::Refusal::PasswordNeeded) {
    retire(m_helper);
    m_deadline.stop();
    m_state = State::WaitingForPassword;
    Q_EMIT q->passwordNeeded(wrong);
    return;
  }
  fail(refusalProblem(failed, m_name));
}

void ImportClient::Private::helperEnded(HelperEnd how) {
  retire(m_helper);
  if (m_state != State::Reading) {
    return;
  }
  if (how == HelperEnd::NotStarted) {
    return fail(problem(ImportFailure::HelperMissing, m_name, m_options.helper));
  }
  if (m_builder.isTooLarge()) {
    return fail(problem(ImportFailure::TooLarge, m_name));
  }
  if (!m_builder.isPdf()) {
    if (how == HelperEnd::Stalled) {
      const auto seconds = std::chrono::duration<double>(m_options.stallLimit).count();
      return fail(problem(ImportFailure::TimedOut, m_name, measuredDurationText(seconds)));
    }
    return fail(problem(ImportFailure::HelperFailed, m_name));
  }
  const std::optional<int> next = m_builder.restartPage();
  if (!next) {
    return allRead();
  }
  if (++m_restarts > kMostRestarts) {
    m_builder.giveUp();
    return allRead();
  }
  Q_EMIT q->progressed(m_builder.pagesDone(), m_builder.pagesTotal());
  launch(*next);
}

void ImportClient::Private::deadlinePassed() {
  if (m_builder.isPdf() && m_builder.pagesDone() > 0) {
    m_restarts = kMostRestarts;
  }
  helperEnded(HelperEnd::Stalled);
}

void ImportClient::Private::allRead() {
  retire(m_helper);
  m_deadline.stop();
  if (m_builder.isWithoutText()) {
    return fail(m_builder.isAllUnreadable()
                    ? problem(ImportFailure::HelperFailed, m_name)
                    : problem(ImportFailure::Scanned, m_name, countText(m_builder.pagesTotal())));
  }
  m_state = State::AllRead;
  buildWhenReady();
}

void ImportClient::Private::buildWhenReady() {
  if (m_state != State::AllRead || !m_hash.isFinished()) {
    return;
  }
  const QByteArray sha256 = m_hash.result();
  if (sha256.isEmpty()) {
    return fail(refusalProblem({wire::Refusal::Io, 0}, m_name));
  }
  if (wasChanged(m_file)) {
    return fail({ImportFailure::CannotOpen,
                 ImportClient::tr("%1 was changed while it was read; open it again.").arg(m_name)});
  }
  m_state = State::Building;
  m_build.setFuture(runInPool<std::optional<Document>>(
      [builder = std::move(m_builder), sha256, bytes = m_file.bytes,
       title = QFileInfo(m_path).completeBaseName()](const auto&) mutable {
        return builder.build(title, sha256, bytes);
      }));
  m_builder = DocumentBuilder();
}

void ImportClient::Private::deliver() {
  if (m_state != State::Building) {
    return;
  }
  const std::optional<Document> document = m_build.result();
  if (!document) {
    return fail(problem(ImportFailure::HelperFailed, m_name));
  }
  stop();
  Q_EMIT q->finished(*document);
}

ImportClient::ImportClient(QObject* parent) : QObject(parent), d(std::make_unique<Private>(this)) {}

ImportClient::~ImportClient() = default;

void ImportClient::start(const QString& path, const ImportOptions& options) {
  d->start(path, options);
}

void ImportClient::providePassword(const QString& password) {
  if (d->m_state == Private::State::WaitingForPassword) {
    d->m_options.password = password;
    d->launch(0);
  }
}

void ImportClient::cancel() {
  if (isRunning()) {
    d->fail(problem(ImportFailure::Cancelled, d->m_name));
  }
}

bool ImportClient::isRunning() const { return d->m_state != Private::State::Idle; }

qint64 ImportClient::helperPid() const { return d->m_helper ? d->m_helper->pid() : 0; }

ImportResult readDocument(const QString& path, const ImportOptions& options) {
  ImportResult result;
  ImportClient client;
  QEventLoop loop;
  QObject::connect(&client, &ImportClient::progressed, &loop, [&](int done, int total) {
    if (options.progress) {
      options.progress(done, total);
    }
  });
  const auto fail = [&](const ImportProblem& why) {
    result.sentence = why.sentence;
    result.failure = why.failure;
    loop.quit();
  };
  QObject::connect(&client, &ImportClient::passwordNeeded, &loop, [&](bool wrong) {
    fail(problem(wrong ? ImportFailure::PasswordWrong : ImportFailure::PasswordNeeded,
                 QFileInfo(path).fileName()));
  });
  QObject::connect(&client, &ImportClient::failed, &loop,
                   [&](const QString& sentence, ImportFailure failure) {
                     fail({failure, sentence});
                   });
  QObject::connect(&client, &ImportClient::finished, &loop, [&](const Document& document) {
    result.document = document;
    loop.quit();
  });
  client.start(path, options);
  loop.exec();
  return result;
}

QString findImportHelper() {
  const QString named = qEnvironmentVariable("BOOKWHEEL_IMPORT");
  if (!named.isEmpty()) {
    return named;
  }
  const QString here = QCoreApplication::applicationDirPath();
  // Beside the programs in a build folder, or beside its tests; else where both are installed.
  for (const QString& folder : {here, here + QStringLiteral("/../bin"),
                                here + QStringLiteral("/" BOOKWHEEL_HELPER_FOLDER)}) {
    const QFileInfo helper(folder + QStringLiteral("/bookwheel-import"));
    if (helper.isFile() && helper.isExecutable()) {
      return helper.canonicalFilePath();
    }
  }
  return {};
}

QStringList documentSuffixes() {
  return QStringList{QStringLiteral("pdf"), QStringLiteral("txt"), QStringLiteral("text")} +
         markdownSuffixes() + htmlSuffixes();
}

}  // namespace bookwheel
