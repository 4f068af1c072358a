"""What somebody reads who did not come in: what happened, and what to do now."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bloop.accounts.identities.attempts import Refusal


def refusal_words(_: Callable[[str], str]) -> Mapping[Refusal, tuple[str, str]]:
    """A heading and a sentence for each reason; what an attacker could learn from shares one."""
    again = (
        _("This login is over"),
        _("A login is good for ten minutes, once, and in the browser that began it. Begin again."),
    )
    return {
        Refusal.UNKNOWN: again,
        Refusal.REPLAYED: again,
        Refusal.EXPIRED: again,
        Refusal.OTHER_BROWSER: again,
        Refusal.OTHER_PROVIDER: again,
        Refusal.CANCELLED: (
            _("You have not logged in"),
            _("The login was cancelled. Nothing was changed."),
        ),
        Refusal.PROVIDER_FAILED: (
            _("That login did not work"),
            _(
                "The other side did not say for sure who you are, so nobody was logged in. Try it "
                "again; if it goes on, tell whoever runs this hub."
            ),
        ),
        Refusal.NO_MEMBER: (
            _("You are not a member here"),
            _(
                "You have logged in there, but this institution knows no account for it. Ask for "
                "an invitation. If you have an account here, log in to it as usual, and connect "
                "the other one to it."
            ),
        ),
        Refusal.ADDRESS_TAKEN: (
            _("There is an account already"),
            _(
                "An account here has this e-mail address. Log in to it as usual, and connect the "
                "other one to it."
            ),
        ),
        Refusal.DISABLED: (
            _("This account is closed"),
            _("Your account here was switched off. Ask your institution."),
        ),
        Refusal.LINKED_ELSEWHERE: (
            _("That account is taken"),
            _("It is connected to another account here. Disconnect it there first."),
        ),
        Refusal.OTHER_PERSON: (
            _("Nothing was connected"),
            _("You were logged out meanwhile, or somebody else has logged in. Begin again."),
        ),
    }
