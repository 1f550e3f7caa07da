#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Renders chat templates with Jinja as the transformers library does: expected texts of chat_template_test.cpp.

usage: make_chat_reference.py    (needs the Python packages jinja2 and gguf, and scripts/get-model smollm2-135m qwen-0.5b)

Templates: chatml-smollm2 and chatml-qwen as they stand in the model files (Apache-2.0), phi3 as published (MIT); the
others are worded here and render what the published ones render. Writes chat/expected.json.
"""

import json
import os
import pathlib

import jinja2
from gguf import GGUFReader

HERE = pathlib.Path(__file__).resolve().parent / "chat"
DATA = pathlib.Path(os.environ.get("XDG_DATA_HOME", pathlib.Path.home() / ".local/share")) / "bookwheel"
MODELS = pathlib.Path(os.environ.get("BOOKWHEEL_MODELS", DATA / "models"))

SYSTEM = {"role": "system", "content": "Be brief."}
ASK = {"role": "user", "content": "Who turned\nthe wheel?"}
PADDED = {"role": "user", "content": " \n\u00a0Why?\u3000\t "}
ANSWER = {"role": "assistant", "content": "\n A reader. \n"}
CONVERSATIONS = {
    "question": [ASK],
    "system, question": [SYSTEM, ASK],
    "two questions": [ASK, ANSWER, PADDED],
    "system, two questions": [SYSTEM, ASK, ANSWER, PADDED],
    "three questions": [ASK, ANSWER, PADDED, ANSWER, ASK],
}
NO_SYSTEM = {"gemma", "mistral-v1", "mistral-v3"}


def main():
    for name, model in (("chatml-smollm2", "smollm2-135m"), ("chatml-qwen", "qwen-0.5b")):
        field = GGUFReader(MODELS / f"{model}.gguf").fields["tokenizer.chat_template"]
        (HERE / f"{name}.jinja").write_text(field.contents())
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
    expected = {}
    for path in sorted(HERE.glob("*.jinja")):
        template = environment.from_string(path.read_text())
        expected[path.stem] = {}
        for label, messages in CONVERSATIONS.items():
            if messages[0] is SYSTEM and path.stem in NO_SYSTEM:
                continue
            text = template.render(messages=messages, bos_token="<s>", eos_token="</s>", add_generation_prompt=True)
            expected[path.stem][label] = text.removeprefix("<s>")
    conversations = {k: [[m["role"], m["content"]] for m in v] for k, v in CONVERSATIONS.items()}
    with open(HERE / "expected.json", "w") as out:
        json.dump({"conversations": conversations, "expected": expected}, out, indent=1)
        out.write("\n")


if __name__ == "__main__":
    main()
