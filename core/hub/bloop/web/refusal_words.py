"""What a command says is wrong, in the visitor's language.

Commands say it once, in English, for programs, logs and pages alike. A page says what it knows of
in its visitor's language, and the rest as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from bloop.learning.quizzes.pasted import WRONG
from bloop.learning.quizzes.problems import MESSAGES, IncompleteError, Problem
from bloop_sdk import BloopError

_Words = Callable[[str], str]
_WITH_CURE = re.compile(r"(.+) \(([^()]+)\)", re.DOTALL)
"""As ``str`` of an error says it."""


def said(text: str, _: _Words) -> str:
    """A message of a refusal, or its cure, in another language where that is known.

    What it names, such as a number, is put into the sentence.
    """
    for pattern, make in _known():
        if found := pattern.fullmatch(text):
            return make(_).format(**found.groupdict())
    both = _WITH_CURE.fullmatch(text)
    return " ".join(said(part, _) for part in both.groups()).strip() if both else text


@dataclass(frozen=True, slots=True)
class Said:
    """A refusal as a page says it; ``cure`` is empty where there is none to be named."""

    message: str
    cure: str
    code: str
    field: str | None


def refusal(error: BloopError, _: _Words) -> Said:
    """A refusal in the visitor's language."""
    field = getattr(error, "field", None)
    if isinstance(error, IncompleteError):
        found = " ".join(f"{said_of(one, _)}." for one in error.problems[:5])
        return Said(f"{error.title}: {found}", "", error.code, field)
    return Said(said(error.message, _), said(error.cure or "", _), error.code, field)


def said_of(problem: Problem, _: _Words) -> str:
    """What a question lacks, in the visitor's language."""
    return problem.words(_(MESSAGES[problem.code]))


def in_words(values: Mapping[str, Any], _: _Words) -> dict[str, Any]:
    """Of what a page is given, each error and the text of a ``fault`` in the visitor's language."""
    words: dict[str, Any] = {
        name: refusal(value, _) for name, value in values.items() if isinstance(value, BloopError)
    }
    fault = values.get("fault")
    return words | {"fault": said(fault, _)} if isinstance(fault, str) else words


@cache
def _known() -> Sequence[tuple[re.Pattern[str], Callable[[_Words], str]]]:
    return [
        (re.compile(pattern, re.DOTALL), make)
        for pattern, make in (*_FIELDS, *_CHOICES, *_TEACHING, *_AUDIT, *_PASTED)
    ]


def _at_line(name: str, make: Callable[[_Words], str]) -> tuple[str, Callable[[_Words], str]]:
    """What is wrong in a text of questions, with its line before it."""
    return (
        rf"line (?P<line>\d+): {re.escape(WRONG[name])}",
        lambda _: _("Line {line}: {wrong}").replace("{wrong}", make(_)),
    )


_PASTED: tuple[tuple[str, Callable[[_Words], str]], ...] = (
    (re.escape(WRONG["empty"]), lambda _: _("There is no question in it.")),
    (
        r"text: up to (?P<most>\d+) characters of text",
        lambda _: _("At most {most} characters are possible."),
    ),
    _at_line("open", lambda _: _("The answers are not closed with a brace.")),
    _at_line("closed", lambda _: _("A closing brace has no opening one before it.")),
    _at_line(
        "groups", lambda _: _("A question has one group of answers in braces, and this has two.")
    ),
    _at_line("sign", lambda _: _("An answer begins with = or ~, or is T or F.")),
    _at_line("number", lambda _: _("This is no number, no range and no number with a tolerance.")),
    _at_line("share", lambda _: _("A share is from -100 to 100 per cent.")),
    _at_line("aiken", lambda _: _("An answer such as “A. text”, or “ANSWER: A”, is missing here.")),
    _at_line("letter", lambda _: _("ANSWER names none of the answers above it.")),
)

