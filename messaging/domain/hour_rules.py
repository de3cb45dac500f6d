"""Hours that laws allow for marketing, by place: a row a rule, with its source.

This is no legal advice. Whoever advertises must know the law of each place;
docs/how-to/quiet-hours.md says how to add to this table and how to do without it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from messaging.domain.hours import Hours, Window

WRITTEN = date(2026, 11, 30)
"""When this table was written, from what is commonly quoted of these laws. Nobody has compared it
with their texts: whoever does so puts the date here, and says so in docs/how-to/quiet-hours.md."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HourRule:
    """Hours of one place: an ISO 3166 code, of a country or of a US state.

    `holidays` is whether its law also names public holidays.
    """

    place: str
    name: str
    hours: Hours
    source: str
    holidays: bool = False


def _at(hour: int, minute: int = 0) -> int:
    return hour * 60 + minute


def _week(
    workday: tuple[Window, ...], saturday: tuple[Window, ...], sunday: tuple[Window, ...]
) -> Hours:
    return Hours((workday,) * 5 + (saturday, sunday))


_8_TO_20 = Hours.each_day((_at(8), _at(20)))
_8_TO_20_BUT_SUNDAYS = _week(((_at(8), _at(20)),), ((_at(8), _at(20)),), ())

RULES: Mapping[str, HourRule] = {
    rule.place: rule
    for rule in (
        HourRule(
            place="US",
            name="the United States (TCPA)",
            hours=Hours.each_day((_at(8), _at(21))),
            source="47 CFR 64.1200(c)(1)",
        ),
        HourRule(
            place="US-AL",
            name="Alabama",
            hours=_8_TO_20_BUT_SUNDAYS,
            source="Ala. Code 8-19A-14, and rules of the Public Service Commission",
            holidays=True,
        ),
        HourRule(
            place="US-CT",
            name="Connecticut",
            hours=Hours.each_day((_at(9), _at(20))),
            source="Conn. Gen. Stat. 42-288a, as amended by Public Act 23-98",
        ),
        HourRule(
            place="US-FL",
            name="Florida",
            hours=_8_TO_20,
            source="Fla. Stat. 501.616(6)",
        ),
        HourRule(
            place="US-KY",
            name="Kentucky",
            hours=Hours.each_day((_at(10), _at(21))),
            source="KRS 367.46955",
        ),
        HourRule(
            place="US-LA",
            name="Louisiana",
            hours=_8_TO_20_BUT_SUNDAYS,
            source="La. R.S. 45:844.11 ff., and the order of the Public Service Commission",
            holidays=True,
        ),
        HourRule(
            place="US-MA",
            name="Massachusetts",
            hours=_8_TO_20,
            source="Mass. Gen. Laws ch. 159C, section 3",
        ),
        HourRule(
            place="US-MD",
            name="Maryland",
            hours=_8_TO_20,
            source="Stop the Spam Calls Act of 2023 (SB 90)",
        ),
        HourRule(
            place="US-MS",
            name="Mississippi",
            hours=_8_TO_20_BUT_SUNDAYS,
            source="Miss. Code 77-3-701 ff., and rules of the Public Service Commission",
            holidays=True,
        ),
        HourRule(
            place="US-OK",
            name="Oklahoma",
            hours=_8_TO_20,
            source="Telephone Solicitation Act of 2022, 15 O.S. 775C.4",
        ),
        HourRule(
            place="US-PA",
            name="Pennsylvania",
            hours=Hours.each_day((_at(8), _at(21))),
            source="Telemarketer Registration Act, as amended by Act 22 of 2024",
            holidays=True,
        ),
        HourRule(
            place="US-RI",
            name="Rhode Island",
            hours=_week(((_at(9), _at(18)),), ((_at(10), _at(17)),), ()),
            source="R.I. Gen. Laws 5-61-2(9) and 5-61-3.6",
            holidays=True,
        ),
        HourRule(
            place="US-TX",
            name="Texas",
            hours=_week(((_at(9), _at(21)),), ((_at(9), _at(21)),), ((_at(12), _at(21)),)),
            source="Tex. Bus. & Com. Code 301.051",
        ),
        HourRule(
            place="US-UT",
            name="Utah",
            hours=_week(((_at(8), _at(21)),), ((_at(8), _at(21)),), ()),
            source="Utah Code 13-25a-103(3)",
            holidays=True,
        ),
        HourRule(
            place="US-WA",
            name="Washington",
            hours=_8_TO_20,
            source="RCW 80.36.390",
        ),
        HourRule(
            place="CA",
            name="Canada",
            hours=_week(((_at(9), _at(21, 30)),), ((_at(10), _at(18)),), ((_at(10), _at(18)),)),
            source="CRTC Unsolicited Telecommunications Rules, Part III, section 23 (calls)",
        ),
        HourRule(
            place="AU",
            name="Australia",
            hours=_week(((_at(9), _at(20)),), ((_at(9), _at(17)),), ()),
            source="Telemarketing and Research Calls Industry Standard 2017 (calls)",
            holidays=True,
        ),
        HourRule(
            place="ES",
            name="Spain",
            hours=_week(((_at(9), _at(21)),), (), ()),
            source="Real Decreto Legislativo 1/2007, article 96.2 (calls)",
            holidays=True,
        ),
        HourRule(
            place="FR",
            name="France",
            hours=_week(((_at(10), _at(13)), (_at(14), _at(20))), (), ()),
            source="Code de la consommation, D223-9; décret 2022-1313 (calls)",
            holidays=True,
        ),
    )
}
"""Some speak of calls; a text at such an hour is no better received, so they are kept for both."""

_AREAS = {
    "US-AL": "205 251 256 334 659 938",
    "US-CT": "203 475 860 959",
    "US-FL": "239 305 321 324 352 386 407 448 561 645 656 689 727 728 754 772 786 813 850 863 904 "
    "941 954",
    "US-KY": "270 364 502 606 859",
    "US-LA": "225 318 337 457 504 985",
    "US-MA": "339 351 413 508 617 774 781 857 978",
    "US-MD": "227 240 301 410 443 667",
    "US-MS": "228 471 601 662 769",
    "US-OK": "405 539 572 580 918",
    "US-PA": "215 223 267 272 412 445 484 570 582 610 717 724 814 835 878",
    "US-RI": "401",
    "US-TX": "210 214 254 281 325 346 361 409 430 432 469 512 682 713 726 737 806 817 830 832 903 "
    "915 936 940 945 956 972 979",
    "US-UT": "385 435 801",
    "US-WA": "206 253 360 425 509 564",
}
STATE_OF_AREA: Mapping[str, str] = {
    area: state for state, areas in _AREAS.items() for area in areas.split()
}
"""The state of an area code, of those states that have a rule (North American Numbering Plan)."""
