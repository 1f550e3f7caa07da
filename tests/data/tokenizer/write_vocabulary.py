#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a GGUF file that holds nothing but a vocabulary, with the keys llama.cpp's converter writes.

usage: write_vocabulary.py sentencepiece MODEL OUT    from a SentencePiece BPE model
       write_vocabulary.py llama3 RANKS OUT           from Llama 3's table of base64 tokens and ranks

Needs nothing but Python. The output depends on the input alone.
"""

import base64
import struct
import sys

UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
NORMAL, CONTROL = 1, 3


class Gguf:
    """Metadata of a GGUF file of version 3 without tensors."""

    def __init__(self):
        self.entries = []

    @staticmethod
    def string(text):
        data = text if isinstance(text, bytes) else text.encode()
        return struct.pack("<Q", len(data)) + data

    def add(self, key, kind, value):
        self.entries.append(self.string(key) + struct.pack("<I", kind) + value)

    def text(self, key, value):
        self.add(key, STRING, self.string(value))

    def number(self, key, value):
        self.add(key, UINT32, struct.pack("<I", value))

    def flag(self, key, value):
        self.add(key, BOOL, struct.pack("<B", value))

    def array(self, key, kind, values):
        packed = {
            STRING: lambda: b"".join(self.string(v) for v in values),
            FLOAT32: lambda: struct.pack(f"<{len(values)}f", *values),
            INT32: lambda: struct.pack(f"<{len(values)}i", *values),
        }[kind]()
        self.add(key, ARRAY, struct.pack("<IQ", kind, len(values)) + packed)

    def write(self, path):
        with open(path, "wb") as out:
            out.write(b"GGUF" + struct.pack("<IQQ", 3, 0, len(self.entries)) + b"".join(self.entries))


def fields(data):
    """Field number and value of each field of a protocol buffer message."""

    def varint(at):
        value = shift = 0
        while True:
            byte = data[at]
            value |= (byte & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if byte < 0x80:
                return value, at

    at = 0
    while at < len(data):
        tag, at = varint(at)
        kind = tag & 7
        if kind == 0:
            value, at = varint(at)
        elif kind == 1:
            value, at = data[at : at + 8], at + 8
        elif kind == 2:
            size, at = varint(at)
            value, at = data[at : at + size], at + size
        elif kind == 5:
            value, at = data[at : at + 4], at + 4
        else:
            raise ValueError(f"unknown wire type {kind}")
        yield tag >> 3, value


def sentencepiece(model):
    """ModelProto: 1 pieces (1 text, 2 score, 3 type), 2 trainer (3 kind, 40 unk, 41 bos, 42 eos)."""
    pieces, scores, types, trainer = [], [], [], {}
    for number, value in fields(model):
        if number == 1:
            piece = dict(fields(value))
            pieces.append(piece[1])
            scores.append(struct.unpack("<f", piece.get(2, b"\0\0\0\0"))[0])
            types.append(piece.get(3, NORMAL))
        elif number == 2:
            trainer = dict(fields(value))
    if trainer.get(3) != 2:
        sys.exit("This is no SentencePiece model of the kind BPE.")
    out = Gguf()
    out.text("general.architecture", "llama")
    out.text("tokenizer.ggml.model", "llama")
    out.text("tokenizer.ggml.pre", "default")
    out.array("tokenizer.ggml.tokens", STRING, pieces)
    out.array("tokenizer.ggml.scores", FLOAT32, scores)
    out.array("tokenizer.ggml.token_type", INT32, types)
    out.number("tokenizer.ggml.bos_token_id", trainer.get(41, 1))
    out.number("tokenizer.ggml.eos_token_id", trainer.get(42, 2))
    out.number("tokenizer.ggml.unknown_token_id", trainer.get(40, 0))
    out.flag("tokenizer.ggml.add_bos_token", True)
    out.flag("tokenizer.ggml.add_eos_token", False)
    return out


def visible_alphabet():
    """GPT-2's alphabet, in which vocabularies of byte-level BPE are spelled: one character a byte."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [b for b in range(0x100) if b not in shown]
    return {**{b: chr(b) for b in shown}, **{b: chr(0x100 + i) for i, b in enumerate(hidden)}}


def llama3(table):
    ranks = {}
    for line in table.splitlines():
        token, rank = line.split()
        ranks[base64.b64decode(token)] = int(rank)
    # The published merges: every way to cut a token into two tokens, tokens by rank, the ways by the ranks of
    # their parts.
    merges = []
    for token, rank in sorted(ranks.items(), key=lambda item: item[1]):
        cuts = [(token[:i], token[i:]) for i in range(1, len(token))]
        cuts = [cut for cut in cuts if cut[0] in ranks and cut[1] in ranks]
        merges += sorted(cuts, key=lambda cut: (ranks[cut[0]], ranks[cut[1]]))
    named = ["begin_of_text", "end_of_text", "reserved_special_token_0", "reserved_special_token_1",
             "finetune_right_pad_id", "reserved_special_token_2", "start_header_id", "end_header_id",
             "eom_id", "eot_id", "python_tag"]
    named += [f"reserved_special_token_{i}" for i in range(3, 3 + 256 - len(named))]
    spell = visible_alphabet()

    def spelled(token):
        return "".join(spell[b] for b in token)

    tokens = [spelled(t) for t, _ in sorted(ranks.items(), key=lambda item: item[1])]
    out = Gguf()
    out.text("general.architecture", "llama")
    out.text("tokenizer.ggml.model", "gpt2")
    out.text("tokenizer.ggml.pre", "llama-bpe")
    out.array("tokenizer.ggml.tokens", STRING, tokens + [f"<|{name}|>" for name in named])
    out.array("tokenizer.ggml.token_type", INT32, [NORMAL] * len(tokens) + [CONTROL] * len(named))
    out.array("tokenizer.ggml.merges", STRING, [f"{spelled(a)} {spelled(b)}" for a, b in merges])
    out.number("tokenizer.ggml.bos_token_id", len(tokens))
    out.number("tokenizer.ggml.eos_token_id", len(tokens) + named.index("eot_id"))
    return out


def main():
    makers = {"sentencepiece": sentencepiece, "llama3": llama3}
    if len(sys.argv) != 4 or sys.argv[1] not in makers:
        sys.exit(__doc__)
    with open(sys.argv[2], "rb") as source:
        makers[sys.argv[1]](source.read()).write(sys.argv[3])


if __name__ == "__main__":
    main()
