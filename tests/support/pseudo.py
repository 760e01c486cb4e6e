"""A language that nobody speaks: English in full-width letters. What of ours is still plain English
on a page that speaks it was never given to a translator.
"""

import re

from autograder.letter import sentences
from autograder.letter.language import Language

KEPT = re.compile(r"(\{[^{}]*\}|`[^`]*`|<[^<>]*>)")
WIDE = {letter: letter + 0xFEE0 for letter in [*range(65, 91), *range(97, 123)]}
# Names in code that a sentence may hold without backticks, and what PyTorch itself says.
NAMES = re.compile(
    r"\b(logits|logvar|log_\w+|beta|tril|weights?|bias|steps|safetensors|graph|json|curves|csv|"
    r"tuned|autoencoder|list|tuple|dict|encode|decode|forward|reconstruct|image|images|\w+\.\w+|[\w-]+-[\d.]+)\b"
)
FOREIGN = re.compile(r"(\w+Error|Exception|Exit|Interrupt)\b.*")


def pseudo(sentence: str) -> str:
    parts = KEPT.split(sentence)
    return "".join(p if i % 2 else p.translate(WIDE) for i, p in enumerate(parts))


def translations() -> dict[str, str]:
    return {sentence: pseudo(sentence) for sentence in sentences.all_of_them()}


def language() -> Language:
    return Language("x-wide", translations())


def english(text: str) -> set[str]:
    """Plain English words in a text, besides names and foreign messages."""
    text = re.sub(r"`[^`]*`", " ", FOREIGN.sub(" ", text))
    return set(re.findall(r"\b[a-z]{4,}\b", NAMES.sub(" ", text)))
