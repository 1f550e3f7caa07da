// SPDX-License-Identifier: Apache-2.0
// Lines of eval grid, the settings it runs through, its tables and its plot.
#include "app/cli/cache_options_cli.h"
#include "app/cli/eval_grid_lines.h"
#include "app/cli/eval_tables.h"

#include <QTemporaryDir>
#include <QTest>
#include <QXmlStreamReader>

#include <fstream>

using namespace bookwheel;

namespace {

Json lineOf(const char* text, const CacheOptions& cache, double kl) {
  return {{"model", "m"},      {"text", text},
          {"tokens", 8192},    {"positions", 256},
          {"skip", 0},         {"activations", "float32"},
          {"seed", 0},         {"cache", describe(cache)},
          {"meanKl", kl},      {"klInterval", {kl / 2, kl * 2}},
          {"sameTop1", 0.875}, {"bitsPerElement", 2.5},
          {"hitRate", nullptr}};
}

CacheOptions corrected(int bits, int pairs) {
  CacheOptions options = defaultComparedCache();
  options.keyBits = bits;
  options.valueBits = bits;
  options.pairs = pairs;
  return options;
}

GridLine parsed(const Json& line) { return parseGridLine(line, "A line"); }

}  // namespace

class EvalReportTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void settingsAreTheProductOfTheLists() {
    const auto settings =
        gridSettings({"k2v2", "k1v1"}, {0, 64}, {"corrected", "paper", "paper-variance"});
    QCOMPARE(settings.size(), std::size_t{12});
    QCOMPARE(settings[0], corrected(2, 0));
    CacheOptions last = paperCacheOptions(1, 1);
    last.logits = ScoreLogits::VarianceCorrected;
    QCOMPARE(settings[11], last);
    QCOMPARE(gridSettings({"k2v2", "k2v2"}, {64, 64}, {"paper"}).size(), std::size_t{1});
    QVERIFY_THROWS_EXCEPTION(CommandError, gridSettings({"k5v2"}, {0}, {"paper"}));
    QVERIFY_THROWS_EXCEPTION(CommandError, gridSettings({"k2v2"}, {0}, {"ours"}));
  }

  void aLineIsTheSameMeasurementWhateverCameOut() {
    const Json line = lineOf("novel", corrected(2, 64), 0.001);
    QCOMPARE(gridKey(line), gridKey(lineOf("novel", corrected(2, 64), 0.5)));
    QVERIFY(gridKey(line) != gridKey(lineOf("manual", corrected(2, 64), 0.001)));
    QVERIFY(gridKey(line) != gridKey(lineOf("novel", corrected(2, 65), 0.001)));
  }

  void modelsAreNamedWithoutFolderAndEnding() {
    QCOMPARE(gridModelName("qwen-0.5b"), std::string("qwen-0.5b"));
    QCOMPARE(gridModelName("/models/qwen-0.5b.gguf"), std::string("qwen-0.5b"));
  }

  void linesAreReadBack() {
    const QTemporaryDir folder;
    const std::string path = folder.filePath(QStringLiteral("lines.jsonl")).toStdString();
    QVERIFY(loadGridLines(path).empty());
    std::ofstream(path) << lineOf("novel", corrected(1, kAllPairs), 0.25).dump() << "\n\n";
    const std::vector<Json> lines = loadGridLines(path);
    QCOMPARE(lines.size(), std::size_t{1});
    const GridLine line = parsed(lines.front());
    QCOMPARE(line.bits, std::string("k1v1"));
    QCOMPARE(line.k, std::string("all"));
    QCOMPARE(line.meanKl, 0.25);
    QCOMPARE(line.klHigh, 0.5);
    QVERIFY(line.hitRate < 0);

    std::ofstream(path, std::ios::app) << "{\"model\":\"m\"}\n";
    try {
      loadGridLines(path);
      QFAIL("a damaged line was taken");
    } catch (const CommandError& error) {
      QVERIFY2(QByteArray(error.what()).contains("Line 3 of "), error.what());
    }
  }

  void tablesCompareWithTheCopyAlone() {
    const std::string tables = gridTables({parsed(lineOf("novel", corrected(2, 0), 0.2)),
                                           parsed(lineOf("novel", corrected(2, 256), 0.001)),
                                           parsed(lineOf("manual", corrected(2, 256), 0.0034))});
    QCOMPARE(tables,
             std::string("\n**m**, last 256 of 8,192 tokens:\n\n"
                         "| copy | policy | k | bits | novel | manual | same top 1 | hit rate |\n"
                         "|---|---|---|---|---|---|---|---|\n"
                         "| K2V2 | copy only | 0 | 2.50 | 0.20 (0.10-0.40) |  | 87.5 % |"
                         "  |\n"
                         "| K2V2 | corrected | 256 | 2.50 | 0.0010 (0.00050-0.0020), 200x | 0.0034 "
                         "(0.0017-0.0068) | 87.5 % |  |\n"));
  }

  void documentsKeepWhatStandsAround() {
    const std::string before =
        "# Quality\n<!-- eval grid -->\nold\n<!-- end of eval grid -->\nThe end.\n";
    QCOMPARE(
        withGridPart(before, "new\n"),
        std::string("# Quality\n<!-- eval grid -->\nnew\n<!-- end of eval grid -->\nThe end.\n"));
    QCOMPARE(withGridPart("", "new\n"),
             std::string("<!-- eval grid -->\nnew\n<!-- end of eval grid -->\n"));
    QVERIFY_THROWS_EXCEPTION(CommandError, withGridPart("# Quality\n", "new\n"));
    QVERIFY_THROWS_EXCEPTION(CommandError, withGridPart("<!-- eval grid -->\n", "new\n"));
  }

  void panelsJoinTheKOfASetting() {
    const auto panels = gridPanels({parsed(lineOf("novel", corrected(2, 0), 0.2)),
                                    parsed(lineOf("manual", corrected(2, 0), 0.4)),
                                    parsed(lineOf("novel", corrected(2, 256), 0.001)),
                                    parsed(lineOf("novel", paperCacheOptions(1, 1), 0.1))});
    QCOMPARE(panels.size(), std::size_t{1});
    QCOMPARE(panels[0].series.size(), std::size_t{2});
    QCOMPARE(panels[0].series[0].name, std::string("K2V2, corrected"));
    QCOMPARE(panels[0].series[0].points.size(), std::size_t{2});
    // The mean over both texts.
    QVERIFY(qFuzzyCompare(panels[0].series[0].points[0].y, 0.3));
    QVERIFY(panels[0].series[1].dashes != panels[0].series[0].dashes);
  }

  void plotsAreWellFormedAndInsideTheirFrame() {
    const PlotSeries series{
        "a < b & \"c\"",
        "#0072b2",
        "7 4",
        {{1.4, 0.02, 0.01, 0.03, "<one>"}, {2.6, 0.0002, 0.0002, 0.0002, "two"}}};
    const std::string svg = plotSvg({{"left", {series}}, {"right", {series}}}, "bits", "KL");
    QXmlStreamReader reader(QString::fromStdString(svg));
    int circles = 0;
    int paths = 0;
    while (!reader.atEnd()) {
      if (reader.readNext() == QXmlStreamReader::StartElement) {
        if (reader.name() == QLatin1String("circle")) {
          ++circles;
          const double y = reader.attributes().value(QLatin1String("cy")).toDouble();
          QVERIFY(y > 0 && y < 320);
        }
        paths += reader.name() == QLatin1String("path") ? 1 : 0;
      }
    }
    QVERIFY2(!reader.hasError(), qPrintable(reader.errorString()));
    QCOMPARE(circles, 4);
    QCOMPARE(paths, 2);
    QCOMPARE(plotSvg({{"empty", {}}}, "bits", "KL"), std::string());
  }
};

QTEST_GUILESS_MAIN(EvalReportTest)
#include "eval_report_test.moc"