# Each sentence stands alone on a page, beside its field or above the form.
_FIELDS: tuple[tuple[str, Callable[[_Words], str]], ...] = (
    (r"(title|name): it may not be empty", lambda _: _("This may not be empty.")),
    (r"\w+: it holds a NUL character", lambda _: _("There is a character in it that no text has.")),
    (
        r"name: control characters are no part of a name",
        lambda _: _("There is a character in it that no text has."),
    ),
    (
        r"\w+: (?P<given>\d+) characters; at most (?P<most>\d+)",
        lambda _: _("This has {given} characters. At most {most} are possible."),
    ),
    (
        r"\w+: at most (?P<most>\d+) characters, not (?P<given>\d+)",
        lambda _: _("This has {given} characters. At most {most} are possible."),
    ),
    (
        r"(\w+: )?it has (?P<least>\d+) to (?P<most>\d+) characters",
        lambda _: _("This has {least} to {most} characters."),
    ),
    (
        r"String should have at most (?P<most>\d+) characters",
        lambda _: _("At most {most} characters are possible."),
    ),
    (r"String should match pattern .*", lambda _: _("This is not written as it has to be.")),
    (r"Input should be .*", lambda _: _("This is none of the choices.")),
    (r"it has 1 to (?P<most>\d+) uses", lambda _: _("A number from 1 to {most}.")),
    (
        r"a key lasts 1 to (?P<most>\d+) days",
        lambda _: _("A key lasts 1 to {most} days."),
    ),
    (r"markdown: a note needs words", lambda _: _("A note needs words.")),
    (
        r"quote: these words are not in the lesson",
        lambda _: _("These words are not in the lesson."),
    ),
    (r"copy them as they stand there", lambda _: _("Copy them as they stand there.")),
    (r"file: the form has no such file", lambda _: _("Choose a file.")),
    (
        r"file: this is no multipart form: .*",
        lambda _: _("The file did not arrive. Send it again."),
    ),
    (r"send multipart/form-data .*", lambda _: ""),
    (r"name: a concept needs a name", lambda _: _("A concept needs a name.")),
    (
        r"'(?P<given>.*)' is no domain: write one like example.edu",
        lambda _: _("“{given}” is no domain. Write one like example.edu."),
    ),
    (
        r"a URL holds spaces, backslashes or control characters",
        lambda _: _("An address has no spaces, backslashes or control characters."),
    ),
    (r"a URL starts with .*", lambda _: _("An address starts with https://.")),
    (
        r"every: .* is no cron line: .*|every: \[\d+ characters\]",
        lambda _: _("This is no time that the hub understands."),
    ),
    (
        r"write 6h, 30m, or a cron line: 30 3 \* \* \*",
        lambda _: _("Write 6h, 30m, or a cron line: 30 3 * * *"),
    ),
    (
        r"nobody here has the id or the e-mail address .*",
        lambda _: _("Nobody here has this id or e-mail address."),
    ),
    (
        r"give an id, an e-mail address, or guest",
        lambda _: _("Give an id, an e-mail address, or guest."),
    ),
)

