"""Puts the routers of all faces and domains behind one edge.

`bloop up` serves the :class:`~bloop.api.edge.Edge` itself, with the routes of health first and the
others as soon as it listens. :func:`create_app` gives the same as a FastAPI app, for whoever embeds
a hub or wants FastAPI's tools.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from bloop.accounts.access import HubParts, Route, Router
from bloop.api.access_log import AccessLog
from bloop.api.edge import Edge, ErrorPage
from bloop.api.health import router as health
from bloop.api.rate_limits import RateLimits
from bloop.api.visitors import Visitors

if TYPE_CHECKING:
    from fastapi import FastAPI

API = (
    "bloop.accounts.routes",
    "bloop.accounts.people.routes",
    "bloop.accounts.people.institution_routes",
    "bloop.accounts.people.group_routes",
    "bloop.accounts.people.join_routes",
    "bloop.accounts.login.routes",
    "bloop.accounts.mfa.routes",
    "bloop.accounts.mfa.login_routes",
    "bloop.accounts.identities.routes",
    "bloop.accounts.tokens.routes",
    "bloop.accounts.tokens.key_routes",
    "bloop.accounts.privacy.routes",
    "bloop.content.routes",
    "bloop.content.enrolling.routes",
    "bloop.graph.routes",
    "bloop.learning.quizzes.routes",
    "bloop.learning.quizzes.edit_routes",
    "bloop.learning.quizzes.teaching_routes",
    "bloop.learning.statements.routes",
    "bloop.learning.progress.routes",
    "bloop.learning.progress.certificate_routes",
    "bloop.learning.mastery.routes",
    "bloop.learning.classes.routes",
    "bloop.learning.reviews.routes",
    "bloop.learning.map.routes",
    "bloop.learning.recommend.routes",
    "bloop.api.graph",
    "bloop.api.learning",
    "bloop.api.today",
    "bloop.api.search",
    "bloop.api.plugins",
    "bloop.api.plugin_settings",
    "bloop.api.connections",
    "bloop.api.connection_acts",
    "bloop.api.own_connections",
    "bloop.api.setup",
    "bloop.api.jobs",
    "bloop.api.schedules",
    "bloop.api.events",
    "bloop.api.audit",
    "bloop.api.live",
    "bloop.api.webhooks",
    "bloop.api.topology",
    "bloop.api.storage",
    "bloop.api.system",
    "bloop.api.overview",
    "bloop.api.limits",
    "bloop.api.policy",
    "bloop.api.openapi",
    "bloop.api.plugin_routes",
    "bloop.api.inbound",
)
"""The modules whose ``router`` makes the API."""

PAGES = (
    "bloop.web.course_settings_pages",  # Before /courses/{id}.
    "bloop.web.today_pages",
    "bloop.web.routes",
    "bloop.web.offline_pages",
    "bloop.web.framed_pages",
    "bloop.web.quiz_pages",
    "bloop.web.quiz_edit_pages",
    "bloop.web.quiz_paste_pages",
    "bloop.web.question_pages",
    "bloop.web.quiz_answer_pages",
    "bloop.web.quiz_preview_pages",
    "bloop.web.review_pages",
    "bloop.web.learning_pages",
    "bloop.web.language_pages",
    "bloop.web.suggestion_pages",  # Before /concepts/{concept_id}.
    "bloop.web.concept_pages",
    "bloop.web.next_pages",
    "bloop.web.map_pages",
    "bloop.web.plugin_pages",
    "bloop.web.settings_pages",
    "bloop.web.setup_pages",
    "bloop.web.import_pages",
    "bloop.web.connection_pages",
    "bloop.web.connection_acts",
    "bloop.web.own_connection_pages",
    "bloop.web.job_pages",
    "bloop.web.event_pages",
    "bloop.web.webhook_pages",
    "bloop.web.course_edit_pages",
    "bloop.web.course_publish_pages",
    "bloop.web.course_history_pages",
    "bloop.web.course_people_pages",
    "bloop.web.class_pages",
    "bloop.web.gap_pages",
    "bloop.web.steering_pages",
    "bloop.web.certificate_pages",
    "bloop.web.lesson_edit_pages",
    "bloop.web.note_pages",
    "bloop.web.own_note_pages",
    "bloop.web.note_history_pages",
    "bloop.web.group_pages",
    "bloop.web.requirement_pages",
    "bloop.web.rule_pages",
    "bloop.web.people_pages",
    "bloop.web.person_acts",
    "bloop.web.invite_pages",
    "bloop.web.join_pages",
    "bloop.web.login_pages",
    "bloop.web.kept_pages",
    "bloop.web.account_pages",
    "bloop.web.security_pages",
    "bloop.web.second_factor_pages",
    "bloop.web.identity_pages",
    "bloop.web.key_pages",
    "bloop.web.search_pages",
    "bloop.web.audit_pages",
    "bloop.web.policy_pages",
    "bloop.web.admin_pages",
    "bloop.web.storage_pages",
    "bloop.web.system_pages",
    "bloop.web.limit_pages",
    "bloop.web.schedule_pages",
    "bloop.web.quarantine_pages",
)


def routes_of(modules: Sequence[str]) -> list[Route]:
    """The routes of some modules, and those of health."""
    routers: list[Router] = [health, *(import_module(name).router for name in modules)]
    return [route for router in routers for route in router.routes]


def create_edge(hub: HubParts, *, error_page: ErrorPage | None = None) -> Edge:
    """The ASGI app of a hub with the routes of health; ``edge.use`` adds the others.

    Starting and stopping the hub is yours.
    """
    config = hub.config.value
    return Edge(
        health.routes,
        Visitors(hub),
        AccessLog(config.log),
        upload_bytes=config.limits.upload_bytes,
        rates=RateLimits(hub, hub.database.shared_rates),
        error_page=error_page,
    )


def create_app(hub: HubParts, *, extra: Sequence[Router] = ()) -> FastAPI:
    """The whole API of a hub as a FastAPI app, with ``extra`` routers."""
    from bloop.api.embedded import HubApp

    edge = create_edge(hub)
    edge.use([*routes_of(API), *(route for router in extra for route in router.routes)])
    return HubApp(edge)
