// SPDX-License-Identifier: Apache-2.0
// The type sizes of the window, all scaled from one base.
#pragma once

#include <QFont>
#include <QString>

namespace bookwheel {

/// One name for each use; sizes in pixels at 100 %.
enum class Type {
  BigNumber,      // 28 semibold
  Title,          // 22 semibold, the title of the empty window
  Heading,        // 15 semibold, card titles
  Strong,         // 14 semibold
  Question,       // 14 medium
  Body,           // 14, answers and fields
  ControlStrong,  // 13 semibold, the current row
  Control,        // 13 medium, whatever can be clicked
  Row,            // 13
  NoteStrong,     // 12 semibold, captions
  NoteMedium,     // 12 medium
  Note,           // 12, never smaller
};

/// Registers the embedded "Bookwheel UI". Call once, after QApplication exists. Returns false where
/// a file is not in the resources; the window then uses the system's font.
bool loadFonts();

QFont font(Type type);
/// Fixed-width, for code, at the size of body text.
QFont codeFont();

/// Text scale in percent, 100 to 200. Layouts ask font metrics, so they follow; Appearance
/// repaints.
void setTextScale(int percent);
int textScale();
/// `pixels` at 100 % scaled with the text: for icons beside text and for widths that hold text.
int scaled(int pixels);

}  // namespace bookwheel
