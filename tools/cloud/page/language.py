"""In which language the page speaks: of the browser's, or the one somebody has switched to.

The words of states are those of the platform's own console.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request

ENGLISH, CHINESE = "en", "zh"
LANGUAGES = {ENGLISH: "English", CHINESE: "中文"}
SWITCH = "lang"  # in the query, and the cookie that keeps it
CODES = {ENGLISH: "en", CHINESE: "zh-CN"}  # for <html lang>

_CHINESE = {
    "alink: devices and rollouts": "alink：设备与升级批次",
    "alink: task": "alink：升级任务",
    "Without JavaScript this page stands still: load it again.": (
        "未启用 JavaScript，页面不会自动刷新：请手动重新加载。"
    ),
    "live": "实时",
    "too many look at this already": "查看此页面的人过多",
    "no longer connected: load the page again": "连接已断开：请重新加载页面",
    "not connected, trying again": "未连接，正在重试",
    "The whole": "总览",
    "Rollouts": "升级批次",
    "Rollout": "批次",
    "Devices": "设备",
    "Device": "设备",
    "Tasks": "升级任务",
    "Task": "任务",
    "Downloads": "下载",
    "Console": "日志",
    "The task": "任务",
    "History": "历史记录",
    "name, version or state": "名称、版本或状态",
    "Show the devices with this text": "只显示包含此文字的设备",
    "From": "源版本",
    "To": "目标版本",
    "State": "状态",
    "Step": "进度",
    "Version": "版本",
    "Last seen": "最后在线",
    "Last fall-back": "最近一次回退",
    "File": "文件",
    "Bytes": "字节",
    "At": "时间",
    "device": "台设备",
    "devices": "台设备",
    "online": "台在线",
    "rollout running": "个批次进行中",
    "rollouts running": "个批次进行中",
    "updating": "台升级中",
    "failed": "台升级失败",
    "violations": "次违反平台规则",
    "at the broker": "经由 broker",
    "offline": "离线",
    "online, TLS": "在线，TLS",
    "online, plain": "在线，未加密",
    "version": "版本",
    "last seen": "最后在线",
    "fell back": "回退",
    "to": "目标",
    "from": "源版本",
    "never reported": "从未上报版本",
    "now": "现在",
    "never": "从未",
    "fell back from": "从以下版本回退：",
    "dynamic, ": "动态，",
    "no device yet": "暂无设备",
    "rollout": "批次",
    "task": "任务",
    "SUCCEEDED": "升级成功",
    "FAILED": "升级失败",
    "CANCELED": "已取消",
    "IN_PROGRESS": "升级中",
    "NOTIFIED": "已推送",
    "QUEUED": "待推送",
    "CONFIRM": "待确认",
    "RUNNING": "进行中",
    "COMPLETED": "已完成",
    "STOPPED": "已停止",
    "PAUSED": "已暂停",
}
# Where the English text is not the name that a program uses.
_ENGLISH = {"fell back from": "from"}


def words(language: str) -> Callable[[str], str]:
    """What the templates call `_`: a text of theirs, or a state, in this language."""
    if language == CHINESE:
        return lambda text: _CHINESE.get(text, text)
    return lambda text: _ENGLISH.get(text, text)


def chosen(request: Request) -> str:
    """The language for this request."""
    for asked in (request.query_params.get(SWITCH), request.cookies.get(SWITCH)):
        if asked in LANGUAGES:
            return asked
    best, most = ENGLISH, 0.0
    for part in request.headers.get("accept-language", "").split(","):
        name, _, weight = part.strip().partition(";")
        language = name.strip().lower().partition("-")[0]
        quality = _quality(weight)
        if language in LANGUAGES and quality > most:
            best, most = language, quality
    return best


def _quality(text: str) -> float:
    """The weight behind a language: 1 unless it says ;q=."""
    name, equals, number = text.strip().partition("=")
    if not equals or name.strip() != "q":
        return 1.0
    try:
        return float(number)
    except ValueError:
        return 0.0
