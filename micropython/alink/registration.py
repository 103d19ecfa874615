# Dynamic registration: what an application calls; the work is in signin/. MIT licence.

from . import parts

# Keys of the settings (NVS).
SECRET = "device_secret"
TOKEN = "device_token"
PRODUCT_SECRET = "product_secret"


def needed(settings):
    """Whether the board has no identity of its own yet, but can ask for one.

    settings: nvs.Store of the settings.
    """
    if settings.get_text(SECRET) or settings.get_text(TOKEN):
        return False
    return bool(settings.get_text(PRODUCT_SECRET))


def ensure(settings, **options):
    """Register the board unless it is: see signin/registration.py."""
    try:
        parts.use("signin.registration").ensure(settings, **options)
    finally:
        parts.drop("signin")
