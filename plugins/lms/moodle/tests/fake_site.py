"""What a Moodle of tests holds: one course with one of each type, in the shapes of a real 4.5."""

from __future__ import annotations

import json

BASE = "https://moodle.example/site"
START = 1_780_000_000
TEACHER, LEARNER, OTHER = 3, 5, 6
CONTEXT = 20
"""A module's context is this and its id."""


class Site:
    """The site's tables; ids of a new thing are never those of an old one."""

    def __init__(self) -> None:
        self.now = START + 10 * 86400
        self.course = {
            "id": 2,
            "shortname": "CHEM101",
            "fullname": "Acids &amp; Bases",
            "displayname": "Acids &amp; Bases",
            "idnumber": "SIS-1",
            "visible": 1,
            "summary": "<p>About acids.</p>",
            "summaryformat": 1,
            "format": "topics",
            "courseimage": f"{BASE}/pluginfile.php/21/course/generated/course.svg",
            "showgrades": True,
            "lang": "en",
            "enablecompletion": True,
            "completionhascriteria": False,
            "completionusertracked": True,
            "category": 2,
            "progress": 0,
            "completed": False,
            "startdate": START,
            "enddate": 0,
            "marker": 0,
            "lastaccess": None,
            "isfavourite": False,
            "hidden": False,
            "overviewfiles": [],
            "showactivitydates": False,
            "showcompletionconditions": True,
            "timemodified": START,
        }
        self.users = {
            TEACHER: ("Teresa Teacher", "editingteacher", [1]),
            LEARNER: ("Zoë Ångström", "student", [1]),
            OTHER: ("李 小龙", "student", []),
        }
        self.suspended = {OTHER}
        self.sections = [
            section(1, 0, "General"),
            section(2, 1, "Week 1 – pH", "<p>Read this first.</p>"),
            section(3, 2, "Week 2", visible=0),
            section(4, 3, "Extra reading", component="mod_subsection", itemid=1),
        ]
        self.places: dict[int, list[int]] = {1: [], 2: [], 3: [], 4: []}
        self.modules: dict[int, dict] = {}
        self.instances: dict[int, dict] = {}
        self.files: dict[str, bytes] = {}
        self.discussions: list[dict] = []
        self.entries: list[dict] = []
        self.chapters = {1: ("Safety", "<h3>Safety</h3><p>Wear goggles.</p>", 0)}
        self.chapters[2] = ("Glassware", '<p><img src="flask.png"></p>', 1)
        self.grades: dict[int, dict] = {}
        self.feedback = ""
        self.assign = {"grade": 100, "teamsubmission": 0, "markingworkflow": 0}
        self.assign |= {"blindmarking": 0, "revealidentities": 0, "attemptreopenmethod": "none"}
        self.method, self.locked, self.hidden, self.state = "rubric", False, False, ""
        self.submissions: list[dict] = []
        self.completion = {1: 0}
        self._fill()

    def _fill(self) -> None:
        self.add(1, 1, "label", "Welcome", description="<p>Welcome.</p>")
        self.add(
            2,
            2,
            "page",
            "What is pH?",
            content=f'<p>pH <img src="{self.url(2, "mod_page/content", "scale.svg")}"></p>',
            contentfiles=[self.file(2, "mod_page/content/0", "scale.svg", b"<svg/>")],
        )
        self.add(2, 3, "url", "External reading", href="https://example.org/ph?x=1&y=2")
        self.add(2, 4, "resource", "Lecture notes")
        self.file(4, "mod_resource/content/7", "lecture 1 – pH.pdf", b"%PDF-1.4 notes")
        self.add(2, 5, "folder", "Lab sheets")
        self.file(5, "mod_folder/content/1", "data/readings.csv", b"a,b\n1,2\n")
        self.add(2, 6, "book", "Handbook", intro="<p>How we work.</p>")
        self.file(6, "mod_book/chapter/2", "flask.png", b"PNG")
        self.add(2, 7, "forum", "Announcements", forumtype="news")
        self.discuss("Exam on Friday", "<p>Room 5.</p>")
        self.add(2, 8, "assign", "Titration report", intro="<p>Write 500 words.</p>")
        self.add(2, 9, "quiz", "pH quiz", intro="<p>Five questions</p>")
        self.add(2, 10, "glossary", "Terms")
        self.define("pOH", "<p>The other one.</p>")
        self.add(2, 11, "choice", "Lab slot", intro="<p>Choose one.</p>")
        self.add(2, 12, "lti", "Simulator")
        self.add(3, 13, "page", "Buffers", content="<p>Hidden</p>", contentfiles=[])
        self.add(2, 14, "subsection", "Extra reading")
        self.add(4, 15, "page", "Below", content="<p>Deep</p>", contentfiles=[])
        self.submissions.append(submission(LEARNER))
        self.grades[LEARNER] = grade(LEARNER, "87.50000", START)
        self.now += 86400

    def add(self, place: int, cmid: int, kind: str, name: str, **fields: object) -> None:
        """Add a module at the end of a section."""
        self.places[place].append(cmid)
        self.modules[cmid] = {
            "id": cmid,
            "modname": kind,
            "name": name,
            "instance": 1 if kind == "subsection" else 100 + cmid,
            "place": place,
            "visible": 1,
            "uservisible": True,
            "description": fields.pop("description", None),
            "href": fields.pop("href", None),
        }
        self.instances[cmid] = {
            "name": name,
            "intro": "",
            "modified": START,
            "content": "",
            "contentfiles": [],
            **fields,
        }

    def touch(self, cmid: int, **fields: object) -> None:
        """Edit a module, some time later."""
        self.now += 60
        self.instances[cmid] |= {**fields, "modified": self.now}

    def discuss(self, subject: str, message: str) -> dict:
        """Start a discussion in the forum."""
        number = max((one["discussion"] for one in self.discussions), default=0) + 1
        self.discussions.append(discussion(number, subject, message, self.now))
        return self.discussions[-1]

    def define(self, concept: str, definition: str) -> None:
        """Add an entry to the glossary."""
        number = max((one["id"] for one in self.entries), default=0) + 1
        self.entries.append(glossary_entry(number, concept, definition, self.now))

    @staticmethod
    def url(cmid: int, area: str, name: str) -> str:
        """The address of a file, as texts have it."""
        return f"{BASE}/webservice/pluginfile.php/{CONTEXT + cmid}/{area}/{name}"

    def file(self, cmid: int, area: str, name: str, content: bytes) -> dict:
        """Keep a file; what lists of files say of it."""
        folder, _, own = f"/{name}".rpartition("/")
        self.files[f"/{CONTEXT + cmid}/{area}/{name}"] = content
        return {
            "filename": own,
            "filepath": f"{folder}/",
            "filesize": len(content),
            "fileurl": self.url(cmid, area, name),
            "timemodified": START,
            "mimetype": "image/svg+xml",
            "isexternalfile": False,
            "icon": "f/image",
        }

    def outline(self) -> list[dict]:
        """What ``core_course_get_contents`` answers."""
        listed = []
        for one in self.sections:
            # What is in a section that is restricted is not listed at all.
            places = self.places[one["id"]] if one["uservisible"] else []
            modules = [self.module(cmid) for cmid in places]
            listed.append({**one, "modules": modules})
        return listed

    def module(self, cmid: int) -> dict:
        """A module of the outline."""
        held = self.modules[cmid]
        kind = held["modname"]
        entry = {
            "id": cmid,
            "name": held["name"],
            "instance": held["instance"],
            "contextid": CONTEXT + cmid,
            "visible": held["visible"],
            "uservisible": held["uservisible"],
            "visibleoncoursepage": 1,
            "modicon": f"{BASE}/theme/image.php/boost/{kind}/{self.now}/monologo",
            "modname": kind,
            "purpose": "content",
            "branded": False,
            "modplural": f"{kind}s",
            "availability": None,
            "indent": 0,
            "onclick": "",
            "afterlink": None,
            "customdata": held.get("customdata", '{"display":6}' if kind == "url" else '""'),
            "noviewlink": kind == "label",
            "completion": 1 if cmid == 2 else 0,
            "downloadcontent": 1,
            "dates": [],
            "groupmode": 0,
        }
        if held["description"] is not None:
            entry["description"] = held["description"]
        if kind != "label":
            entry["url"] = f"{BASE}/mod/{kind}/view.php?id={cmid}"
        if not held["uservisible"]:
            entry["availabilityinfo"] = "Available from <strong>1 January 2100</strong>"
            entry["availability"] = '{"op":"&","c":['  # Broken on purpose: nobody may rely on it.
        elif kind in {"page", "url", "resource", "folder", "book"}:
            entry["contents"] = self.contents(cmid)
            entry["contentsinfo"] = {
                "filescount": len(entry["contents"]),
                "filessize": 0,
                "lastmodified": self.instances[cmid]["modified"],
                "mimetypes": [],
                "repositorytype": "",
            }
        return entry

    def contents(self, cmid: int) -> list[dict]:
        """The files of a module, as the outline has them."""
        kind, modified = self.modules[cmid]["modname"], self.instances[cmid]["modified"]
        if kind == "url":
            href = self.modules[cmid]["href"]
            return [content("External reading", href, modified, type="url", filepath=None)]
        listed = []
        if kind == "book":
            toc = [self._toc(number) for number in (1,)]
            listed.append(
                content("structure", None, modified, type="content", content=json.dumps(toc))
            )
            for number, (title, _, _) in self.chapters.items():
                url = self.url(cmid, f"mod_book/chapter/{number}", "index.html")
                place = f"/{number}/"
                listed.append(
                    content("index.html", url, modified, filepath=place, content=title, tags=[])
                )
        prefix = f"/{CONTEXT + cmid}/"
        for path, held in self.files.items():
            if path.startswith(prefix):
                _, _, _, area, item, *inner = path.split("/")
                del area
                url = f"{BASE}/webservice/pluginfile.php{path}?forcedownload=1"
                folder = "/".join(["", *([item] if kind == "book" else []), *inner[:-1], ""])
                file = content(inner[-1], url, modified, filepath=folder, filesize=len(held))
                listed.append({**file, "mimetype": "text/plain", "isexternalfile": False})
        if kind == "page":
            url = self.url(cmid, "mod_page/content", "index.html?forcedownload=1")
            listed.append(content("index.html", url, modified))
        return listed

    def _toc(self, number: int) -> dict:
        title, _, _ = self.chapters[number]
        below = [self._toc(2)] if number == 1 and 2 in self.chapters else []
        return {
            "title": title,
            "href": f"{number}/index.html",
            "level": number - 1,
            "hidden": "0",
            "subitems": below,
        }


