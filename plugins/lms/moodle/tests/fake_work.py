"""Work, progress and dates: functions of a Moodle of tests."""

from __future__ import annotations

from typing import Any

from plugins.lms.moodle.tests.fake_site import LEARNER, START, TEACHER, Site, grade


class RefusedError(Exception):
    """An error of Moodle's: its class, code and message."""

    def __init__(self, kind: str, code: str, message: str) -> None:
        super().__init__(code)
        self.answer = {"exception": kind, "errorcode": code, "message": message}


class Work:
    """Answers about what people did."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def core_calendar_get_calendar_events(self, arguments: dict) -> Any:
        assert arguments["events"]["courseids"] == {"0": "2"}
        event = {
            "id": 1,
            "name": "Titration report is due",
            "description": "",
            "format": 1,
            "courseid": 2,
            "categoryid": None,
            "groupid": None,
            "userid": TEACHER,
            "repeatid": None,
            "modulename": "assign",
            "instance": 108,
            "eventtype": "due",
            "timestart": START + 86400,
            "timeduration": 0,
            "visible": 1,
            "uuid": "",
            "sequence": 1,
            "timemodified": START,
            "subscriptionid": None,
        }
        return {"events": [event], "warnings": []}

    def mod_assign_get_submissions(self, arguments: dict) -> Any:
        assert arguments["assignmentids"] == {"0": "108"}
        return {
            "assignments": [{"assignmentid": 108, "submissions": self.site.submissions}],
            "warnings": [],
        }

    def mod_assign_get_grades(self, arguments: dict) -> Any:
        assert arguments["assignmentids"] == {"0": "108"}
        sent = {one["userid"]: one["attemptnumber"] for one in self.site.submissions}
        grades = [  # Of the newest attempt alone.
            one
            for user, one in self.site.grades.items()
            if sent.get(user, 0) == one["attemptnumber"]
        ]
        return {"assignments": [{"assignmentid": 108, "grades": grades}], "warnings": []}

    def mod_assign_save_grade(self, arguments: dict) -> Any:
        """Never an error: what is not taken is dropped, what is missing counts as emptied."""
        self.site.now += 1
        user, score = int(arguments["userid"]), float(arguments["grade"])
        if not self.site.locked:
            self.site.state = arguments["workflowstate"]
            if self.site.method is not None:
                score = 0.0  # The form that is not filled in.
            if score <= self.site.assign["grade"]:
                self.site.grades[user] = grade(user, f"{score:.5f}", self.site.now)
            if self.site.assign["attemptreopenmethod"] == "untilpass":
                self.site.submissions[0] |= {"attemptnumber": 1, "status": "reopened"}
        editor = arguments.get("plugindata", {}).get("assignfeedbackcomments_editor")
        self.site.feedback = editor["text"] if editor else ""

    def mod_assign_get_submission_status(self, arguments: dict) -> Any:
        assert arguments["assignid"] == "108"
        if self.site.assign["markingworkflow"] and self.site.state != "released":
            return {"lastattempt": {}, "warnings": []}
        text = {"name": "comments", "description": "Feedback comments", "format": 1}
        plugin = {"type": "comments", "name": "Feedback comments"}
        plugin["editorfields"] = [{**text, "text": self.site.feedback}]
        return {"lastattempt": {}, "feedback": {"plugins": [plugin]}, "warnings": []}

    def mod_assign_get_user_flags(self, arguments: dict) -> Any:
        assert arguments["assignmentids"] == {"0": "108"}
        flags = {"id": 1, "userid": LEARNER, "locked": 0, "mailed": 2, "extensionduedate": 0}
        flags |= {"workflowstate": self.site.state, "allocatedmarker": 0}
        return {"assignments": [{"assignmentid": 108, "userflags": [flags]}], "warnings": []}

    def gradereport_user_get_grade_items(self, arguments: dict) -> Any:
        self._course(arguments["courseid"])
        if arguments["userid"] not in {"0", str(LEARNER)}:
            raise RefusedError(
                "moodle_exception", "nopermissiontoviewgrades", "Cannot view grades."
            )
        held = self.site.grades.get(LEARNER)
        unreleased = self.site.assign["markingworkflow"] and self.site.state != "released"
        score = None if held is None or unreleased else float(held["grade"])
        items = [self._item(2, 8, "assign", score, 100), self._item(3, 9, "quiz", None, 10)]
        user = {
            "courseid": 2,
            "courseidnumber": "SIS-1",
            "userid": LEARNER,
            "userfullname": "Zoë Ångström",
            "useridnumber": "S-5",
            "maxdepth": 2,
            "gradeitems": items,
        }
        return {"usergrades": [user], "warnings": []}

    def _item(self, number: int, cmid: int, kind: str, score: float | None, points: int) -> dict:
        graded = score is not None
        return {
            "id": number,
            "itemname": self.site.modules.get(cmid, {}).get("name"),
            "itemtype": "mod",
            "itemmodule": kind,
            "iteminstance": 100 + cmid,
            "itemnumber": 0,
            "idnumber": "",
            "categoryid": 1,
            "outcomeid": None,
            "scaleid": None,
            "locked": None,
            "cmid": cmid,
            "weightraw": 0.5,
            "weightformatted": "50.00 %",
            "graderaw": score,
            "gradedatesubmitted": None,
            "gradedategraded": self.site.grades[LEARNER]["timemodified"] if graded else None,
            "gradehiddenbydate": False,
            "gradeneedsupdate": False,
            "gradeishidden": self.site.hidden,
            "gradeislocked": self.site.locked,
            "gradeisoverridden": None,
            "gradeformatted": f"{score:.2f}" if graded else "-",
            "grademin": 0,
            "grademax": points,
            "rangeformatted": f"0&ndash;{points}",
            "percentageformatted": f"{score:.2f} %" if graded else "-",
            "feedback": self.site.feedback if graded else "",
            "feedbackformat": 1,
        }

    def core_completion_get_activities_completion_status(self, arguments: dict) -> Any:
        self._course(arguments["courseid"])
        done = arguments["userid"] == str(LEARNER)
        status = {
            "cmid": 2,
            "modname": "page",
            "instance": 102,
            "state": 1 if done else 0,
            "timecompleted": START if done else 0,
            "tracking": 2,
            "overrideby": None,
            "valueused": False,
            "hascompletion": True,
            "isautomatic": True,
            "istrackeduser": True,
            "uservisible": True,
            "details": [],
            "isoverallcomplete": done,
        }
        return {"statuses": [status] if 2 in self.site.modules else [], "warnings": []}

    def _course(self, number: str) -> None:
        if number != "2":
            raise RefusedError("dml_missing_record_exception", "invalidrecord", "no such course")
