"""What a text to us says about consent: STOP, START or HELP, or what a person must read.

A keyword is the whole body, in any case, as Twilio reads it (help page on SMS opt-out keywords):
"Stop by at 5?" is none. What is no keyword and yet sounds like a refusal is for a person: nobody
is opted out by a guess.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Word(StrEnum):
    """What a keyword asks for; `OptOutType` of Twilio's Advanced Opt-Out has the same words."""

    STOP = "stop"
    START = "start"
    HELP = "help"


KEYWORDS: Mapping[str, Mapping[Word, tuple[str, ...]]] = {
    "en": {
        Word.STOP: ("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"),
        Word.START: ("START", "YES", "UNSTOP"),
        Word.HELP: ("HELP", "INFO"),
    },
    "de": {
        Word.STOP: ("STOPP", "ABMELDEN", "ABBESTELLEN"),
        Word.START: ("ANMELDEN",),
        Word.HELP: ("HILFE",),
    },
    "es": {
        Word.STOP: ("ALTO", "PARAR", "BAJA", "CANCELAR"),
        Word.START: ("ALTA", "COMENZAR"),
        Word.HELP: ("AYUDA",),
    },
    "fr": {
        Word.STOP: ("ARRET", "ARRETER", "DESABONNER"),
        Word.START: ("COMMENCER",),
        Word.HELP: ("AIDE",),
    },
    "it": {
        Word.STOP: ("FERMA", "CANCELLAMI", "DISISCRIVI"),
        Word.START: ("INIZIA",),
        Word.HELP: ("AIUTO",),
    },
    "nl": {
        Word.STOP: ("AFMELDEN",),
        Word.START: ("AANMELDEN",),
        Word.HELP: ("HULP",),
    },
    "pt": {
        Word.STOP: ("SAIR", "PARAR", "CANCELAR"),
        Word.START: ("COMECAR",),
        Word.HELP: ("AJUDA",),
    },
}
"""By language (ISO 639-1), as `fold` writes them. English: Twilio's defaults. French: ARRET and
AIDE are required of Canadian senders beside STOP and HELP (CWTA, Common Short Code guidelines). The
other words are those that people use; none of them is anybody's rule."""

ONLY_UNDOES = frozenset({"YES"})
"""Keywords that take a STOP back, and are no consent of their own: people also answer questions."""

_LONGEST = 40
"""Characters: no keyword is longer, and a text may have a thousand times as many."""
_EDGE = re.compile(r"^[\W_]+|[\W_]+$")
_BETWEEN = re.compile(r"[\W_]+")
_REFUSALS = re.compile(
    r"""
    \b(?:stop|quit|cease|end)\b (?: \W+ \w+ ){0,3} \W* \b (?:text|messag|msg|sms|contact|send|spam)
  | \b(?:remove|delete|unsubscribe|unsub) \b (?: \W+ \w+ ){0,2} \W* \b (?:me|us|my|this)\b
  | \btake \W+ (?:me|us|my) \b .{0,20} \boff\b
  | \b(?:do \W+ not | don\W?t | never | no \W+ more) \b (?: \W+ \w+ ){0,2}
      \W* \b (?:text|messag|msg|sms|contact|send|spam)
  | \bopt (?:ed|ing)? \W* out\b
  | \bunsubscribe\b
  | \bleave \W+ (?:me|us) \W+ alone\b
  | \bwrong \W+ (?:number|person)\b
  | \bnot \W+ interested\b
  | ^ \W* (?:please|pls|plz|just) \W+ (?:stop|quit|cancel|unsubscribe) \b
      \W* (?:please|now|it|this)? \W* $
  | ^ \W* (?:stop|quit|unsubscribe|stopp|arr[eê]t|alto) \b
      (?: \W+ (?:it|this|now|please|pls|plz|already|all|immediately|thanks|thank|you) ){1,4} \W* $
  | ^ \W* (?:stop \W+){2,}
    """,
    re.VERBOSE | re.IGNORECASE,
)
_MOST_READ = 1600
"""Characters of a body that are looked through for a refusal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a text says: a keyword as it was `said`, or that it `sounds` like a refusal."""

    word: Word | None = None
    said: str = ""
    sounds_like_refusal: bool = False


class Keywords:
    """The keywords of some languages, and further ones that an installation gives."""

    def __init__(self, languages: Iterable[str] = ("en",), stop_words: Iterable[str] = ()) -> None:
        """English always counts: carriers ask it of every sender. Raises KeyError for a language
        that is not in KEYWORDS."""
        self._words: dict[str, Word] = {}
        for language in ("en", *languages):
            for word, spellings in KEYWORDS[language].items():
                self._words.update(dict.fromkeys(spellings, word))
        self._words.update({fold(word): Word.STOP for word in stop_words})

    def read(self, body: str, opt_out_type: str | None = None) -> Reading:
        """What this body says. `opt_out_type` is what Twilio's Advanced Opt-Out made of it, which
        counts before our own reading: its keywords are set at Twilio."""
        said = fold(body)
        if opt_out_type and opt_out_type.lower() in set(Word):
            return Reading(word=Word(opt_out_type.lower()), said=said)
        if word := self._words.get(said):
            return Reading(word=word, said=said)
        return Reading(sounds_like_refusal=bool(_REFUSALS.search(body[:_MOST_READ])))


def fold(body: str) -> str:
    """The body as keywords are written: capitals without accents, and nothing but letters and
    digits; empty where that leaves more than a word could have."""
    text = _EDGE.sub("", body[:_MOST_READ])
    if len(text) > _LONGEST:
        return ""
    letters = unicodedata.normalize("NFKD", text)
    plain = "".join(sign for sign in letters if not unicodedata.combining(sign))
    return _joined(plain.upper())


def _joined(text: str) -> str:
    """`OPT-OUT` and `STOP ALL` are keywords in two words; any other space makes it no keyword."""
    joined = _BETWEEN.sub("", text)
    return joined if joined in _IN_TWO or not _BETWEEN.search(text) else ""


_IN_TWO = frozenset({"OPTOUT", "STOPALL"})
