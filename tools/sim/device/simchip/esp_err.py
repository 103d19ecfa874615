# An esp_err_t as MicroPython raises it: OSError(-code, "ESP_ERR_..."). MIT licence.

_NAMES = {
    0x102: "ESP_ERR_INVALID_ARG",
    0x104: "ESP_ERR_INVALID_SIZE",
    0x105: "ESP_ERR_NOT_FOUND",
    0x1102: "ESP_ERR_NVS_NOT_FOUND",
    0x1103: "ESP_ERR_NVS_TYPE_MISMATCH",
    0x1105: "ESP_ERR_NVS_NOT_ENOUGH_SPACE",
    0x1106: "ESP_ERR_NVS_INVALID_NAME",
    0x1109: "ESP_ERR_NVS_KEY_TOO_LONG",
    0x110C: "ESP_ERR_NVS_INVALID_LENGTH",
    0x1503: "ESP_ERR_OTA_VALIDATE_FAILED",
}


def fail(code):
    """Raise what a call into ESP-IDF that has returned `code` raises."""
    if code == -1:
        raise OSError(1, "ESP_FAIL")
    raise OSError(-code, _NAMES[code])
