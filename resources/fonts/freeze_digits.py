# SPDX-License-Identifier: Apache-2.0
"""Makes the window's own font, "Bookwheel UI", from Inter (OFL-1.1).

Two changes to Inter: the tabular digits become the default ones, because Qt 6.4 cannot switch the
OpenType feature "tnum" on and Inter's proportional digits make a live number jump about; and the
font is cut to Latin, Greek, Cyrillic and the signs the window uses. It gets a name of its own so
that it never mixes with an installed Inter.

usage: freeze_digits.py FOLDER_OF_INTER_OTF [OUT_FOLDER]     (needs: pip install fonttools)
On Debian 12, with fonts-inter installed, FOLDER_OF_INTER_OTF is /usr/share/fonts/opentype/inter.
"""

import pathlib
import sys

from fontTools import subset
from fontTools.ttLib import TTFont

FAMILY = "Bookwheel UI"
STYLES = ("Regular", "Italic", "Medium", "SemiBold")
RANGES = (
    (0x0020, 0x024F),  # Latin
    (0x02B0, 0x036F),  # modifiers and combining marks
    (0x0370, 0x03FF),  # Greek
    (0x0400, 0x052F),  # Cyrillic
    (0x1E00, 0x1EFF),  # Latin, Vietnamese included
    (0x2000, 0x206F),  # punctuation and spaces
    (0x2070, 0x209F),  # superscripts and subscripts
    (0x20A0, 0x20BF),  # currency
    (0x2100, 0x214F),  # letter-like signs
    (0x2190, 0x21FF),  # arrows
    (0x2200, 0x23FF),  # mathematics and technical signs
    (0x25A0, 0x25FF),  # geometric shapes: the streaming cursor is one
    (0x2713, 0x2717),  # check marks
)
FEATURES = ["kern", "mark", "mkmk", "ccmp", "locl", "calt", "case", "frac", "sups", "subs"]
FAMILY_NAME_IDS = (1, 3, 4, 16)
POSTSCRIPT_NAME_ID = 6


def tabular_forms(font):
    """Glyph name to tabular glyph name, read from the font's "tnum" feature."""
    gsub = font["GSUB"].table
    forms = {}
    for record in gsub.FeatureList.FeatureRecord:
        if record.FeatureTag != "tnum":
            continue
        for index in record.Feature.LookupListIndex:
            for table in gsub.LookupList.Lookup[index].SubTable:
                forms.update(getattr(getattr(table, "ExtSubTable", table), "mapping", {}))
    return forms


def freeze(source, target):
    font = TTFont(source)
    forms = tabular_forms(font)
    for table in font["cmap"].tables:
        for code, glyph in list(table.cmap.items()):
            # Digits only: a tabular colon leaves a hole in prose.
            if chr(code) in "0123456789" and glyph in forms:
                table.cmap[code] = forms[glyph]
    for record in font["name"].names:
        if record.nameID in FAMILY_NAME_IDS:
            record.string = record.toUnicode().replace("Inter", FAMILY)
        elif record.nameID == POSTSCRIPT_NAME_ID:
            record.string = record.toUnicode().replace("Inter", FAMILY.replace(" ", ""))
    options = subset.Options(layout_features=FEATURES, name_IDs=["*"], hinting=True, notdef_outline=True)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=[code for first, last in RANGES for code in range(first, last + 1)])
    subsetter.subset(font)
    font.save(target)


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    source = pathlib.Path(sys.argv[1])
    out = pathlib.Path(sys.argv[2] if len(sys.argv) == 3 else pathlib.Path(__file__).parent)
    for style in STYLES:
        freeze(source / f"Inter-{style}.otf", out / f"BookwheelUI-{style}.otf")


if __name__ == "__main__":
    main()
