"""Courses: each read lists everything, and what it does not list is gone."""

from bloop_sdk import (
    Batch,
    Container,
    Cursor,
    Deletes,
    Enrolment,
    Kind,
    Node,
    Person,
    ProviderSpec,
    Ref,
    Skipped,
    Stream,
)
from bloop_shelf.api import Shelf

CONTENT = frozenset({Kind.MODULE, Kind.PAGE, Kind.FILE, Kind.OPAQUE})


class CourseProvider(Shelf):
    """Reads courses, what is in them, and (where it may) who is in them."""

    writes = frozenset({"page.update", "page.create"})
    webhooks = True

    def spec(self):
        everything = Deletes.ENUMERATE
        return ProviderSpec(
            streams=(
                Stream(name="courses", kinds=frozenset({Kind.COURSE}), deletes=everything),
                Stream(name="content", kinds=CONTENT, deletes=everything, partitioned=True),
                Stream(
                    name="people",
                    kinds=frozenset({Kind.PERSON, Kind.ENROLMENT}),
                    deletes=everything,
                    optional=True,
                ),
            ),
            writes=self.writes,
            webhooks=self.webhooks,
        )

    async def courses(self):
        async for answer in self.pages("/api/courses"):
            for item in answer["items"]:
                yield Container(remote_id=item["id"], title=item["title"], raw=item)

    async def discover(self):
        return [course async for course in self.courses()]

    async def read(self, partition, state):
        if partition.stream == "courses":
            yield Batch(records=tuple([course async for course in self.courses()]))
        elif partition.stream == "people":
            answer = await self.get("/api/people")
            made = [part for one in answer["items"] for part in _enrolled(one)]
            yield Batch(records=tuple(made))
        else:
            async for batch in self.content(partition.container, state):
                yield batch

    async def content(self, course, state):
        start = f"/api/courses/{course}/items"
        path = state.value["next"] if state else start
        async for answer in self.pages(path or start):
            made = [self.record(item, course) for item in answer["items"]]
            skipped = [one for one in made if isinstance(one, Skipped)]
            records = [one for one in made if not isinstance(one, Skipped)]
            nodes = [
                Node(
                    remote_id=f"n{one.remote_id}",
                    container=course,
                    position=0,
                    title=one.title,
                    content=Ref(one.kind, one.remote_id),
                )
                for one in records
            ]
            yield Batch(
                records=(*records, *nodes),
                skipped=tuple(skipped),
                cursor=Cursor({"next": answer["next"]}),
            )


def _enrolled(one):
    """A person, and where they are enrolled."""
    return (
        Person(remote_id=one["person"], name=one["name"], raw={"name": one["name"]}),
        Enrolment(
            remote_id=one["id"],
            container=one["course"],
            person=one["person"],
            role="learner",
            raw=one,
        ),
    )
