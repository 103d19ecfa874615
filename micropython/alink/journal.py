# The public face of nvs.py: settings for an application. MIT licence.
#
# The package lets nvs go when nobody needs it; once an application has it, it stays.

from . import nvs

nvs.keep = True  # type: ignore[attr-defined]
JOURNAL = nvs.JOURNAL
SETTINGS = nvs.SETTINGS
Store = nvs.Store
hint = nvs.hint
