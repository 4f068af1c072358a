"""What a plugin asks for, read from its manifest alone, in words for those who have to decide.

A right's name is what an operator grants in ``hub.toml``:

=================== ==============================================================================
``network:HOST``    it talks to this host, or to that of a setting: ``network:{base_url}``
``secret:KEY``      it is given the secret of this setting
``tables:PREFIX``   it keeps tables of its own
``events:TOPIC``    it is told what happens; an event hook counts by its name
``hook:NAME``       it takes part in something that the hub does
``routes:/x/ID/``   it answers requests below this path
``inbound:/in/ID/`` other systems call it, without a login
``panel:SLOT``      it adds a part to a page of the hub
``jobs:QUEUE``      it works in the background
``command:NAME``    it adds ``bloop ID NAME``
``action:NAME``     it adds an action, with the least role that has it: ``action:a:b (learner)``
``policies:ID``     it has rules of its own for who has its actions
``scope:ACTION``    it does this for people, as far as they may
``imports:SUFFIX``  it reads files with this ending, or ``folder``: folders
``capability:NAME`` it provides this capability
``uses:NAME``       it has other plugins do this, with what it gives them
``system:PACKAGE``  it uses a program or library of the machine
=================== ==============================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from bloop_sdk._sentences import sentence
from bloop_sdk.hooks import HookKind, hook_traits
from bloop_sdk.manifest import Contributions, Manifest

SENTENCES = {
    "network": sentence("It exchanges data with {what}."),
    "network setting": sentence("It exchanges data with the address in its setting “{what}”."),
    "secret": sentence("It is given the secret “{what}”."),
    "tables": sentence("It keeps tables of its own in the hub's database: {what}."),
    "events": sentence("It is told what happens in the hub: {what}."),
    "hook": sentence("It takes part in what the hub does: {what}."),
    "routes": sentence("It has pages or answers programs below {what}."),
    "inbound": sentence("Other systems call it without a login; it proves itself who they are."),
    "panel lesson": sentence("It adds a part to the pages of lessons."),
    "panel course": sentence("It adds a part to the pages of courses."),
    "panel setup": sentence("It adds a step to the page of first steps."),
    "panel admin": sentence("It adds a part to the page of administrators."),
    "jobs": sentence("It works in the background, in the queue “{what}”."),
    "command": sentence("It adds the command “{what}” for whoever runs the hub."),
    "action": sentence("It adds something that people may do, from a role on: {what}."),
    "policies": sentence("It has rules of its own for who may do what it adds."),
    "scope": sentence("It may do this for people, as far as they may themselves: {what}."),
    "imports": sentence("It reads files that end in {what}."),
    "imports folder": sentence("It reads folders of files."),
    "capability": sentence("It provides “{what}” to the hub."),
    "capability lms": sentence("It brings courses into the hub."),
    "capability notes": sentence("It brings notes into the hub."),
    "capability exporter": sentence("It writes courses to files."),
    "capability payments": sentence("It takes payments."),
    "capability language": sentence("It lets a language model read and write texts."),
    "capability storyboarder": sentence("It plans videos from lessons."),
    "capability speech": sentence("It speaks texts aloud."),
    "capability embedding": sentence("It compares texts by their meaning."),
    "capability mastery": sentence("It estimates what learners know from their answers."),
    "capability renderer": sentence("It draws the scenes of videos."),
    "capability avatar": sentence("It shows a speaker in videos."),
    "capability identity": sentence("It lets people log in by an account elsewhere."),
    "capability search": sentence("It keeps the index of the search."),
    "capability blobs": sentence("It keeps the hub's files."),
    "capability sink": sentence("It passes on everything that happens in the hub."),
    "capability notifier": sentence("It sends messages to people."),
    "uses": sentence("It has other plugins do this for it: {what}."),
    "uses payments": sentence("It has payments taken by other plugins."),
    "uses language": sentence("It has texts read and written by a language model."),
    "uses storyboarder": sentence("It has videos planned from lessons by other plugins."),
    "uses speech": sentence("It has texts spoken by other plugins."),
    "uses embedding": sentence("It has texts compared by their meaning by other plugins."),
    "uses mastery": sentence("It has other plugins estimate what learners know."),
    "uses renderer": sentence("It has videos drawn by other plugins."),
    "uses avatar": sentence("It has a speaker shown in videos by other plugins."),
    "system": sentence("It uses the package {what} of the machine."),
    "hook filter_lesson_html": sentence("It can change the text of lessons before it is shown."),
    "hook refuse_publish": sentence("It can refuse that something is published."),
    "hook health_checks": sentence("It reports on its own health."),
    "hook navigation": sentence("It adds links to the navigation."),
    "hook filter_recommendations": sentence("It can reorder or drop recommendations."),
    "hook filter_storyboard": sentence("It can change how a video is told."),
    "events content_changed": sentence("It is told when a course or a lesson changes."),
    "events learner_enrolled": sentence("It is told when a learner joins a course."),
    "events video_ready": sentence("It is told when a video is ready."),
}
"""What a right means, in English; by kind, or by kind and name where more can be said."""


@dataclass(frozen=True, slots=True)
class Right:
    """One right; ``detail`` is what else the manifest says of it."""

    name: str
    detail: str = ""

    @property
    def kind(self) -> str:
        """What stands before the colon."""
        return self.name.partition(":")[0]

    @property
    def what(self) -> str:
        """What stands behind it."""
        return self.name.partition(":")[2]

    @property
    def template(self) -> str:
        """Its sentence before ``{what}`` is put in, which is what translators know."""
        name = "setting" if self.what.startswith("{") else self.what
        return SENTENCES.get(f"{self.kind} {name}") or SENTENCES[self.kind]

    @property
    def words(self) -> str:
        """What it means, in English."""
        return self.in_words(str)

    def in_words(self, translate: Callable[[str], str]) -> str:
        """What it means, in the language of ``translate``, which gets the English sentence."""
        return translate(self.template).replace("{what}", self.what.strip("{}"))


def rights_of(manifest: Manifest) -> tuple[Right, ...]:
    """Everything that a plugin asks for, each once, in the manifest's order."""
    found: dict[str, Right] = {}
    for right in _rights(manifest):
        found.setdefault(right.name, right)
    return tuple(found.values())


