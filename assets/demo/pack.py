#!/usr/bin/env python3
"""Packs the demo's data: JSON Lines in the importers' own formats, compressed with lz4.

    python3 assets/demo/pack.py SOURCES_DIR [assets/demo]        (needs the program lz4)

SOURCES_DIR holds, as published by the projects that NOTICE.md names:
    prompt_history/fabric.jsonl    first-parent history of fabric's patterns, one revision a line
    prompt_history/awesome.jsonl   history of the prompts of awesome-chatgpt-prompts
    prometheus_repeats.jsonl       640 items with three recorded GPT-4 scores and feedback each

Nothing is left out or changed, but for the names of keys: an item's `task`, `criterion`, `system` become `prompt`,
`criterion`, `arm`; its scores and feedback become `verdicts`. The id of an item is its question's, so that the
answers of four systems to one question are four arms of one case and can be compared in pairs.
"""
import json
import pathlib
import subprocess
import sys

JUDGE = "gpt-4-recorded"
SHORT = {"mt_bench_eval": "mt", "vicuna_eval": "vicuna"}


def rows(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def item(row):
    """One line of items.jsonl; the recorded passes are its verdicts."""
    case = f"{SHORT[row['set']]}-{row['question_id']}"
    verdicts = [
        {"criterion": row["criterion"], "judge": JUDGE, "repeat": n, "score": score, "explanation": text}
        for n, (score, text) in enumerate(zip(row["scores"], row["feedback"], strict=True))
    ]
    return {
        "id": case,
        "arm": row["system"],
        "prompt": row["task"],
        "response": row["response"],
        "reference": row["reference"],
        "criterion": row["criterion"],
        "anchors": [row["anchors"][str(n)] for n in range(1, 6)],
        "cluster": case,
        "tags": [row["category"]],
        "verdicts": verdicts,
    }


def pack(out, name, lines):
    text = "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines)
    # The strongest level, blocks that refer to those before them, a digest of the whole.
    packed = subprocess.run(["lz4", "-12", "-BD"], input=text.encode(), stdout=subprocess.PIPE, check=True).stdout
    (out / f"{name}.jsonl.lz4").write_bytes(packed)
    print(f"{name}: {len(lines)} lines, {len(text.encode())} -> {len(packed)} bytes")


def main():
    source = pathlib.Path(sys.argv[1])
    out = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else pathlib.Path(__file__).parent
    items = [item(row) for row in rows(source / "prometheus_repeats.jsonl")]
    keys = {(line["id"], line["arm"]) for line in items}
    assert len(keys) == len(items), "one (id, arm) occurs twice"
    pack(out, "fabric", rows(source / "prompt_history/fabric.jsonl"))
    pack(out, "awesome", rows(source / "prompt_history/awesome.jsonl"))
    # Arms of one case side by side: their texts resemble each other, and pack better.
    pack(out, "prometheus", sorted(items, key=lambda line: (line["id"].split("-")[0], int(line["id"].split("-")[1]), line["arm"])))


if __name__ == "__main__":
    main()
