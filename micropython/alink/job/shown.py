# What of a link may be shown: it may be signed, and is a bearer secret then. MIT licence.


def shown(url):
    """`url` (str) without its query and user part: what of a signed link may be shown."""
    end = len(url)
    for mark in "?#":
        at = url.find(mark, 0, end)
        if at >= 0:
            end = at
    start = url.find("://", 0, end) + 3
    slash = url.find("/", start, end)
    user = url.rfind("@", start, slash if slash >= 0 else end)
    if start < 3 or user < 0:
        return url[:end]
    return url[:start] + url[user + 1 : end]
