"""What a person can do about a message that waits for one, and why it waits, in plain words."""

CHOICES = (
    "Look the number up in Twilio's console. If the text is there, `messaging resolve ID --sent "
    "SID`. If it is not, `messaging resolve ID --resend` or `messaging resolve ID --cancel`."
)
"""All that may be decided."""
_REASONS = {
    "held": "No reason is recorded.",
    "in_doubt": "The worker did not come back.",
}
"""Where the row says nothing."""


def reason_of(status: str, recorded: str | None) -> str:
    """Why it waits, as a sentence: what its row says, or what its status means without that."""
    reason = (recorded or "").strip() or _REASONS.get(status, "")
    return reason if reason.endswith((".", "!", "?")) else f"{reason}."


def next_step(status: str, asked_again: str) -> str:
    """What happens next and what to do, as sentences; the second is when Twilio is asked again."""
    if status == "held":
        return CHOICES
    at = f" at {asked_again}" if asked_again else ""
    return (
        f"Twilio is asked again{at}. Check that it answers: `messaging check`. If you know better, "
        "`messaging resolve ID --sent SID` or `messaging resolve ID --cancel`."
    )
