"""E-mail addresses in one form, so that an account is found however its address is written."""

from __future__ import annotations

from bloop.store.errors import InvalidError

LONGEST = 254
"""As many characters as fit into a message's envelope (RFC 5321, section 4.5.3.1.3)."""


def normalised(email: str, *, field: str = "email") -> str:
    """The address as it is kept and compared: Unicode composed, all in lower case.

    An address of a network's own (``ada@school.local``) is one: people log in with it, and the mail
    server of that network brings what is sent there. Servers may tell ``Ada@`` from ``ada@``; none
    that matters does, and people don't. Whether anybody gets mail there is not asked. Raises
    InvalidError, which doesn't repeat it.
    """
    from email_validator import EmailNotValidError, validate_email

    try:
        found = validate_email(
            email.strip()[: LONGEST + 1], check_deliverability=False, globally_deliverable=False
        )
    except EmailNotValidError as err:
        raise InvalidError(
            "this is no e-mail address", field=field, cure="write one like ada@example.org"
        ) from err
    return found.normalized.lower()


def domain_of(email: str) -> str:
    """What stands behind the ``@`` of a normalised address."""
    return email.rpartition("@")[2]
