"""Broken at writing notes."""

import dataclasses

from bloop_sdk import Batch, NoteWrite, Precondition
from tests.sdk.shelf.broken import breaks
from tests.sdk.shelf.fake_desk import DESK, FolderDesk, save


@breaks("note_created", subject=DESK)
class MakesTwo(FolderDesk):
    async def write(self, op, precondition):
        if op.kind == NoteWrite.CREATE:
            self.desk.add("Untitled")
        return await super().write(op, precondition)


@breaks("note_created", subject=DESK)
class MakesItAnywhere(FolderDesk):
    async def write(self, op, precondition):
        if op.note is not None and op.note.parent is None:
            op = dataclasses.replace(op, note=dataclasses.replace(op.note, parent="n-s3"))
            op = dataclasses.replace(op, note=dataclasses.replace(op.note, title="Elsewhere"))
        return await super().write(op, precondition)


@breaks("note_updated", subject=DESK)
class KeepsTheNewParagraphAlone(FolderDesk):
    async def write(self, op, precondition):
        if op.note is not None:
            last = op.note.markdown.rstrip().rpartition("\n\n")[2]
            op = dataclasses.replace(op, note=dataclasses.replace(op.note, markdown=last))
        return await super().write(op, precondition)


@breaks("note_updated_beyond_markdown", subject=DESK)
class WritesInBlackAlone(FolderDesk):
    async def write(self, op, precondition):
        answer = await super().write(op, precondition)
        self.desk.sheets[answer.ref.remote_id].colours = "black"
        save(self.path, self.desk)
        return answer


@breaks("note_at_another_version", subject=DESK)
class OverwritesNotes(FolderDesk):
    async def write(self, op, precondition):
        if op.ref is not None:
            version = str(self.desk.sheets[op.ref.remote_id].version)
            precondition = Precondition(remote_version=version)
        return await super().write(op, precondition)


@breaks("note_written_again", subject=DESK)
class ForgetsWhatItHasMade(FolderDesk):
    async def write(self, op, precondition):
        return await super().write(dataclasses.replace(op, again=False), precondition)


@breaks("note_deleted", subject=DESK)
class DeletesWhatIsBelowAsWell(FolderDesk):
    async def write(self, op, precondition):
        if op.kind == NoteWrite.DELETE:
            self.desk.remove("s1")
        return await super().write(op, precondition)


@breaks("note_moved", subject=DESK)
class OnlySaysThatItMoves(FolderDesk):
    async def write(self, op, precondition):
        answer = await super().write(op, precondition)
        if op.kind == NoteWrite.MOVE:
            self.desk.sheets[op.ref.remote_id].parent = None
            save(self.path, self.desk)
        return answer


@breaks("note_given_a_file", subject=DESK)
class CutsFilesShort(FolderDesk):
    async def write(self, op, precondition):
        answer = await super().write(op, precondition)
        if op.file is not None:
            name = answer.ref.remote_id
            self.desk.files[name] = (op.file.name, b"")
            save(self.path, self.desk)
        return answer


@breaks("note_answered_as_read", subject=DESK)
class AnswersWithWhatItWasGiven(FolderDesk):
    async def write(self, op, precondition):
        answer = await super().write(op, precondition)
        if op.note is None or answer.batch is None:
            return answer
        told = tuple(
            dataclasses.replace(one, raw={"markdown": op.note.markdown})
            for one in answer.batch.records
        )
        return dataclasses.replace(answer, batch=Batch(records=told))


@breaks("note_answered_as_read", subject=DESK)
class TellsNoPlaces(FolderDesk):
    async def write(self, op, precondition):
        answer = await super().write(op, precondition)
        if op.kind != NoteWrite.CREATE:
            return answer
        return dataclasses.replace(answer, batch=Batch(records=answer.batch.records[:1]))
