"""The web service functions of a Moodle of tests, by name."""

from __future__ import annotations

from typing import Any

from plugins.lms.moodle.tests.fake_site import BASE, START, TEACHER
from plugins.lms.moodle.tests.fake_work import RefusedError, Work

__all__ = ["SITE_INFO", "Functions", "RefusedError", "nested"]


def nested(form: dict[str, str]) -> dict[str, Any]:
    """Arguments as PHP reads them."""
    root: dict[str, Any] = {}
    for name, value in form.items():
        steps = name.replace("]", "").split("[")
        place = root
        for step in steps[:-1]:
            place = place.setdefault(step, {})
        place[steps[-1]] = value
    return root


class Functions(Work):
    """Answers in the shapes of a real Moodle's."""

    def named(self, name: str) -> Any:
        """The function of a name, or None."""
        return getattr(self, name, None) if name.startswith(("core_", "mod_", "grade")) else None

    def core_enrol_get_users_courses(self, arguments: dict) -> Any:
        assert arguments["userid"] == str(TEACHER)
        counted = {} if arguments.get("returnusercount") == "0" else {"enrolledusercount": 3}
        return [{**self.site.course, **counted}]

    def core_course_get_contents(self, arguments: dict) -> Any:
        self._course(arguments["courseid"])
        return self.site.outline()

    def core_course_get_updates_since(self, arguments: dict) -> Any:
        self._course(arguments["courseid"])
        since, instances = int(arguments["since"]), []
        for cmid, held in self.site.instances.items():
            kind, at = self.site.modules[cmid]["modname"], held["modified"]
            if kind == "forum":
                at = max([at, *(one["timemodified"] for one in self.site.discussions)])
            if at >= since:
                update = {"name": "configuration", "timeupdated": at}
                instances.append({"contextlevel": "module", "id": cmid, "updates": [update]})
        return {"instances": instances, "warnings": []}

    def core_course_get_course_module(self, arguments: dict) -> Any:
        cmid = int(arguments["cmid"]) if arguments["cmid"].isdigit() else 0
        if cmid not in self.site.modules:
            raise RefusedError("dml_missing_record_exception", "invalidrecord", "no such module")
        held = self.site.modules[cmid]
        module = {"id": cmid, "course": 2, "modname": held["modname"]}
        if held["modname"] == "assign":  # An editing teacher is told how it is graded.
            method = {"area": "submissions", "method": self.site.method or ""}
            module |= {"grade": self.site.assign["grade"], "advancedgrading": [method]}
        return {"cm": {**module, "instance": held["instance"]}, "warnings": []}

    def core_group_get_course_groups(self, arguments: dict) -> Any:
        self._course(arguments["courseid"])
        return [
            {
                "id": 1,
                "courseid": 2,
                "name": "Lab A",
                "description": "<p>Group Lab A</p>",
                "descriptionformat": 1,
                "enrolmentkey": "secret-key",
                "idnumber": "G-A",
                "visibility": 0,
                "participation": True,
            }
        ]

    def core_enrol_get_enrolled_users(self, arguments: dict) -> Any:
        self._course(arguments["courseid"])
        options = {one["name"]: one["value"] for one in arguments.get("options", {}).values()}
        fields = options["userfields"].split(",")
        users = []
        for number, (name, role, groups) in sorted(self.site.users.items()):
            if options.get("onlyactive") == "1" and number in self.site.suspended:
                continue
            user = {
                "id": number,
                "fullname": name,
                "email": f"u{number}@example.com",
                "idnumber": f"S-{number}",
                "groups": [
                    {"id": one, "name": "Lab A", "description": "", "descriptionformat": 1}
                    for one in groups
                ],
                "roles": [{"roleid": 5, "name": "", "shortname": role, "sortorder": 0}],
            }
            users.append({key: value for key, value in user.items() if key in fields})
        start = int(options["limitfrom"])
        return users[start : start + int(options["limitnumber"])]

    def core_competency_list_course_competencies(self, arguments: dict) -> Any:
        self._course(arguments["id"])
        return [
            {"competency": competency(2, 1, "Titrate"), "coursecompetency": {"id": 1}},
            {"competency": competency(1, 0, "Measure"), "coursecompetency": {"id": 2}},
        ]

    def mod_page_get_pages_by_courses(self, arguments: dict) -> Any:
        listed = []
        for cmid, held in self._listed("page", arguments):
            page = {
                "content": held["content"],
                "contentformat": 1,
                "contentfiles": held["contentfiles"],
                "legacyfiles": 0,
                "legacyfileslast": None,
                "display": 0,
                "displayoptions": "a:0:{}",
                "revision": 0,
            }
            listed.append({**self._common(cmid), **page, "timemodified": held["modified"]})
        return {"pages": listed, "warnings": []}

    def mod_assign_get_assignments(self, arguments: dict) -> Any:
        listed = []
        for cmid, held in self._listed("assign", arguments):
            configs = [
                {
                    "plugin": plugin,
                    "subtype": "assignsubmission",
                    "name": "enabled",
                    "value": value,
                }
                for plugin, value in (("onlinetext", "1"), ("file", "1"), ("comments", "0"))
            ]
            common = self._common(cmid, "cmid")
            extra = {
                "nosubmissions": 0,
                "duedate": START + 86400,
                "allowsubmissionsfromdate": START,
                "cutoffdate": 0,
                **self.site.assign,
                "configs": configs,
                "introattachments": [],
            }
            listed.append({**common, **extra, "timemodified": held["modified"]})
        course = {"id": 2, "fullname": "Acids &amp; Bases", "shortname": "CHEM101"}
        course |= {"timemodified": START, "assignments": listed}
        return {"courses": [course], "warnings": []}

    def core_grading_get_definitions(self, arguments: dict) -> Any:
        assert arguments["areaname"] == "submissions"
        if arguments.get("activeonly") == "1" and self.site.method is None:
            # It asks for the form of no method, and refuses itself for all modules.
            raise RefusedError("moodle_exception", "invalid_method_name", "Invalid method name")
        levels = [
            {"id": n, "score": n * 10.0, "definition": f"Level {n}", "definitionformat": 0}
            for n in range(3)
        ]
        criterion = {"id": 1, "sortorder": 1, "description": "Accuracy", "levels": levels}
        form = {
            "id": 1,
            "method": "rubric",
            "name": "Report",
            "description": "",
            "status": 20,
            "timecreated": START,
            "usercreated": TEACHER,
            "timemodified": START,
            "usermodified": TEACHER,
            "timecopied": 0,
            "rubric": {"rubric_criteria": [criterion]},
        }
        area = {
            "cmid": int(arguments["cmids"]["0"]),
            "contextid": 28,
            "component": "mod_assign",
            "areaname": "submissions",
            "activemethod": self.site.method,
            "definitions": [form],
        }
        return {"areas": [area], "warnings": []}

    def mod_quiz_get_quizzes_by_courses(self, arguments: dict) -> Any:
        listed = []
        for cmid, held in self._listed("quiz", arguments):
            quiz = {
                "timeopen": START,
                "timeclose": 0,
                "timelimit": 1800,
                "attempts": 3,
                "sumgrades": 5,
                "grade": 10,
                "password": "open sesame",
                "subnet": "10.0.0.0/8",
                "timecreated": START,
                "timemodified": held["modified"],
            }
            listed.append({**self._common(cmid), **quiz})
        return {"quizzes": listed, "warnings": []}

    def mod_forum_get_forums_by_courses(self, arguments: dict) -> Any:
        listed = []
        for cmid, held in self._listed("forum", arguments):
            common = self._common(cmid, "cmid")
            forum = {
                "type": held["forumtype"],
                "duedate": 0,
                "timemodified": held["modified"],
                "numdiscussions": len(self.site.discussions),
                "istracked": False,
            }
            listed.append({**common, **forum})
        return listed

    def mod_forum_get_forum_discussions(self, arguments: dict) -> Any:
        assert arguments["sortorder"] == "4"
        page, size = int(arguments["page"]), int(arguments["perpage"])
        some = self.site.discussions[page * size : (page + 1) * size]
        return {"discussions": some, "warnings": []}

    def mod_book_get_books_by_courses(self, arguments: dict) -> Any:
        listed = [
            {**self._common(cmid), "numbering": 1, "revision": 2, "timemodified": held["modified"]}
            for cmid, held in self._listed("book", arguments)
        ]
        return {"books": listed, "warnings": []}

    def mod_glossary_get_glossaries_by_courses(self, arguments: dict) -> Any:
        listed = [
            {**self._common(cmid), "timemodified": held["modified"]}
            for cmid, held in self._listed("glossary", arguments)
        ]
        return {"glossaries": listed, "warnings": []}

    def mod_glossary_get_entries_by_letter(self, arguments: dict) -> Any:
        start, size = int(arguments["from"]), int(arguments["limit"])
        some = self.site.entries[start : start + size]
        return {"count": len(self.site.entries), "entries": some, "warnings": []}

    def mod_lti_get_ltis_by_courses(self, arguments: dict) -> Any:
        listed = []
        for cmid, held in self._listed("lti", arguments):
            tool = {
                "typeid": 0,
                "toolurl": "https://tool.example/launch",
                "securetoolurl": None,
                "instructorcustomparameters": "level=2\nmode = lab",
                "resourcekey": "the-key",
                "password": "the-secret",
                "servicesalt": "the-salt",
                "timemodified": held["modified"],
            }
            listed.append({**self._common(cmid), **tool})
        return {"ltis": listed, "warnings": []}

    def mod_choice_get_choices_by_courses(self, arguments: dict) -> Any:
        listed = [
            {**self._common(cmid), "timemodified": held["modified"]}
            for cmid, held in self._listed("choice", arguments)
        ]
        return {"choices": listed, "warnings": []}

    def _listed(self, kind: str, arguments: dict) -> list[tuple[int, dict]]:
        assert arguments["courseids"] == {"0": "2"}
        return [
            (cmid, self.site.instances[cmid])
            for cmid, held in self.site.modules.items()
            if held["modname"] == kind and held["uservisible"]
        ]

    def _common(self, cmid: int, named: str = "coursemodule") -> dict:
        held, module = self.site.instances[cmid], self.site.modules[cmid]
        common = {
            "id": module["instance"],
            named: cmid,
            "course": 2,
            "name": held["name"],
            "intro": held["intro"],
            "introformat": 1,
            "introfiles": [],
        }
        if named == "cmid":  # The two older functions give less.
            return common
        return {
            **common,
            "section": 1,
            "visible": bool(module["visible"]),
            "groupmode": 0,
            "groupingid": 0,
            "lang": "",
        }


def competency(number: int, parent: int, title: str) -> dict:
    return {
        "shortname": title,
        "idnumber": f"C{number}",
        "description": "",
        "descriptionformat": 1,
        "sortorder": 0,
        "parentid": parent,
        "path": f"/0/{parent}/" if parent else "/0/",
        "ruleoutcome": 0,
        "competencyframeworkid": 1,
        "id": number,
        "timecreated": START,
        "timemodified": START,
        "usermodified": TEACHER,
    }


SITE_INFO = {
    "sitename": "River &amp; Sea School",
    "username": "teacher1",
    "firstname": "Teresa",
    "lastname": "Teacher",
    "fullname": "Teresa Teacher",
    "lang": "en",
    "userid": TEACHER,
    "siteurl": BASE,
    "downloadfiles": 1,
    "uploadfiles": 1,
    "release": "4.5.6 (Build: 20250811)",
    "version": "2024100706",
    "userissiteadmin": False,
    "userprivateaccesskey": "a-key-of-its-own",
}
