"""Which entitlements Blackboard asks for where: its own 403 says only that one is missing."""

from __future__ import annotations

import re

from bloop_sdk import PermissionMissingError

_NEEDED = (
    (r"/v1/terms", "system.term.VIEW"),
    (r"/v1/courseRoles", "system.courserole.manager.VIEW"),
    (r"/v1/users/[^/]+", "user.VIEW"),
    (r"/v[23]/courses(/[^/]+)?", "system.course.VIEW"),
    (r"/v1/courses/[^/]+/users", "course.user.VIEW"),
    (r"/v2/courses/[^/]+/groups", "course.groups.VIEW"),
    (r"/v2/courses/[^/]+/groups/[^/]+/users", "course.group.VIEW"),
    (r"/v1/courses/[^/]+/contents.*", "course.content.MODIFY"),
    (r"/v1/courses/[^/]+/assessments/.*", "course.assessment.MODIFY"),
    (r"/v1/courses/[^/]+/announcements.*", "course.announcements.VIEW"),
    (r"/v1/courses/[^/]+/discussions.*", "discussion.forum.VIEW"),
    (r"/v2/courses/[^/]+/gradebook/.*", "course.gradebook.MODIFY"),
    (r"/v1/courses/[^/]+/performance/.*", "course.performance.dashboard.VIEW"),
    (r"/v1/calendars/items.*", "course.calendar-entry.VIEW"),
)
"""The least of those that Blackboard's reference names for reading a path, by the path."""


def needed(path: str, err: PermissionMissingError) -> PermissionMissingError:
    """The same refusal with the entitlement's name."""
    for pattern, entitlement in _NEEDED:
        if re.fullmatch(pattern, path):
            return PermissionMissingError(
                f"Blackboard refuses {path}: the entitlement {entitlement} is missing",
                permission=entitlement,
                cure=f"give the application's user a role with {entitlement}",
            )
    return err
