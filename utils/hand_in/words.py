"""What counts as a word of an answer; the same rule counts in the browser (words.js).

Words are what stands between spaces and has a letter or a digit in it. Where a language writes none
between words, two characters of Chinese or Japanese count as one, and five of Thai, Lao, Khmer or
Burmese, which is about what a word has. A formula is one word; pictures, the addresses of links and
HTML tags count nothing, and neither does the line that came with the cell.
"""

import re

# *Your answer, at most 150 words:*, in any language
HEADER = r"^\s*\*[^*\n]{0,80}[0-9][^*\n]{0,80}:\*"
STUB = "YOUR ANSWER HERE"  # of a course in English; of another the cell's metadata says
HAN_AND_KANA = r"\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
THAI_AND_LIKE = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
UNSPACED = HAN_AND_KANA + THAI_AND_LIKE
# (pattern, what replaces it), in this order
NOT_WORDS = [
    (HEADER, " "),
    (STUB, " "),
    (r"\$\$[^$]+\$\$|\$[^$\n]+\$", " 1 "),  # a formula
    (r"!\[[^\[\]]*\]\([^()]*\)", " "),  # a picture
    (r"\]\([^()]*\)", "] "),  # where a link leads
    (r"<[/!a-zA-Z][^<>]*>", " "),  # HTML
    (rf"[{HAN_AND_KANA}]{{1,2}}", " 1 "),
    (rf"[{THAI_AND_LIKE}]{{1,5}}", " 1 "),
]


def words(source: str) -> int:
    """The number of words in the Markdown source of an answer."""
    for pattern, instead in NOT_WORDS:
        source = re.sub(pattern, instead, source)
    return sum(any(map(str.isalnum, part)) for part in source.split())


def plain(source: str) -> str:
    """Markdown as one line of plain text, for what a question asks."""
    source = re.sub(r"^#+ .*$", "", source, flags=re.M)
    source = re.sub(r"\*\*Question[^*]*\*\*", "", source)
    return " ".join(re.sub(r"[*`$]", "", source).split())
