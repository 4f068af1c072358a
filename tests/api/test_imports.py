"""A course goes in by upload and out by download, through a real plugin and the job runner."""

import asyncio
import io
import zipfile

import pytest

MANIFEST = """<?xml version="1.0" encoding="UTF-8"?>
<manifest identifier="tides" xmlns="http://www.imsglobal.org/xsd/imsccv1p3/imscp_v1p1">
<metadata><schema>IMS Common Cartridge</schema><schemaversion>1.3.0</schemaversion></metadata>
<organizations><organization identifier="org" structure="rooted-hierarchy"><item identifier="root">
<item identifier="m"><title>One</title>
<item identifier="i" identifierref="r"><title>Tide tables</title></item></item>
</item></organization></organizations>
<resources><resource identifier="r" type="webcontent" href="p.html"><file href="p.html"/></resource>
</resources></manifest>"""


def cartridge(**files):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("imsmanifest.xml", MANIFEST)
        archive.writestr("p.html", "<html><body><p>High water comes later.</p></body></html>")
        for name, content in files.items():
            archive.writestr(name, content)
    return target.getvalue()


PLUGINS = "\n[plugins.cartridge]\nenabled = true\n[plugins.markdown]\nenabled = true\n"


@pytest.fixture
def config_path(config_path):
    config_path.write_text(config_path.read_text() + PLUGINS)
    return config_path


async def upload(operator, name, data, **asked):
    """Upload and wait for the job's end; gives the job."""
    answer = await operator.post("/api/v1/imports", params=asked, files={"file": (name, data)})
    assert answer.status_code == 202, answer.text
    for _ in range(300):
        job = (await operator.get(answer.headers["location"])).json()
        if job["state"] in {"succeeded", "failed", "cancelled"}:
            return job
        await asyncio.sleep(0.1)
    raise AssertionError(f"the job never ended: {job}")


async def test_an_upload_becomes_a_course_named_like_its_file(operator):
    job = await upload(operator, "Tides & moons.imscc", cartridge())
    assert (job["state"], job["result"]["written"]) == ("succeeded", 4)
    [course] = (await operator.get("/api/v1/containers")).json()["items"]
    assert (course["title"], course["state"]) == ("Tides _ moons", "active")
    again = await upload(operator, "Tides & moons.imscc", cartridge())
    assert (again["result"]["written"], again["result"]["unchanged"]) == (0, 4)


async def test_a_zip_of_notes_is_a_notebook_for_the_plugin_that_is_named(operator):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("Notes/a.md", "# First\n\n[[b]]")
        archive.writestr("Notes/b.md", "---\ntags: [x, y]\n---\n# Second")

    job = await upload(operator, "notes.zip", target.getvalue(), plugin="markdown")

    assert (job["state"], job["result"]["written"]) == ("succeeded", 5)
    [book] = (await operator.get("/api/v1/containers")).json()["items"]
    assert (book["kind"], book["title"]) == ("notebook", "notes")
    again = await upload(operator, "notes.zip", target.getvalue(), plugin="markdown")
    assert (again["result"]["written"], again["result"]["unchanged"]) == (0, 5)
    unnamed = await operator.post(
        "/api/v1/imports", files={"file": ("notes.zip", target.getvalue())}
    )
    assert unnamed.status_code == 422 and "no imsmanifest.xml" in unnamed.json()["detail"]


async def test_no_upload_names_a_folder_of_the_server(operator, tmp_path):
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "a.md").write_text("private")
    for name in ("folder", str(tmp_path / "private"), "private", ".", "../private/"):
        answer = await operator.post(
            "/api/v1/imports", params={"plugin": "markdown"}, files={"file": (name, b"x")}
        )
        if answer.status_code == 202:
            job = await upload(operator, name, b"x", plugin="markdown")
            assert (job["state"], "no zip file" in job["error"]["message"]) == ("failed", True)
        else:
            assert answer.status_code == 422
    assert (await operator.get("/api/v1/containers")).json()["items"] == []


async def test_what_comes_out_is_a_cartridge_with_the_same_page(operator):
    await upload(operator, "tides.imscc", cartridge())
    [course] = (await operator.get("/api/v1/containers")).json()["items"]
    answer = await operator.get(f"/api/v1/containers/{course['id']}/export")
    assert answer.headers["content-type"] == "application/vnd.ims.imsccv1p3"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        texts = [archive.read(name) for name in archive.namelist() if name.endswith(".html")]
    assert any(b"High water comes later." in text for text in texts)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("torn.imscc", cartridge()[:100]),
        ("traversal.imscc", cartridge(**{"../../evil.html": "x"})),
        ("../../../etc/passwd.imscc", b"not a zip"),
        ("..imscc", b""),
    ],
    # A zip holds the time at which it was made: as an id it would differ between workers.
    ids=["torn", "traversal", "no zip", "empty"],
)
async def test_a_hostile_upload_fails_with_a_reason_and_writes_nothing(operator, name, data):
    answer = await operator.post("/api/v1/imports", files={"file": (name, data)})
    if answer.status_code == 202:
        job = await upload(operator, name, data)
        assert job["state"] == "failed"
        assert job["error"]["message"]
    else:
        assert answer.status_code == 422
        assert answer.json()["cure"]
    assert (await operator.get("/api/v1/containers")).json()["items"] == []
