# Device triple -> MQTT clientId, user name and password. MIT licence.
#
# HMAC on hashlib, since stock firmware has no hmac module. A secret goes in and only a digest
# comes out: it is not kept, printed or put into an error.

import binascii
import hashlib

from micropython import const

_BLOCK = const(64)  # input block of MD5, SHA-1 and SHA-256, in bytes
_CID_MAX = const(64)  # characters of the free part of a clientId

METHODS = ("hmacsha256", "hmacsha1", "hmacmd5")


def hmac_hex(method, key, msg):
    """HMAC (RFC 2104) of `msg` (bytes) under `key` (bytes), as lower-case hex (str).

    method: one of METHODS. Raises ValueError for another one, or for one whose hash this
    firmware was built without.
    """
    if method not in METHODS:
        raise ValueError("sign_method must be one of " + ", ".join(METHODS))
    new = getattr(hashlib, method[4:], None)
    if new is None:
        raise ValueError("this firmware has no %s: use sign_method='hmacsha256'" % method[4:])
    if len(key) > _BLOCK:
        key = new(key).digest()
    pad = bytearray(_BLOCK)
    for i in range(_BLOCK):
        pad[i] = (key[i] if i < len(key) else 0) ^ 0x36
    inner = new(pad)
    inner.update(msg)
    for i in range(_BLOCK):
        pad[i] ^= 0x36 ^ 0x5C
    outer = new(pad)
    outer.update(inner.digest())
    return binascii.hexlify(outer.digest()).decode()


def sign(
    product_key,
    device_name,
    device_secret,
    client_id=None,
    sign_method="hmacsha256",
    timestamp="2524608000000",
    secure=True,
):
    """-> (client_id, user_name, password), three str, for a device with its own secret.

    The form is that of "Establish MQTT connections over TCP" (73742). client_id: free text of at
    most 64 characters, by default product key, dot, device name. timestamp: decimal text; the
    platform signs it but compares it with no clock, so a constant does (the C SDK sends this
    one); None leaves it out. secure: True for TLS (securemode=2), False for plain TCP (3).
    Raises ValueError with a sentence that never holds the secret.
    """
    check("product_key", product_key)
    check("device_name", device_name)
    check("device_secret", device_secret)
    if client_id is None:
        client_id = product_key + "." + device_name
    check_client_id(client_id)
    content = "clientId" + client_id + "deviceName" + device_name + "productKey" + product_key
    tags = "securemode=%d,signmethod=%s" % (2 if secure else 3, sign_method)
    if timestamp is not None:
        content += "timestamp" + str(timestamp)
        tags += ",timestamp=" + str(timestamp)
    password = hmac_hex(sign_method, device_secret.encode(), content.encode())
    return client_id + "|" + tags + "|", device_name + "&" + product_key, password


def by_token(product_key, device_name, client_id, device_token):
    """-> (client_id, user_name, password) of a device that was registered without being listed.

    client_id, device_token: str, as the registration gave them. The token is the password itself,
    so it goes over TLS alone. Raises ValueError as sign() does.
    """
    check("product_key", product_key)
    check("device_name", device_name)
    check("device_token", device_token)
    check_client_id(client_id)
    tags = "|authType=connwl,securemode=-2|"
    return client_id + tags, device_name + "&" + product_key, device_token


def check_client_id(client_id):
    """Raise ValueError unless `client_id` can be the free part of a clientId."""
    check("client_id", client_id)
    if "|" in client_id or len(client_id) > _CID_MAX:
        raise ValueError("client_id must have at most %d characters and no bar" % _CID_MAX)


def check(name, value):
    """Raise ValueError unless `value` is text without blanks; the value itself is never shown."""
    if not isinstance(value, str) or not value:
        raise ValueError(name + " is missing: it must be text that is not empty")
    if value.strip() != value:
        raise ValueError(name + " starts or ends with a blank: copy it again")
