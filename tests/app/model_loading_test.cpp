// SPDX-License-Identifier: Apache-2.0
// Loading a model that is given up: the worker stops within a tensor, the program goes on.
#include "app/chat/engine_worker.h"
#include "tests/app/reading_desk.h"

#include <QSignalSpy>
#include <QTest>

#include <functional>
#include <vector>

using namespace bookwheel;
using namespace Qt::StringLiterals;
using State = ChatController::State;

namespace {

constexpr Ticket kTicket = 7;

/// What a worker told about kTicket, in this thread.
class Listener {
 public:
  explicit Listener(EngineWorker& worker) {
    QObject::connect(&worker, &EngineWorker::modelLoading, &worker,
                     [this](Ticket ticket, double share) {
                       QCOMPARE(ticket, kTicket);
                       shares.push_back(share);
                       if (onProgress) {
                         onProgress();
                       }
                     });
    QObject::connect(&worker, &EngineWorker::modelOpened, &worker, [this] { ++opened; });
    QObject::connect(&worker, &EngineWorker::modelStopped, &worker, [this](Ticket ticket) {
      QCOMPARE(ticket, kTicket);
      ++stopped;
    });
    QObject::connect(&worker, &EngineWorker::failed, &worker, [this] { ++failed; });
  }

  std::function<void()> onProgress;
  std::vector<double> shares;
  int opened = 0;
  int stopped = 0;
  int failed = 0;
};

}  // namespace

class ModelLoadingTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void stopsWithinATensor();
  void stopsBeforeItBegins();
  void takesTheModelChosenLast();
  void quitsWhileAModelLoads();
};

void ModelLoadingTest::stopsWithinATensor() {
  const ReadingDesk desk;
  SessionOptions options;
  options.model = desk.writeModel().toStdString();
  options.threads = 1;
  EngineWorker worker;
  Listener heard(worker);
  std::stop_source stop;
  heard.onProgress = [&] { stop.request_stop(); };  // after the first tensor
  worker.openModel(kTicket, options, stop.get_token());
  QCOMPARE(heard.stopped, 1);
  QCOMPARE(heard.opened, 0);
  QCOMPARE(heard.failed, 0);
  QCOMPARE(heard.shares.size(), 1);
  // The embedding is one of 20 tensors and about a ninth of the file.
  QVERIFY2(heard.shares.front() < 0.2, qPrintable(QString::number(heard.shares.front())));

  // No model is open, and the worker can open one.
  worker.count(kTicket, {});
  QCOMPARE(heard.failed, 1);
  heard.onProgress = {};
  worker.openModel(kTicket, options, {});
  QCOMPARE(heard.opened, 1);
  worker.count(kTicket, {});
  QCOMPARE(heard.failed, 1);
}

void ModelLoadingTest::stopsBeforeItBegins() {
  const ReadingDesk desk;
  SessionOptions options;
  options.model = desk.writeModel().toStdString();
  EngineWorker worker;
  Listener heard(worker);
  std::stop_source stop;
  stop.request_stop();
  worker.openModel(kTicket, options, stop.get_token());
  QCOMPARE(heard.stopped, 1);
  QCOMPARE(heard.opened + heard.failed, 0);
  QVERIFY(heard.shares.empty());
}

void ModelLoadingTest::takesTheModelChosenLast() {
  ReadingDesk desk;
  ChatController& controller = *desk.controller;
  const QString first = desk.writeModel();
  const QString second = desk.writeModel(4096, u"second.gguf"_s);
  QSignalSpy changed(&controller, &ChatController::modelChanged);
  controller.openModel(first);
  QCOMPARE(controller.state(), State::LoadingModel);
  controller.openModel(second);
  QCOMPARE(controller.state(), State::LoadingModel);
  QTRY_STATE(controller, State::NoDocument);
  QCOMPARE(controller.model()->path, second);
  QCOMPARE(controller.model()->contextTokens, 4096);
  QCOMPARE(changed.count(), 3);  // chosen, chosen, loaded: of the first no more was heard
  QVERIFY(controller.notices().isEmpty());
}

void ModelLoadingTest::quitsWhileAModelLoads() {
  ReadingDesk desk;
  desk.controller->openModel(desk.writeModel());
  QCOMPARE(desk.controller->state(), State::LoadingModel);
  desk.close();  // joins the engine thread
  desk.open();
  desk.controller->openModel(desk.path(u"tiny.gguf"_s));
  QTRY_STATE(*desk.controller, State::NoDocument);
}

QTEST_GUILESS_MAIN(ModelLoadingTest)
#include "model_loading_test.moc"
