"""All routes of content, for the app."""

from __future__ import annotations

from bloop.accounts.access import Router
from bloop.content import act_routes, draft_routes, file_routes, learner_routes, tree_routes
from bloop.content.notes import own_routes as own_note_routes
from bloop.content.notes import routes as note_routes

router = Router(prefix="/api/v1", tags=["content"])
router.routes.extend((*tree_routes.router.routes, *act_routes.router.routes))
router.routes.extend((*file_routes.router.routes, *learner_routes.router.routes))
router.routes.extend(draft_routes.router.routes)
router.routes.extend(note_routes.router.routes)
router.routes.extend(own_note_routes.router.routes)
