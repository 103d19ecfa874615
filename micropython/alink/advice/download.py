# What the codes of a download mean: see __init__.py. MIT licence.

TABLE = """
40 http-status -2 check that the package is still on the server
41 http-head -2 the download server's answer is malformed
42 http-length -2 not the job's size: another file, or a proxy's page, is at the link
43 http-redirect -2 redirects are not followed: give the final link
44 http-chunked -2 chunked bodies are not supported: serve a Content-Length
45 link-expired -2 the signed link expired and no fresh one worked: push again
46 download -2 the download kept failing: check the network and push again
47 block -2 a block over MQTT arrived damaged; it is tried again by itself
48 block-refused -2 the platform refuses the file over MQTT: push again, or use HTTPS
49 download-reset -2 five resets at one place of a download: check the power supply
"""
