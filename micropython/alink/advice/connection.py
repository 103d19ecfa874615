# What the codes of the connection to the platform mean: see __init__.py. MIT licence.

TABLE = """
1 config -1 check the setting named here
2 clock-not-set -2 set the time (NTP) before connecting over TLS
3 tls -2 check host name, CA certificates and the board's clock
4 refused -1 check product key, device name and device secret
5 link -2 check the network; it is tried again by itself
6 subscribe-refused -1 foreign topic: check product key and device name
7 timeout -2 the server is silent; it is tried again by itself
8 protocol -2 the server sent something malformed: check host and port
9 registration -1 check product secret, device name; is it switched on, the device not in use yet?
10 not-registered -2 the server gave no secret: it is tried again by itself
"""