def section(
    number: int,
    position: int,
    name: str,
    summary: str = "",
    visible: int = 1,
    component: str | None = None,
    itemid: int | None = None,
) -> dict:
    return {
        "id": number,
        "name": name,
        "visible": visible,
        "summary": summary,
        "summaryformat": 1,
        "section": position,
        "hiddenbynumsections": 0,
        "uservisible": True,
        "component": component,
        "itemid": itemid,
    }


def content(name: str, url: str | None, modified: int, **fields: object) -> dict:
    return {
        "type": "file",
        "filename": name,
        "filepath": "/",
        "filesize": 0,
        "fileurl": url,
        "timecreated": modified,
        "timemodified": modified,
        "sortorder": 0,
        "userid": None,
        "author": None,
        "license": None,
        **fields,
    }


def discussion(number: int, subject: str, message: str, at: int) -> dict:
    picture = f"{BASE}/theme/image.php/boost/core/1/u/f2"
    return {
        "id": number,
        "name": subject,
        "groupid": -1,
        "timemodified": at,
        "usermodified": TEACHER,
        "timestart": 0,
        "timeend": 0,
        "discussion": number,
        "parent": 0,
        "userid": TEACHER,
        "created": at,
        "modified": at,
        "mailed": 0,
        "subject": subject,
        "message": message,
        "messageformat": 1,
        "messagetrust": 0,
        "attachment": False,
        "totalscore": 0,
        "mailnow": 0,
        "userfullname": "Teresa Teacher",
        "usermodifiedfullname": "Teresa Teacher",
        "userpictureurl": picture,
        "usermodifiedpictureurl": picture,
        "numreplies": 0,
        "numunread": 0,
        "pinned": False,
        "locked": False,
        "starred": False,
        "canreply": True,
        "canlock": True,
        "canfavourite": True,
    }


def glossary_entry(number: int, concept: str, definition: str, at: int) -> dict:
    return {
        "id": number,
        "glossaryid": 110,
        "userid": TEACHER,
        "userfullname": "Teresa Teacher",
        "userpictureurl": f"{BASE}/u/f1",
        "concept": concept,
        "definition": definition,
        "definitionformat": 1,
        "definitiontrust": False,
        "attachment": False,
        "timecreated": at,
        "timemodified": at,
        "teacherentry": True,
        "sourceglossaryid": 0,
        "usedynalink": True,
        "casesensitive": False,
        "fullmatch": True,
        "approved": True,
        "tags": [],
    }


def submission(user: int) -> dict:
    return {
        "id": 1,
        "userid": user,
        "attemptnumber": 0,
        "timecreated": START,
        "timemodified": START,
        "timestarted": None,
        "status": "submitted",
        "groupid": 0,
        "plugins": [{"type": "comments", "name": "Submission comments"}],
        "gradingstatus": "graded",
    }


def grade(user: int, score: str, at: int) -> dict:
    return {
        "id": 1,
        "userid": user,
        "attemptnumber": 0,
        "timecreated": START,
        "timemodified": at,
        "grader": TEACHER,
        "grade": score,
    }
