# An application that makes its own source: what it holds is not let go with a job. MIT licence.

import sys

from alink import parts
from alink.errors import AlinkError


def stays(name, klass, *others):
    """-> the class, which has outlived a job that the package has finished."""
    made = getattr(parts.use(name), klass)
    parts.drop("job")
    for one in (name,) + others:
        assert "alink." + one in sys.modules, one
    assert getattr(parts.use(name), klass) is made, "two classes of one name"
    return made


def test_a_source_over_mqtt_that_an_application_made_works_for_the_second_job_too():
    source = stays("job.mqtt", "MqttSource", "job.blocks")(None)
    parts.drop("job")
    source.close()
    try:
        type(source)(None, 5000)
    except ValueError as e:
        assert "block_size" in str(e)
    else:
        raise AssertionError("taken")


def test_a_source_over_https_that_an_application_made_works_for_the_second_job_too():
    source = stays("job.http", "HttpSource", "job.https")()
    parts.drop("job")
    try:
        source.open(File("https://user@/x"), 0, 10)
    except AlinkError as e:
        assert e.code == 21, e
    else:
        raise AssertionError("opened")
    source.close()


class File:
    def __init__(self, url):
        self.url = url


def test_what_no_application_holds_is_let_go():
    parts.use("job.blocks")
    parts.drop("job")
    assert not [one for one in sys.modules if one.startswith("alink.job")]
