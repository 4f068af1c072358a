"""Which roles have an action: made of the policies by ``python tools/policy_docs.py``.

Bit 0 is a guest's, then learner, educator, admin and operator.
"""

BITS: dict[str, int] = {
    "account:read": 0b11110,
    "account:write": 0b11110,
    "config:read": 0b10000,
    "connections:read": 0b11000,
    "connections:write": 0b11000,
    "content:export": 0b11100,
    "content:import": 0b11100,
    "content:publish": 0b11100,
    "content:read": 0b11111,
    "content:write": 0b11100,
    "events:read": 0b10000,
    "events:replay": 0b10000,
    "events:watch": 0b11111,
    "hub:visit": 0b11111,
    "institutions:read": 0b11110,
    "institutions:write": 0b10000,
    "jobs:cancel": 0b11100,
    "jobs:read": 0b11100,
    "ops:read": 0b10000,
    "plugins:enable": 0b11000,
    "plugins:read": 0b11000,
    "plugins:toggle": 0b10000,
    "policy:read": 0b11000,
    "schedules:read": 0b11000,
    "schedules:write": 0b11000,
    "users:read": 0b11000,
    "webhooks:read": 0b11000,
    "webhooks:write": 0b11000,
}
