include(boards/ESP32_GENERIC_C6/mpconfigboard.cmake)
include(${MICROPY_BOARD_DIR}/../alink.cmake)
