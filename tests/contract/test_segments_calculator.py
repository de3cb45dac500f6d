"""Our count of segments beside that of Twilio's own calculator, on thousands of texts."""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from messaging.domain.segments import count

CALCULATOR = "sms-segments-calculator@1.3.0"
PROGRAM = """
const { SegmentedMessage } = require('sms-segments-calculator');
const texts = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const sizes = texts.map((text) => new SegmentedMessage(text));
console.log(JSON.stringify(sizes.map((size) => [size.encodingName, size.segmentsCount])));
"""
BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "ÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = "\f^{}\\[~]|€"
OUTSIDE = "’“–žшあ中áê"
PAIRS = "😀🎉𝒜🚀"
SIGNS = (
    "🇩🇪", "🇫🇷", "👩\u200d👩\u200d👧", "👨\u200d💻", "👍🏽", "❤️", "1️⃣", "e\u0301", "a\u0323\u0301",
    "กำ", "ที่", "नि", "क्षि", "각", "\u1112\u1161\u11ab",
)  # fmt: skip
"""Several code points each. A letter with 65 accents is not among them: with such a one the
calculator puts more into a part than a part holds."""
ALPHABETS: Sequence[Sequence[Sequence[str]]] = (
    (BASIC,),
    (BASIC, BASIC, EXTENSION),
    (BASIC, OUTSIDE),
    (BASIC, OUTSIDE, PAIRS, PAIRS),
    (BASIC, SIGNS),
)
EDGES = [70, 160, *(153 * parts for parts in range(1, 11)), *(67 * parts for parts in range(1, 24))]
TEXTS = 5000

pytestmark = [
    pytest.mark.skipif(
        os.environ.get("MESSAGING_TEST_SCALE") != "full",
        reason="asks npm for a package: set MESSAGING_TEST_SCALE=full",
    ),
    pytest.mark.skipif(
        not (shutil.which("node") and shutil.which("npm")), reason="there is no Node.js here"
    ),
]


def made(dice: Random, alphabet: Sequence[Sequence[str]]) -> str:
    """A text of these signs, as often as not at the edge of a part."""
    edge = dice.choice(EDGES) + dice.randint(-2, 2)
    length = dice.choice([edge, dice.randint(1, 1600)])
    return "".join(dice.choice(dice.choice(alphabet)) for _ in range(length))[:1600]


def calculated(folder: Path, texts: Sequence[str]) -> list[tuple[str, int]]:
    """What Twilio's calculator says, which npm installs into the folder."""
    install = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", CALCULATOR]
    done = subprocess.run(install, cwd=folder, capture_output=True, timeout=120, check=False)
    if done.returncode:
        pytest.skip("npm could not install Twilio's calculator.")
    said = subprocess.run(
        ["node", "-e", PROGRAM],
        cwd=folder,
        input=json.dumps(texts).encode(),
        capture_output=True,
        timeout=120,
        check=True,
    )
    return [(encoding, parts) for encoding, parts in json.loads(said.stdout)]


def test_every_text_is_counted_as_twilios_calculator_counts(tmp_path: Path) -> None:
    dice = Random(1)
    texts = [made(dice, ALPHABETS[n % len(ALPHABETS)]) for n in range(TEXTS)]
    sizes = [count(text) for text in texts]
    ours = [(size.encoding.value, size.parts) for size in sizes]
    theirs = calculated(tmp_path, texts)
    both = zip(texts, ours, theirs, strict=True)
    assert [] == [(text, our, their) for text, our, their in both if our != their]
