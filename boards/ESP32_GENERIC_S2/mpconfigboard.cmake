include(boards/ESP32_GENERIC_S2/mpconfigboard.cmake)
include(${MICROPY_BOARD_DIR}/../alink.cmake)
