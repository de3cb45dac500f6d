"""SmartEncoded: characters that would force UCS-2, replaced by their GSM-7 likeness.

A selection from https://www.twilio.com/docs/messaging/services/smart-encoding-char-list.
"""

_LIKENESS = str.maketrans(
    {
        "\u00ab": '"',
        "\u00bb": '"',
        "\u2018": "'",
        "\u2019": "'",
        "\u201a": "'",
        "\u201b": "'",
        "\u201c": '"',
        "\u201d": '"',
        "\u201e": '"',
        "\u201f": '"',
        "\u2010": "-",
        "\u2011": "-",
        "\u2012": "-",
        "\u2013": "-",
        "\u2014": "-",
        "\u2015": "-",
        "\u2026": "...",
        "\u2039": "<",
        "\u203a": ">",
        "\u2022": "-",
        "\u2044": "/",
        "\u00a0": " ",
        "\u2002": " ",
        "\u2003": " ",
        "\u2009": " ",
        "\u200b": "",
        "\ufeff": "",
        "\t": " ",
        "`": "'",
    }
)


def plain(text: str) -> str:
    """The text with the characters replaced that have a GSM-7 likeness."""
    return text.translate(_LIKENESS)
