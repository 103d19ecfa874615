# machine.Pin and machine.ADC of an ESP32, loaded when a program asks for
# them (with an ESP32's memory: before it begins, since they are C there). MIT licence.
#
# Messages and error numbers are those of MicroPython's ports/esp32. What a pin is connected to is
# said from outside (Board.pin): a level, or nothing. An ADC tells the two ends of its range, and
# no values between. Interrupts are not here: a program that asks for Pin.irq stops.

from simchip import control

# GPIO 20, 24 and 28 to 31 are on no chip, 6 to 11 are the flash's.
_PINS = (0, 1, 2, 3, 4, 5, 12, 13, 14, 15, 16, 17, 18, 19, 21, 22, 23, 25, 26, 27)
_PINS += (32, 33, 34, 35, 36, 37, 38, 39)
_FIRST_INPUT = 34  # these have no output and no pulls
_ADC1 = (32, 33, 34, 35, 36, 37, 38, 39)
_ADC2 = (0, 2, 4, 12, 13, 14, 15, 25, 26, 27)  # Wi-Fi has it for itself
_FULL_MV = (950, 1250, 1750, 2450)  # of the four attenuations
_ETIMEDOUT = 116  # lwIP's

_made = {}


class Pin:
    """One object a pin, as on the chip: Pin(4) is Pin(4)."""

    IN = 1
    OUT = 3
    OPEN_DRAIN = 7
    PULL_DOWN = 1
    PULL_UP = 2

    def __new__(cls, id, *args, **settings):
        if isinstance(id, Pin):
            return id
        if id not in _PINS:
            raise ValueError("invalid pin")
        if id not in _made:
            pin = object.__new__(cls)
            pin._id = id
            pin._mode = 0
            pin._pull = 0
            pin._out = 0
            _made[id] = pin
        return _made[id]

    def __init__(self, id, *args, **settings):
        if args or settings:
            self.init(*args, **settings)

    def __repr__(self):
        return "Pin(%d)" % self._id

    def init(self, mode=None, pull=-1, *, value=None, drive=None, hold=None):
        if value is not None:
            self._out = 1 if value else 0
        if mode is not None:
            if self._id >= _FIRST_INPUT and mode & 2:
                raise ValueError("pin can only be input")
            self._mode = mode
        if pull != -1 and self._id < _FIRST_INPUT:
            self._pull = pull or 0

    def __call__(self, value=None):
        if value is not None:
            self._out = 1 if value else 0
            return None
        if not self._mode & 1:
            return 0  # its input is not connected
        if self._mode == self.OUT or (self._mode == self.OPEN_DRAIN and not self._out):
            return self._out
        return self._level()

    def value(self, value=None):
        return self(value)

    def on(self):
        self._out = 1

    def off(self):
        self._out = 0

    def toggle(self):
        self._out = 1 - self._out

    def _level(self):
        level = control.level(self._id)
        return (1 if self._pull & 2 else 0) if level is None else level


class ADC:
    """A pin's voltage: none or all that the attenuation can tell."""

    ATTN_0DB = 0
    ATTN_2_5DB = 1
    ATTN_6DB = 2
    ATTN_11DB = 3

    def __init__(self, pin, *, atten=0):
        self._pin = Pin(pin)
        if self._pin._id not in _ADC1 + _ADC2:
            raise ValueError("invalid pin")
        self.init(atten=atten)

    def init(self, *, atten=0):
        if atten not in (0, 1, 2, 3):
            raise ValueError("invalid atten")
        self._atten = atten

    def read_u16(self):
        return 65535 if self._high() else 0

    def read(self):
        return 4095 if self._high() else 0

    def read_uv(self):
        return _FULL_MV[self._atten] * 1000 if self._high() else 0

    def _high(self):
        if self._pin._id in _ADC2:
            import network

            if network.WLAN(network.STA_IF).active():
                raise OSError(_ETIMEDOUT, "ESP_ERR_TIMEOUT")
        return self._pin._level()
