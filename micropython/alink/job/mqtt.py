# For an application that makes its own source: downloads over MQTT. MIT licence.
#
# What it uses is not let go when a job is over. The package itself takes job/blocks.py.

import sys

from . import blocks

keep = blocks.keep = True  # type: ignore[attr-defined]
# The folder, too: `import alink.job.mqtt` finds it through that.
sys.modules[__name__.rsplit(".", 1)[0]].keep = True
MqttSource = blocks.MqttSource
