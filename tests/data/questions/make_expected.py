#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes expected.json: llama.cpp's greedy answers to questions.json, up to the first near-tie.

  tests/data/questions/make_expected.py MODEL.gguf [--threads N]
  tests/data/questions/make_expected.py MODEL.gguf --only 15 16      keeps the other answers of the file

Needs what scripts/reference-logits needs (numpy, llama-cpp-python, LLAMA_CPP_LIB_PATH). The model
runs as shipped: flash attention on, 16-bit cache. The prompt is ChatML as
engine/model/chat_template.cpp writes it; the instruction is read from there.
"""

import argparse
import ctypes
import importlib.machinery
import importlib.util
import json
import pathlib
import re

import numpy

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
NEAR_TIE = 0.2  # logits; below this, rounding may choose either of the two best tokens
MOST_TOKENS = 64  # tests/engine/questions_test.cpp asks for as many


def reference_logits():
    path = str(ROOT / "scripts" / "reference-logits")
    loader = importlib.machinery.SourceFileLoader("reference_logits", path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


def reading_instruction():
    source = (ROOT / "engine" / "model" / "chat_template.cpp").read_text()
    literals = re.search(r"kReadingInstruction =\s*((?:\"(?:[^\"\\]|\\.)*\"\s*)+);", source).group(1)
    return "".join(json.loads(part) for part in re.findall(r"\"(?:[^\"\\]|\\.)*\"", literals))


class Answerer:
    """Greedy answers about one document that is read once."""

    def __init__(self, model, document):
        self.model, self.llama = model, model.llama
        self.document = self.tokens(f"<|im_start|>system\n{reading_instruction()}{document}<|im_end|>\n")
        self.memory = self.llama.llama_get_memory(model.context)
        self.run(self.document, 0)

    def tokens(self, text):
        data = text.encode()
        ids = (ctypes.c_int32 * (len(data) + 8))()
        # The last argument recognizes special tokens: neither book nor questions contain any.
        count = self.llama.llama_tokenize(self.model.vocab, data, len(data), ids, len(ids), False, True)
        return list(ids[:count])

    def run(self, tokens, position):
        """Logits after the last of the tokens."""
        for start in range(0, len(tokens), 512):
            part = tokens[start : start + 512]
            batch = self.llama.llama_batch_init(512, 0, 1)
            batch.n_tokens = len(part)
            for i, token in enumerate(part):
                batch.token[i] = token
                batch.pos[i] = position + start + i
                batch.n_seq_id[i] = 1
                batch.seq_id[i][0] = 0
                batch.logits[i] = i + 1 == len(part)
            assert self.llama.llama_decode(self.model.context, batch) == 0
            self.llama.llama_batch_free(batch)
        row = self.llama.llama_get_logits_ith(self.model.context, -1)
        return numpy.ctypeslib.as_array(row, (self.model.vocabulary,)).copy()

    def text(self, tokens):
        data = b""
        for token in tokens:
            piece = ctypes.create_string_buffer(256)
            length = self.llama.llama_token_to_piece(self.model.vocab, token, piece, 256, 0, False)
            data += piece.raw[:length]
        return data.decode()

    def answer(self, question):
        turn = self.tokens(f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n")
        self.llama.llama_memory_seq_rm(self.memory, 0, len(self.document), -1)
        logits = self.run(turn, len(self.document))
        position = len(self.document) + len(turn)
        tokens, gaps = [], []
        while len(tokens) < MOST_TOKENS:
            best = numpy.sort(numpy.partition(logits, -2)[-2:])
            gaps.append(float(best[1] - best[0]))
            token = int(logits.argmax())
            if self.llama.llama_vocab_is_eog(self.model.vocab, token):
                break
            tokens.append(token)
            logits = self.run([token], position)
            position += 1
        tie = next((i for i, gap in enumerate(gaps) if gap < NEAR_TIE), None)
        return {
            "promptTokens": len(self.document) + len(turn),
            "answer": self.text(tokens),
            "tokens": tokens,
            "gaps": [round(gap, 3) for gap in gaps],
            # what every right implementation must begin with; null: the whole answer
            "sureText": None if tie is None else self.text(tokens[:tie]),
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", type=int, nargs="+", metavar="N", help="numbers of questions, the first is 1")
    options = parser.parse_args()
    data = json.loads((HERE / "questions.json").read_text())
    kept = {}
    if options.only:
        kept = {a["question"]: a for a in json.loads((HERE / "expected.json").read_text())["answers"]}
        for number in options.only:
            kept.pop(data["questions"][number - 1]["question"], None)
    book = (ROOT / "resources" / "sample" / data["document"]).read_bytes()[: data["documentBytes"]].decode()
    book = book.rstrip() + "\n"  # as app/import/clean_text.cpp ends a text; "\n\n" is another token
    model = reference_logits().Model(options.model, 8192, True, options.threads)
    answerer = Answerer(model, book)
    answers, right = [], 0
    for item in data["questions"]:
        found = kept.get(item["question"]) or answerer.answer(item["question"])
        good = all(re.search(p, found["answer"], re.I) for p in item["all"]) and not any(
            re.search(p, found["answer"], re.I) for p in item["none"]
        )
        right += good
        print("right" if good else "WRONG", item["question"], "|", found["answer"], "| sure:", found["sureText"], flush=True)
        answers.append({"question": item["question"], **found})
    print(f"{right} of {len(answers)} right, document {len(answerer.document)} tokens")
    lines = ",\n".join("  " + json.dumps(answer, ensure_ascii=False) for answer in answers)
    (HERE / "expected.json").write_text(
        f'{{"nearTie": {NEAR_TIE}, "maxTokens": {MOST_TOKENS}, "answers": [\n{lines}\n]}}\n'
    )


if __name__ == "__main__":
    main()