def _rights(manifest: Manifest) -> Iterator[Right]:
    yield from (Right(f"capability:{name}") for name in manifest.provides)
    yield from (Right(f"imports:{suffix}") for suffix in manifest.imports)
    yield from (Right(f"network:{host}") for host in manifest.network.hosts)
    yield from (Right(f"secret:{key}") for key in manifest.secrets)
    yield from (Right(f"scope:{action}") for action in manifest.scopes)
    yield from (Right(f"uses:{name}") for name in manifest.uses)
    traits = hook_traits()
    for name in manifest.hooks:
        kind = "events" if traits[name].kind is HookKind.EVENT else "hook"
        yield Right(f"{kind}:{name}")
    yield from _contributed(manifest.id, manifest.contributes)
    yield from (Right(f"system:{package}") for package in manifest.requires.system)


def _contributed(plugin_id: str, parts: Contributions) -> Iterator[Right]:
    if parts.tables:
        yield Right(f"tables:{plugin_id}_")
    for consumer in parts.consumers:
        yield from (Right(f"events:{topic}") for topic in consumer.topics)
    if parts.routes or parts.pages:
        shown = [
            f"{'/'.join(route.methods)} {route.path} ({route.action})" for route in parts.routes
        ]
        shown += [f"{page.path} ({page.action})" for page in parts.pages]
        yield Right(f"routes:/x/{plugin_id}/", ", ".join(shown))
    if parts.inbound:
        yield Right(f"inbound:/in/{plugin_id}/", ", ".join(part.path for part in parts.inbound))
    yield from (Right(f"panel:{panel.slot}", panel.action) for panel in parts.panels)
    if parts.setup:
        yield Right("panel:setup", ", ".join(step.title for step in parts.setup))
    for queue in dict.fromkeys(job.queue for job in parts.jobs):
        kinds = [job.kind for job in parts.jobs if job.queue == queue]
        times = [
            " ".join(filter(None, (f"{part.job}: {part.every}", part.zone)))
            for part in parts.schedules
            if part.job in kinds
        ]
        yield Right(f"jobs:{queue}", ", ".join([*kinds, *times]))
    yield from (Right(f"command:{part.name}", part.help) for part in parts.commands)
    yield from (Right(f"action:{part.name} ({part.role})", part.help) for part in parts.actions)
    if parts.policies:
        yield Right(f"policies:{plugin_id}", parts.policies)


def names(rights: Iterable[Right]) -> tuple[str, ...]:
    """The names of rights, as they stand in ``hub.toml``."""
    return tuple(right.name for right in rights)
