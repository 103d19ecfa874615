"""Which names of alink an application may use, which the firmware uses, and which stand in.

Facts for `shorten.py`; a test compares them with README, docs, docstrings and MicroPython's stubs.
"""


def words(text: str) -> tuple[str, ...]:
    """The words of a text."""
    return tuple(text.split())


def _set(text: str) -> frozenset[str]:
    return frozenset(words(text))


# What an application may call, derive from, read or set; everything else is the package's own.
# (`move` and `read` are for tests and benches that watch a piece.)
PUBLIC = _set(
    """
    AlinkError CLIENT_ID Device FilesTarget HttpSource JOURNAL Job MqttSource PRODUCT_SECRET
    SECRET SETTINGS Source Store TOKEN Target Updater ack_timeout_ms acked activate advice aio
    allow_http ask before_reset begin block_size broken busy ca call check client_id
    close code confirm connect connect_timeout_ms connected context create debug desc detail
    device device_name device_secret device_token digest disconnect drop ensure erase error
    errors extra feed fetch files find finish folder forget free fs gap_ms get_bytes get_int
    get_json get_text hint host info is_set job journal keep keepalive key label
    limit_ms listed log look max_attempts max_members max_message max_size method module move
    name name_max namespace needed next_id nvs offset on_feed on_job on_progress on_state
    online open parts path payload ping_ms poll port product_key product_secret prove_ms proven
    publish qos random recall reply_timeout_ms reply_to resume retry_trial_ms revert run
    running secure self_test session set_bytes set_int set_json set_text settings setup sign
    sign_in sign_key size source state step store subscribe take target text
    timeout_ms topic topics trial tries unvouched updater url use valid version wait_ms watch
    way wbits work write written
    """
)

# Names that alink uses of its own and that objects of the firmware or of boot.py have, too.
FOREIGN = _set(
    """
    CERT_NONE PROTOCOL_TLS_CLIENT SOCK_STREAM SSLContext Stream add args block buf clear config
    count data default done end exc fail file function getaddrinfo handler head id ilistdir index
    install keys level limit line load mode modules mount msg n next number part pid protocol put
    raw read readinto readline reason recv release request scan self send server_hostname slot sock
    socket start stat statvfs stop stream t tell timeout umount value values verify_mode wait
    waiting width wrap_socket
    """
)

# Identifiers of stock firmware's own modules (math, uctypes, framebuf, asyncio, ...) that alink
# has no use for. A name that the firmware has costs a board nothing.
SPARE = words(
    """
    acos acosh asin asinh atan atan2 atanh cosh degrees erf erfc expm1 fabs fmod frexp isclose
    isfinite isinf isnan ldexp lgamma log10 log2 modf radians sinh sqrt tan tanh tau trunc
    polar BFINT16 BFINT32 BFINT8 BFUINT16 BFUINT32 BFUINT8 BF_LEN BF_POS FLOAT32 FLOAT64 INT16
    INT32 INT64 INT8 LONGLONG NATIVE PTR SHORT UINT16 UINT32 UINT64 UINT8 ULONG ULONGLONG
    USHORT VOID bytes_at sizeof GS2_HMSB GS4_HMSB GS8 MONO_HLSB
    MONO_HMSB MONO_VLSB MVLSB RGB565 blit ellipse fill_rect hline vline scroll pixel heapify
    heappop heappush appendleft popleft isdisjoint issubset issuperset symmetric_difference
    difference_update intersection_update new_event_loop open_connection
    start_server run_until_complete wait_for_ms wait_io_event readexactly awritestr
    get_extra_info wait_closed current_task cur_task gather stream_awrite runq_len waitq_len
    return_exceptions pend_throw ph_key
    """
)
