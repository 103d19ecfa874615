# What the codes of an offer mean: see __init__.py. MIT licence.

TABLE = """
20 job-form -1 this firmware does not take this form of package
21 job-field -1 the job is incomplete or malformed: create the package again
22 job-protocol -1 this download protocol is not supported: use HTTPS
23 job-module -1 this board has no such module: check the package
24 job-diff -1 no difference that this board can read: use image.py pack
25 job-refused -1 the application refused this update
26 on-trial -1 the running image is not confirmed yet: send the job again later
27 attempts -1 this image failed too often: release a corrected version
28 insecure-link -1 use an https:// link, or allow http on the board
29 loader -1 install alink's boot.py on the board: it arms the trial
30 left-out -1 not in this image: image.py build --with that part
31 job-length -1 the offer is too long: fewer files, or less custom data
32 overtaken -1 the platform offers another job in its place
33 other-source -1 a difference to another release: send the full image
"""
