"""What a text to us says: keywords as a whole body, and refusals in free text for a person."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.domain.keywords import KEYWORDS, Keywords, Reading, Word, fold

ALL = Keywords(KEYWORDS)
ENGLISH = Keywords()


def test_every_keyword_is_written_as_it_is_compared() -> None:
    words = [word for table in KEYWORDS.values() for some in table.values() for word in some]
    assert words == [fold(word) for word in words]


@pytest.mark.parametrize(
    ("word", "language"),
    [(word, language) for language, table in KEYWORDS.items() for word in table],
)
def test_each_language_has_each_keyword(word: Word, language: str) -> None:
    for spelling in KEYWORDS[language][word]:
        for body in (
            spelling,
            spelling.lower(),
            spelling.title(),
            f"  {spelling}\n",
            f"{spelling}.",
        ):
            assert word is Keywords([language]).read(body).word, body


@pytest.mark.parametrize(
    "body",
    [
        "STOP", "stop", "Stop", "sToP", " stop ", "stop\n", "\tSTOP\r\n", "STOP.", "Stop!",
        "stop!!!", "'stop'", '"STOP"', "“Stop”", "(stop)", "*stop*", "-stop", "stop…", "STOP 🙏",
        "ＳＴＯＰ", "\u200bstop", "stop all", "STOP-ALL", "stopall", "opt out", "Opt-Out", "OPTOUT",
        "_stop_", "UNSUBSCRIBE", "cancel", "End", "quit", "revoke",
    ],
)  # fmt: skip
def test_a_stop_is_heard(body: str) -> None:
    assert Word.STOP is ENGLISH.read(body).word


@pytest.mark.parametrize(
    "body",
    [
        "Stop by at 5?", "stop by", "I'll stop at the shop", "bus stop", "at the end", "the end",
        "Can't stop laughing", "Don't stop", "yes please", "yes I will", "help me find it",
        "STOPS", "nonstop", "stopper", "weekend", "cancel my 5 pm", "how do I cancel",
        "info please", "START it", "quit smoking", "", "   ", "🙏", "1", "S T O P",
        "Stop. By the way, thanks", "END OF DAY",
    ],
)  # fmt: skip
def test_a_keyword_is_a_whole_body(body: str) -> None:
    assert None is ENGLISH.read(body).word


@pytest.mark.parametrize(
    "body",
    [
        "please stop texting me", "Stop sending me these messages", "STOP TEXTING", "stop msgs",
        "quit texting me", "Please remove me from your list", "remove my number",
        "take me off this list", "don't text me again", "dont message me", "do not contact me",
        "Do not ever text this number", "never text me again", "no more texts",
        "no more of these messages please", "opt me out? opt out", "I want to opt-out of this",
        "I opted out already", "unsubscribe me", "please unsubscribe", "UNSUBSCRIBE FROM THIS",
        "leave me alone", "wrong number", "Sorry, wrong person", "not interested", "please stop",
        "pls stop", "stop please", "Stop it", "stop this now", "STOP STOP STOP", "stop now!",
        "just stop", "arrêt please", "unsubscribe please",
    ],
)  # fmt: skip
def test_a_refusal_in_free_text_is_for_a_person(body: str) -> None:
    assert Reading(sounds_like_refusal=True) == ENGLISH.read(body)


@pytest.mark.parametrize(
    "body",
    [
        "Stop by at 5?", "stop by any time", "bus stop is at the corner", "Thanks!",
        "I can't stop laughing", "Yes, see you at the end of the street",
        "please cancel my appointment", "Help", "Running late", "The number is 555",
        "Does it end at 5?", "Where do I stop?", "see you tomorrow", "I will text you",
        "send me the details", "message received", "", "no", "who is this",
    ],
)  # fmt: skip
def test_an_ordinary_text_troubles_nobody(body: str) -> None:
    assert not ENGLISH.read(body).sounds_like_refusal


def test_only_chosen_languages_count_and_english_always() -> None:
    assert None is ENGLISH.read("Arrêt").word
    assert Word.STOP is Keywords(["fr"]).read("Arrêt").word
    assert Word.STOP is Keywords(["fr"]).read("stop").word


def test_an_installation_may_have_words_of_its_own() -> None:
    assert Word.STOP is Keywords(stop_words=["Tschüss"]).read("tschüss!").word


def test_what_twilio_made_of_it_counts_first() -> None:
    assert Word.STOP is ENGLISH.read("byebye", opt_out_type="STOP").word
    assert Word.HELP is ENGLISH.read("stop", opt_out_type="HELP").word
    assert Word.STOP is ENGLISH.read("stop", opt_out_type="SOMETHING").word


@given(st.text(max_size=5000))
def test_any_text_can_be_read(body: str) -> None:
    reading = ALL.read(body)
    assert not (reading.word and reading.sounds_like_refusal)
