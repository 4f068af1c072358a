"""Who is in which course, and who may see it: enrolments of the hub's own users and groups.

``models`` holds them, and which person of another system is which user; ``visibility`` says in SQL
what somebody may see, ``standing`` the same of one row for the policies, ``service`` changes it.
"""
