# The console log: one line a message, a level to silence it. MIT licence.
#
# Nothing that is a secret is ever handed to these functions; a download link is logged as host
# and path, since its query is a bearer secret.

level = 1  # 0 silent, 1 what an operator wants to see, 2 every step


def info(*words):
    if level >= 1:
        print("[alink]", *words)


def failed(what, exc):
    """What is the application's own, or may be, and must not cost more than this line."""
    info(what, "failed:", type(exc).__name__ + ":", exc)


def debug(*words):
    if level >= 2:
        print("[alink]", *words)
