"""The codes and their meanings, grouped by what follows from them; `codes` gives them a shape."""

from collections.abc import Mapping
from typing import Final

Meanings = Mapping[int, str]

MESSAGE: Final[Meanings] = {
    21211: "The recipient is not a valid phone number.",
    21217: "The recipient does not appear to be a valid phone number.",
    21265: "The recipient is a short code, which takes no texts.",
    21266: "The text would go from a number to itself.",
    21268: "The recipient is a premium or information number, which takes no texts.",
    21408: "The account may not text the recipient's country (Twilio's geographic permissions).",
    21602: "The text has neither a body nor media.",
    21604: "The text has no recipient.",
    21610: "The recipient has opted out by answering STOP.",
    21612: "Twilio cannot reach this recipient from our sender.",
    21614: "The recipient is not a mobile number.",
    21617: "The body is longer than 1,600 characters.",
    21618: "The body cannot be sent as it is.",
    21620: "The address of a media file is not valid.",
    21623: "The text has more media files than are allowed.",
    21624: "The validity period is not valid.",
    21627: "The maximum price is not a valid number.",
    21635: "The recipient is a landline.",
    21652: "The subject is too long.",
    21654: "Content variables were given without a content template.",
    21655: "The content template does not exist.",
    21656: "The content variables are not valid.",
    35111: "A text for later has no time.",
    35114: "The time of a text for later is outside what Twilio takes: 5 minutes to 35 days ahead.",
    35115: "The time of a text for later is outside what Twilio takes: 5 minutes to 35 days ahead.",
    35117: "Twilio does not keep a text like this for later.",
    35126: "Twilio does not keep texts for later on this channel.",
    90007: "The validity period is not between 1 and 36,000 seconds.",
}
"""Refused at once: this text can never be sent as it is."""

OPTED_OUT: Final = frozenset({21610})
"""Codes that also tell of an opt-out."""

CONFIGURATION: Final[Meanings] = {
    10001: "Our Twilio account is not active.",
    20003: "Our Twilio credentials are wrong, or may not do this.",
    20005: "Our Twilio account is not active.",
    20403: "Our Twilio account or API key may not do this.",
    20404: "Twilio knows no such account or address.",
    21212: "Our sender is not a valid number or sender name.",
    21601: "Our sender is not a number that can text.",
    21603: "No sender was named.",
    21606: "Our sender cannot text this destination, or is not ours.",
    21607: "A trial account must send from its sandbox number.",
    21608: "A trial account may only text numbers that it has verified.",
    21609: "The address for status callbacks is not valid.",
    21659: "Our sender is not a number at Twilio, or a short code of another country.",
    21660: "Our sender belongs to another Twilio account.",
    21661: "Our sender cannot send texts.",
    21664: "Twilio refuses our sender as it is set up.",
    21666: "Twilio refuses our sender as it is set up.",
    21667: "Twilio refuses our sender as it is set up.",
    21701: "The Messaging Service does not exist.",
    21702: "The Messaging Service cannot send new texts.",
    21703: "The Messaging Service has no number that can text this recipient.",
    21704: "The Messaging Service has no senders.",
    21705: "The Messaging Service's id is not valid.",
    30002: "Our Twilio account is suspended.",
    30024: "The recipient's carrier does not know our number yet.",
    30032: "Our toll-free number has not been verified.",
    30034: "Our number is not registered to a US A2P 10DLC campaign.",
    35118: "A text can be kept for later only with a Messaging Service.",
    63001: "The channel does not accept our credentials.",
    63002: "The channel does not know our sender.",
    63007: "Twilio has no channel with our sender.",
    63008: "The channel is not configured correctly at Twilio.",
    63020: "Meta's Business Manager account behind our sender has a problem.",
    63041: "WhatsApp has paused the template.",
}
"""Our account or sender is wrong: every text would be refused, so sending pauses."""

OF_THE_RECIPIENT: Final = frozenset({21606, 21608, 21659, 21703, 30024})
"""Those of them that may hold for some recipients only: one must not stop the texts of others."""

OF_THE_ACCOUNT: Final = frozenset({10001, 20003, 20005, 20403, 20404, 21609, 30002})
"""Those of them that another sender of ours would meet with, too."""

OF_THE_SENDER: Final = frozenset(
    (CONFIGURATION.keys() - OF_THE_ACCOUNT - OF_THE_RECIPIENT) | {21606, 21659}
)
"""Those of them that another sender would not. Two may be about the recipient, too: they tell
against the sender where most texts are refused with them."""

BACK_PRESSURE: Final[Meanings] = {
    21611: "Our number has ten hours of texts waiting at Twilio.",
    21730: "Twilio is under maintenance.",
    30001: "Too many of our texts are waiting at Twilio.",
    30022: "Carriers refuse more texts a second from our campaign.",
    30023: "Our daily limit at a US carrier is used up.",
    30027: "Our daily limit at T-Mobile is used up, until midnight Pacific Time.",
    35125: "Twilio holds as many texts for later as it takes (500,000).",
    63017: "We send faster than Twilio allows.",
    63018: "We send faster than the channel allows.",
    63038: "Our account's limit of texts in 24 hours is used up.",
}
"""Twilio or a carrier has too much of ours: the text waits."""

DAILY: Final = frozenset({30023, 30027, 63038})
"""Limits that end with the day, not within minutes."""

PASSING: Final[Meanings] = {
    30003: "The phone is off, out of reach, or cannot take texts.",
    30008: "The carrier failed without saying why.",
    30017: "The carrier's network is congested.",
    30020: "Twilio's scheduling failed.",
    30021: "Twilio's Messaging Service failed.",
    30036: "The text waited longer at Twilio than its validity period.",
    30047: "Twilio could not deliver the text for now.",
    30410: "The carrier did not answer Twilio in time.",
    30500: "Twilio failed while it handled the text.",
    63009: "The channel failed (its server's error).",
    63010: "Twilio failed while it handled the text.",
    63012: "The channel failed (its server's error).",
    63023: "The channel failed without saying why.",
}
"""Failed after it was accepted, for a reason that may pass."""

FINAL: Final[Meanings] = {
    30004: "The text was blocked: the number takes no texts from us.",
    30005: "The number is unknown or no longer in use.",
    30006: "The number is a landline, or its carrier takes no texts.",
    30007: "The text was filtered as unwanted, by Twilio or the carrier.",
    30010: "The text costs more than its maximum price.",
    30018: "The recipient's carrier wants our sender name to be registered first.",
    30019: "The text is larger than the carrier takes.",
    30450: "The recipient is blocked for now, to protect against SMS pumping.",
    30640: "Twilio could not deliver the text, for good.",
    63003: "The channel does not know the recipient.",
    63005: "The channel does not accept the content.",
    63013: "The text breaks a policy of the channel.",
    63014: "The recipient has blocked us on the channel.",
    63019: "A media file could not be downloaded.",
    63021: "The channel does not accept the content.",
    63024: "The channel does not accept the recipient.",
    63027: "The template does not exist in this language.",
    63028: "The template was given the wrong number of values.",
    63032: "WhatsApp does not deliver this to the recipient.",
    63033: "The recipient has blocked us on the channel.",
}
"""Failed after it was accepted, for good."""

DEAD: Final = frozenset({30004, 30005, 30006})
"""Codes that say that the number takes no texts."""
