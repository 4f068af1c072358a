"""The page of one scene: its fields with a picture of them, and what its form does."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bloop_sdk import (
    BloopError,
    Item,
    PageView,
    PreconditionFailedError,
    RequestContext,
    Response,
    WebRequest,
    read_form,
    redirect,
)
from bloop_sdk.storyboard import Scene, Storyboard
from bloop_studio import asking, changes, previews
from bloop_studio.access import version_of
from bloop_studio.board_forms import number_of
from bloop_studio.config import config_of, defaults
from bloop_studio.diff import compare
from bloop_studio.differing import Row, rows
from bloop_studio.faults import Fault, sentences
from bloop_studio.fields import KINDS
from bloop_studio.options import Options
from bloop_studio.renderers import draws
from bloop_studio.scene_forms import (
    SceneFaultsError,
    SceneForm,
    carried,
    form_of,
    given,
    pictures,
    scene_of,
    told_faults,
)
from bloop_studio.tables import StoryboardVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A scene of a lesson as somebody sees it, in the version that they see."""

    item: Item
    version: StoryboardVersion
    board: Storyboard
    scene: Scene

    @property
    def place(self) -> int:
        """Of the scene, from 0."""
        return changes.place(self.board, self.scene.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the page shows besides the form: faults by field, a notice, what was drawn and said."""

    faults: Mapping[str, Fault] = field(default_factory=dict)
    base: int = 0
    anew: bool = False
    conflict: Sequence[Row] | None = None
    said: str = ""
    drawn: previews.Drawn | None = None
    heard: previews.Heard | None = None
    parts: Sequence[str] | None = None
    failed: BloopError | None = None
    status: int = 200


async def show(request: WebRequest, ctx: RequestContext) -> PageView:
    """A scene of the newest storyboard, to edit."""
    opened = await open_scene(request, ctx)
    said = request.query_params.get("said", "")
    return await view(ctx, opened, form_of(opened.scene), Shown(said=said))


async def keep(request: WebRequest, ctx: RequestContext) -> Response | PageView:
    """Keep a scene as it was edited; what does not fit is said beside what was typed."""
    form = await read_form(request)
    opened = await open_scene(request, ctx, number_of(form))
    typed = given(form.fields)
    try:
        scene = scene_of(typed, opened.scene)
        change = changes.add(scene, None) if form["anew"] else changes.put(scene)
        await asking.change(ctx, opened.item, change, opened.version.number)
    except SceneFaultsError as err:
        return await view(ctx, opened, typed, Shown(faults=err.faults, status=422))
    except PreconditionFailedError:
        return await _conflict(ctx, opened, typed)
    except BloopError as err:
        return await view(ctx, opened, typed, Shown(failed=err, status=422))
    return redirect(f"/x/studio/lessons/{opened.item.id}/scenes/{scene.id}?said=kept")


async def _conflict(ctx: RequestContext, opened: Opened, typed: SceneForm) -> PageView:
    """What somebody else has made of the scene, above what was typed here; both are there."""
    newest = await version_of(ctx, opened.item, None)
    board = Storyboard.model_validate(newest.body)
    id_ = opened.scene.id
    found = [one for one in compare(opened.board, board).changes if one.scene == id_]
    gone = all(one.id != id_ for one in board.scenes)
    # To add it again is made from the version that has it.
    base = opened.version.number if gone else newest.number
    shown = Shown(base=base, anew=gone, conflict=rows(found, ctx.words), status=409)
    return await view(ctx, opened, typed, shown)


async def preview(request: WebRequest, ctx: RequestContext) -> Response | PageView:
    """Draw or say what stands in the form, and keep nothing of it.

    Programs get ``{"picture", "problems", "faults"}`` or ``{"sound", "seconds", "voice", ..}``.
    """
    form = await read_form(request)
    opened = await open_scene(request, ctx, number_of(form))
    kind = form["was"] if form["was"] in KINDS else form["kind"]
    typed = given(form.fields, kind)
    if form["kind"] in KINDS and form["kind"] != typed.kind:
        typed = carried(typed, form["kind"], opened.board.language)
    shown = await _previewed(ctx, opened, typed, hear=form["do"] == "hear", options=options(ctx))
    if "json" in request.headers.get("accept", ""):
        return answer(ctx, opened.item, shown)
    return await view(ctx, opened, typed, shown)


async def _previewed(
    ctx: RequestContext, opened: Opened, typed: SceneForm, *, hear: bool, options: Options
) -> Shown:
    try:
        scene = scene_of(typed, opened.scene)
        if hear:
            return Shown(heard=await previews.say(ctx, opened.board, scene, options))
        drawn = await previews.draw(ctx, opened.item, opened.board, scene, options, judged=True)
        return Shown(drawn=drawn, parts=scene.visual.parts())
    except SceneFaultsError as err:
        return Shown(faults=err.faults, status=422)
    except BloopError as err:
        return Shown(failed=err, status=422)


def options(ctx: RequestContext) -> Options:
    """What previews are made with: small, and else as a video is when nobody says otherwise."""
    return defaults(config_of(ctx)).model_copy(update={"quality": "480p", "fps": 30})


def answer(ctx: RequestContext, item: Item, shown: Shown) -> Response:
    """What was drawn or said, for programs."""
    told = ctx.words.translate
    found = shown.drawn or shown.heard
    body: dict[str, Any] = {
        "faults": told_faults(shown.faults, ctx.words),
        "problems": [told(one) for one in found.problems] if found else [],
    }
    if shown.drawn:
        body["picture"] = address(item, shown.drawn.name)
    if shown.parts is not None:
        body["parts"] = list(shown.parts)
    if shown.heard:
        one = shown.heard
        body |= {"sound": address(item, one.name), "seconds": one.seconds, "voice": one.voice}
    if shown.failed:
        body["problems"] = sentences(shown.failed, ctx.words)
        body["cure"] = told(shown.failed.cure or "")
    kind = {"content-type": "application/json", "cache-control": "no-store"}
    return Response(status=200, headers=kind, body=json.dumps(body).encode(), url="")


def address(item: Item, name: str) -> str:
    """Where a kept preview is."""
    return f"/x/studio/lessons/{item.id}/previews/{name.partition('/')[2]}"


async def view(ctx: RequestContext, opened: Opened, typed: SceneForm, shown: Shown) -> PageView:
    """The page; its picture is drawn by a request of its own unless it is known already."""
    item, board, at = opened.item, opened.board, opened.place
    still = f"/x/studio/lessons/{item.id}/scenes/{opened.scene.id}.png"
    html = ctx.render(
        "scene.html",
        item=item,
        scene=opened.scene,
        number=at + 1,
        count=len(board.scenes),
        before=board.scenes[at - 1] if at else None,
        after=board.scenes[at + 1] if at + 1 < len(board.scenes) else None,
        base_number=shown.base or opened.version.number,
        form=typed,
        kinds=KINDS,
        pictures=pictures(board),
        parts=opened.scene.visual.parts() if shown.parts is None else shown.parts,
        shown=shown,
        faults=told_faults(shown.faults, ctx.words),
        picture=address(item, shown.drawn.name)
        if shown.drawn
        else f"{still}?version={opened.version.number}",
        draws=await draws(ctx),
        sound=address(item, shown.heard.name) if shown.heard else "",
    )
    title = (
        opened.scene.title
        or opened.scene.visual.title
        or ctx.words.gettext("Scene %(number)s") % {"number": at + 1}
    )
    return PageView(
        title=title,
        html=html,
        status=shown.status,
        scripts=("scene.js",),
        styles=("studio.css",),
        wide=True,
    )


async def open_scene(request: WebRequest, ctx: RequestContext, number: int | None = None) -> Opened:
    """The scene that the path names, in a version or in the newest; raises NotFoundError."""
    item = await ctx.content.item(request.path_params["item"])
    version = await version_of(ctx, item, number)
    board = Storyboard.model_validate(version.body)
    scene = board.scenes[changes.place(board, request.path_params["scene"])]
    return Opened(item=item, version=version, board=board, scene=scene)