_CHOICES: tuple[tuple[str, Callable[[_Words], str]], ...] = (
    (r"no pages in ['\"](?P<name>.*)['\"]", lambda _: _("There are no pages in {name}.")),
    (r"choose one of (?P<names>[\w-]+(, [\w-]+)*)", lambda _: _("Choose one of: {names}")),
    (r"answer: choose one of the answers", lambda _: _("Choose one of the answers.")),
    (r"answer: .* is none to choose", lambda _: _("Choose one of the answers.")),
    (r"a text|one of [\w, ]+|open, members, enrolled", lambda _: ""),
    (r"this is no role|role: .* is none: .*", lambda _: _("This is no role.")),
    (r"this is none of the choices", lambda _: _("This is none of the choices.")),
    (
        (
            r"which: all or some|keep: it is mine, theirs or both|audience: .* is none"
            r"|decision: accept or reject"
        ),
        lambda _: _("This is none of the choices."),
    ),
    (
        r"name at least one scope",
        lambda _: _("Tick one scope at least."),
    ),
    (
        r"scopes are actions, like content:read",
        lambda _: _("Scopes are actions, like content:read."),
    ),
    (
        r"this form has more than (?P<most>\d+) fields",
        lambda _: _("This form has more than {most} fields."),
    ),
    (r"send it in parts", lambda _: _("Send it in parts.")),
    (
        r"a rule has a domain, or a claim with its value",
        lambda _: _("A rule has a domain, or a claim with its value."),
    ),
    (r"no course was chosen", lambda _: _("No course was chosen.")),
    (
        r"choose one, or pause the connection",
        lambda _: _("Choose one, or pause the connection."),
    ),
    (r"parent: no node .*", lambda _: _("The place for it is gone. Choose another one.")),
    (r"see its tree", lambda _: ""),
    (
        r"\w+ \S+ is at version \d+, not -?\d+( \(.*\))?",
        lambda _: _("Somebody else changed this meanwhile. Look again."),
    ),
    (r"read it again and decide with the current version", lambda _: ""),
    (
        r"this form is not one of ours: open the page again",
        lambda _: _("This form is not one of ours. Open the page again."),
    ),
    (
        r"[\w., ]+ (is|are) not as declared",
        lambda _: _("What was asked for is not written as it has to be."),
    ),
    (
        r"browsers tie passkeys to a host name, and this hub is at (?P<host>\S+)",
        lambda _: _("Browsers tie passkeys to a host name, and this hub is at {host}."),
    ),
    (
        r"open it as http://localhost, or set \[http\] public_url in hub.toml to its name",
        lambda _: _("Open it by its name; whoever runs it sets [http] public_url in hub.toml."),
    ),
)

_TEACHING: tuple[tuple[str, Callable[[_Words], str]], ...] = (
    (
        r"at: a time of the video reads like 1:23",
        lambda _: _("A time of the video reads like 1:23."),
    ),
    (
        r"this question is not due (any more|before .*)",
        lambda _: _("This question is not due any more."),
    ),
    (
        r"this was typed in another account",
        lambda _: _("This was typed on a page of another account."),
    ),
    (
        r"log in as who typed it, then send it again",
        lambda _: _("Whoever typed it can log in and send it again."),
    ),
    (r"go on with the next", lambda _: _("Go on with the next one.")),
    (r"answer: choose one answer or more", lambda _: _("Choose one answer or more.")),
    (
        r"language: .* is no tag of a language",
        lambda _: _("This is no tag of a language. Write one like en or de-CH."),
    ),
    (
        (
            r"(do|audience): this is none|do: .* is nothing that is done here"
            r"|kind: a .* is not added here"
        ),
        lambda _: _("This is none of the choices."),
    ),
    (r"a list of ids of choices|en, de-CH|up, down, double, delete", lambda _: ""),
    (r"change: there is no such", lambda _: _("There is no such change. Look again.")),
    (r"this quiz has no such question", lambda _: _("This quiz has no such question.")),
    (
        r"somebody may have deleted it: look at the quiz",
        lambda _: _("Somebody may have deleted it. Look at the quiz."),
    ),
    (r"this attempt has no such answer", lambda _: _("This attempt has no such answer.")),
    (r"(answer \d+|\w+): .* is no number", lambda _: _("This is no number.")),
    (r"attempts: no whole number", lambda _: _("This is no whole number.")),
    (r"a number like (?P<example>[\d.]+)", lambda _: _("Write a number like {example}.")),
    (r"a number like 12 or 0\.5", lambda _: _("Write a number like 12 or 0.5.")),
    (
        r"(answer \d+|\w+): .* can be read in two ways",
        lambda _: _("This number can be read in two ways."),
    ),
    (r"1000, or 1\.0", lambda _: _("Write 1000, or 1.0.")),
    (r"due: .* is none", lambda _: _("This is no day with a time.")),
    (r"a day and a time, (?P<example>\S+)", lambda _: _("Write it like {example}.")),
    (
        r"code: at most (?P<most>\d+) characters, none of them NUL",
        lambda _: _("At most {most} characters are possible."),
    ),
    (r"data\.href: no http or https address", lambda _: _("An address starts with https://.")),
    (r"alt: say what the picture shows", lambda _: _("Say what the picture shows.")),
    (r"parent: .* would stand below itself", lambda _: _("It would stand below itself.")),
    (r"move what is below it out first", lambda _: _("Move what is below it out first.")),
    (r"there is nothing to fetch again", lambda _: _("There is nothing to fetch again.")),
    (
        r"the form names no (version of the schedule|connection)",
        lambda _: _("Something is missing in this form, and nothing has changed."),
    ),
    (r"load the page again", lambda _: _("Load the page again.")),
    (
        r"(?P<count>\d+) things were added by others to what this run brought",
        lambda _: _("Others have added to what this import brought: {count}."),
    ),
    (
        r"move them elsewhere first, or put the course into the trash",
        lambda _: _("Move that elsewhere first, or put the course into the trash."),
    ),
    (
        r"(?P<count>\d+) pages that this run brought were edited here since",
        lambda _: _("Pages that this import brought were edited here since: {count}."),
    ),
    (
        r"put the course into the trash, where the edits can be had back",
        lambda _: _("Put the course into the trash: from there the edits can be had back."),
    ),
    (
        r"people have worked on what this run brought already: (?P<count>\d+) times",
        lambda _: _("People have worked on what this import brought already: {count} times."),
    ),
    (
        r"put the course into the trash, where their work is kept",
        lambda _: _("Put the course into the trash, where their work is kept."),
    ),
    (
        r"(?P<count>\d+) people or groups were let into what this run brought",
        lambda _: _("People or groups were let into what this import brought: {count}."),
    ),
    (
        r"take them out of it first, or put the course into the trash",
        lambda _: _("Take them out of it first, or put the course into the trash."),
    ),
    (
        r"this import does not wait for anybody to confirm it",
        lambda _: _("This import does not wait for anybody to confirm it."),
    ),
    (r"look at how it ended", lambda _: _("Look at how it ended.")),
)

