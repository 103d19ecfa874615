# The console log: one line a message, a level to silence it. MIT licence.
#
# Nothing that is a secret is ever handed to these functions; a download link is logged as host
# and path (see host_and_path), since its query is a bearer secret.

level = 1  # 0 silent, 1 what an operator wants to see, 2 every step


def info(*words):
    if level >= 1:
        print("[alink]", *words)


def debug(*words):
    if level >= 2:
        print("[alink]", *words)


def host_and_path(url):
    """`url` (str) without its query and user part: what of a signed link may be shown."""
    for mark in "?#":
        at = url.find(mark)
        if at >= 0:
            url = url[:at]
    scheme, found, rest = url.partition("://")
    if not found:
        return url
    host, slash, path = rest.partition("/")
    return scheme + "://" + host.split("@")[-1] + slash + path
