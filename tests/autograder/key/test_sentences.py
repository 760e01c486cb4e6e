"""What students read: one name, one sentence, one credit for one mistake; and pages that say what
is wrong with them.
"""

import collections

import pytest

from autograder.key import catalogue, sentences

QUESTIONS = [q for a in catalogue.ASSIGNMENTS for q in catalogue.of(a).values()]
PAGES = {q.id: q.sentences.mistakes for q in QUESTIONS} | {"shared": sentences.shared()}
SAID = [(where, name, said) for where, page in PAGES.items() for name, said in page.items()]


def test_a_mistake_has_one_credit_wherever_it_is_made():
    credits = collections.defaultdict(set)
    for _, name, said in SAID:
        credits[name.partition("/")[0]].add(said.credit)
    assert {name: c for name, c in credits.items() if len(c) > 1} == {}


def test_no_sentence_stands_under_two_names():
    names = collections.defaultdict(set)
    for _, name, said in SAID:
        names[" ".join(said.says.lower().split())].add(name.partition("/")[0])
    assert {says: n for says, n in names.items() if len(n) > 1} == {}


def test_no_page_repeats_what_all_share():
    shared = {said.says for said in sentences.shared().values()}
    repeated = [(q, n) for q, n, said in SAID if q != "shared" and said.says in shared]
    assert repeated == []


def test_a_mistake_in_a_part_has_the_name_that_it_has_there():
    elbo, kl = catalogue.find("vae.elbo"), catalogue.find("vae.kl_gaussian")
    inside, alone = elbo.mistake("kl_gaussian: reversed"), kl.mistake("reversed")
    assert (inside.id, inside.credit) == (alone.id, alone.credit)
    assert alone.says in inside.says and "kl_gaussian" in inside.says


@pytest.mark.parametrize(
    "text, says",
    [
        ("# kl a title\n", "should be"),
        ("# kl: a title\n\n## Mistakes\n\n### lost\n\n- credit: 0.5\n", "lost"),
        ("# kl: a title\n\n## Mistakes\n\n### lost\n\nA sentence.\n\n- points: 1\n", "lost"),
        ("# kl: a title\n\n## Mistakes\n\n### lost\n\nA.\n\n### lost\n\nB.\n", "lost` twice"),
        ("# kl: a title\n\n## Mistakes\n\n### lost\n\nA.\n\n- credit: 2\n", "from 0 to 1"),
        ("# kl: a title\n\n## Mistakes\n\n### lost\n\nA.\n\n- credit: lots\n", "from 0 to 1"),
    ],
)
def test_a_page_that_cannot_be_read_says_where(tmp_path, text, says):
    path = tmp_path / "kl.md"
    path.write_text(text, "utf8")
    with pytest.raises(sentences.SentenceError, match=says) as caught:
        sentences.pages(path)
    assert str(path) in str(caught.value)


def test_a_name_without_a_sentence_is_an_error_of_ours():
    with pytest.raises(sentences.SentenceError, match="no sentence about 'unheard-of'"):
        catalogue.find("vae.elbo").mistake("unheard-of")