# What a check of the audit log finds (:mod:`bloop.store.audit.verifying`).
_AUDIT: tuple[tuple[str, Callable[[_Words], str]], ...] = (
    (r"line (?P<seq>\d+) is missing", lambda _: _("Line {seq} is missing.")),
    (
        r"line (?P<seq>\d+) is missing: (at \S+ )?the chain went on to line (?P<upto>\d+)",
        lambda _: _("Line {seq} is missing: the log went on to line {upto}."),
    ),
    (
        r"line (?P<seq>\d+) was altered, moved or put in: .*",
        lambda _: _(
            "Line {seq} was altered, moved or put in: it does not follow from the line before."
        ),
    ),
    (
        r"line (?P<seq>\d+) does not lead to what was anchored at \S+ as line (?P<upto>\d+)",
        lambda _: _("Line {seq} does not lead to what was written down elsewhere as line {upto}."),
    ),
    (
        r"line (?P<seq>\d+) is another line than was anchored",
        lambda _: _("Line {seq} is another one than was written down elsewhere."),
    ),
    (
        r"line (?P<seq>\d+) has a personal part that was altered",
        lambda _: _("What line {seq} tells of a person was altered."),
    ),
    (
        r"line (?P<seq>\d+) lacks its personal part, and .* was never erased",
        lambda _: _("What line {seq} tells of a person is gone, and nobody was erased."),
    ),
    (
        r"line \d+ its front was cut with another key, .*",
        lambda _: _("The front of the log was cut with another key. Put that key here to check."),
    ),
    (
        r"line \d+ its front was cut by somebody without the key",
        lambda _: _("The front of the log was cut by somebody without the hub's key."),
    ),
    (
        r"line (?P<line>\d+) of \S+ is no anchor",
        lambda _: _("Line {line} of the file of anchors is none."),
    ),
    (
        r"line (?P<line>\d+) of \S+ was signed with another key, .*",
        lambda _: _("Line {line} of the file of anchors was signed with another key."),
    ),
    (
        r"line (?P<line>\d+) of \S+ is altered, or what stood before it is gone",
        lambda _: _("Line {line} of the file of anchors is altered, or one before it is gone."),
    ),
)
