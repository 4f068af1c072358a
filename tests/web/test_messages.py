import messages


def test_every_message_is_translated_into_every_language():
    assert messages.catalogues(), "there is a language besides English"
    assert messages.faults() == [], "run tools/messages.py, then translate"


def test_a_missing_message_is_found(monkeypatch):
    monkeypatch.setattr(messages, "messages", lambda: {"Never said before"})
    assert "de.po: missing: Never said before" in messages.faults()
    assert "de.po: no longer used: Courses" in messages.faults()
