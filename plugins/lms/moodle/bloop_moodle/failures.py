"""What Moodle's error codes mean.

Errors come with status 200 as ``{"exception", "errorcode", "message"}`` from functions and as
``{"error", "errorcode"}`` from logins and files. The classes have changed their names between
versions, the codes have not. ``debuginfo`` (SQL, paths) is never repeated.
"""

from __future__ import annotations

import json
import re
from typing import Any

from bloop_moodle.values import words
from bloop_sdk.errors import (
    AuthError,
    BloopError,
    FatalError,
    ForbiddenRecordError,
    MissingRecordError,
    PermissionMissingError,
    SkippableError,
    UnavailableError,
    UnsupportedError,
)

_XML_CODE = re.compile(rb"<ERRORCODE>([^<]*)</ERRORCODE>")
_REFUSED_ACCOUNT = frozenset(
    {
        "invalidtoken",
        "wsaccessusersuspended",
        "wsaccessuserdeleted",
        "wsaccessuserunconfirmed",
        "wsaccessuserexpired",
        "wsaccessusernologin",
        "forcepasswordchangenotice",
        "usernotfullysetup",
        "sitepolicynotagreed",
        "invalidlogin",
        "invalidtimedtoken",
        "passwordisexpired",
        "cannotcreatetoken",
    }
)
_NOT_PERMITTED = frozenset(
    {
        "nopermissions",
        "nopermission",
        "nopermissiontoviewgrades",
        "requireloginerror",
        "errorcoursecontextnotvalid",
        "errorcatcontextnotvalid",
        "notenrolled",
        "coursehidden",
        "noviewdiscussionspermission",
        "cannotviewprofile",
        "usernotincourse",
        "nopermissiontoshow",
        "cannotgetgrades",
        "cannotviewreport",
        "notingroup",
    }
)
_LATER = frozenset(
    {
        "sitemaintenance",
        "sitemaintenancewarning",
        "upgraderunning",
        "dbconnectionfailed",
        "dmlreadexception",
        "dmlwriteexception",
        "dmltransactionexception",
        "locktimeout",
        "cachestorenotready",
    }
)
_SWITCHED_OFF = frozenset({"enablewsdescription", "servicenotavailable"})
_ANOTHER_ADDRESS = frozenset({"requirecorrectaccess", "sslonlyaccess"})
_NOT_USED_HERE = frozenset({"competenciesarenotenabled", "completionnotenabled"})
ACCESS = "accessexception"
_ADDRESS = "give the address that Moodle's own pages have, up to its folder, with https://"
_LEADS_ELSEWHERE = b'http-equiv="refresh"'
"""In the page by which a Moodle that is called by another name than its own leads there."""


def code_of(answer: Any) -> str | None:
    """The error code of an answer; None where it is no error."""
    if isinstance(answer, dict) and ("exception" in answer or "error" in answer):
        return str(answer.get("errorcode") or "unknown")
    return None


def error_of(function: str, answer: dict[str, Any]) -> BloopError:
    """The error that an answer stands for."""
    code = code_of(answer) or "unknown"
    said = words(answer.get("message") or answer.get("error"))[:300]
    what = f"Moodle refused {function}: {said} ({code})"
    if code == "invalidrecord" and "external_functions" in said:
        return UnsupportedError(
            f"this Moodle does not know {function}", cure="update Moodle, or go without"
        )
    if code in _REFUSED_ACCOUNT:
        return AuthError(
            what, cure="give the connection a new token of an account in good standing"
        )
    if code in _NOT_PERMITTED:
        return PermissionMissingError(
            what,
            permission=function,
            cure="give the account's role this capability in the course, or go without",
        )
    if code == ACCESS:
        return PermissionMissingError(
            what, permission=function, cure=f"add {function} to the token's external service"
        )
    if code in {"invalidrecord", "filenotfound", "invalidcoursemodule", "invalidcourseid"}:
        return MissingRecordError(what)
    if code in _LATER:
        return UnavailableError(what)
    if code in _SWITCHED_OFF:
        return FatalError(
            what, cure="enable web services, the REST protocol and the service in Moodle", code=code
        )
    if code in _ANOTHER_ADDRESS:
        return FatalError(what, cure=_ADDRESS, code="wrong_address")
    if code in _NOT_USED_HERE:
        return UnsupportedError(what, cure="switch it on in Moodle, or go without")
    # Nobody knows them all, as plugins have their own: what was asked for is left out.
    return SkippableError(what, code="moodle_error")


def unusable(function: str, content: bytes) -> BloopError:
    """The error for an answer that is no JSON: a page of HTML, XML, or half of something."""
    start = content.lstrip()[:512].lower()
    if start.startswith(b"<?xml"):
        found = _XML_CODE.search(content)
        if found is not None:
            said = {"errorcode": found[1].decode("utf-8", "replace").strip(), "exception": "XML"}
            return error_of(function, said)
        return FatalError(
            f"Moodle answered {function} in XML although JSON was asked for",
            cure="switch on JSON for the REST protocol (moodlewsrestformat)",
        )
    if start.startswith((b"<!doctype html", b"<html")):
        if _LEADS_ELSEWHERE in content[:4096].lower():
            return FatalError(
                f"Moodle answered {function} with a page that leads to another address",
                cure=_ADDRESS,
                code="wrong_address",
            )
        return UnavailableError(
            f"Moodle answered {function} with a page of HTML",
            cure="look at the site in a browser: it may be in maintenance or behind a login",
        )
    return UnavailableError(f"Moodle answered {function} with something that is no JSON")


def file_error(content: bytes, name: str) -> BloopError | None:
    """The error that came with status 200 in place of a file; None where it is the file."""
    if not content.lstrip().startswith(b"{"):
        return None
    try:
        answer = json.loads(content.decode("utf-8", "replace"))
    except ValueError:
        return None
    if not isinstance(answer, dict) or "error" not in answer or "errorcode" not in answer:
        return None
    error = error_of(f"the file {name}", answer)
    if isinstance(error, PermissionMissingError):
        return ForbiddenRecordError(error.message, cure=error.cure)
    return error
