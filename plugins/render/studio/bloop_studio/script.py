from bloop_sdk.storyboard import read_storyboard


def to_markdown(s):
    return s.model_dump_json(indent=1)


def from_markdown(t):
    return read_storyboard(t)
