// SPDX-License-Identifier: Apache-2.0
// The metrics of LongBench (Bai et al. 2024, arXiv 2308.14508) for its English and code data sets.
#pragma once

#include <string>
#include <vector>

namespace bookwheel {

enum class LongBenchMetric { QaF1, RougeL, Classification, Retrieval, Count, CodeSimilarity };

/// All numbers are 0 .. 1.

/// F1 of the words of both texts, in lower case, without ASCII punctuation and a, an, the.
double qaF1(const std::string& prediction, const std::string& truth);

/// F measure of ROUGE-L as the Python package "rouge" (1.0.1) computes it for a whole summary:
/// sentences end at '.', words are split at spaces, recall and precision are the union of the
/// longest common subsequences over the distinct words of truth and prediction.
double rougeL(const std::string& prediction, const std::string& truth);

/// 1 / n if `truth` is one of the n classes named in the prediction, else 0; a class whose name is
/// a part of `truth` does not count.
double classificationScore(const std::string& prediction, const std::string& truth,
                           const std::vector<std::string>& classes);

/// The share of the numbers in the prediction that are the one in "Paragraph N" of `truth`.
double retrievalScore(const std::string& prediction, const std::string& truth);

/// The share of the numbers in the prediction that are `truth`.
double countScore(const std::string& prediction, const std::string& truth);

/// Similarity of the prediction's first line of code (without '`', '#' and "//") to `truth`: twice
/// the matching characters over all, rounded to hundredths, as fuzzywuzzy's ratio on Python's
/// difflib (Ratcliff and Obershelp; characters that make up over 1 % of a truth of 200 characters
/// and more begin no match).
double codeSimilarity(const std::string& prediction, const std::string& truth);

/// The largest over the truths.
double longBenchScore(LongBenchMetric metric, const std::string& prediction,
                      const std::vector<std::string>& truths,
                      const std::vector<std::string>& classes);

}  // namespace bookwheel
