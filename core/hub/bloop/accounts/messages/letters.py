"""What messages say. Each holds one link, and what to do where it was not asked for."""

from __future__ import annotations

from bloop.accounts.messages.service import Text


def invitation(hub: str, url: str, hours: float) -> Text:
    """Somebody is invited by a link that is good for so many hours."""
    return Text(
        f"You are invited to {hub}",
        f"You are invited to {hub}.\n\n"
        f"Open this link to get your account. It is good once, for {_span(hours * 60)}:\n\n"
        f"{url}\n\n"
        "If you do not know what this is about, there is nothing to do: without the link nobody "
        "gets an account.\n",
    )


def password_reset(hub: str, url: str, minutes: int) -> Text:
    """A link to a new password."""
    return Text(
        f"A new password for {hub}",
        f"Somebody, you we hope, asked for a new password at {hub}.\n\n"
        f"Choose it here. The link is good once, for {_span(minutes)}:\n\n"
        f"{url}\n\n"
        "If that was not you, there is nothing to do: your password is as it was.\n",
    )


def _span(minutes: float) -> str:
    for number, unit in ((minutes / 1440, "day"), (minutes / 60, "hour"), (minutes, "minute")):
        if number >= 2 or (number >= 1 and number == int(number)):
            return f"{int(number)} {unit}{'s' if int(number) != 1 else ''}"
    return f"{max(1, round(minutes))} minutes"
