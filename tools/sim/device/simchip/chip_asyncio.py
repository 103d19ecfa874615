# _asyncio whose ticks are the chip's: the interpreter's own takes the host's. MIT licence.
#
# The C code puts a task that is to run now under the time of the host, where everything else in
# asyncio reckons with time.ticks_ms(): on a board whose ticks begin elsewhere it would never be
# its turn. So here are both classes once more, with a plain list for a queue.

import time

# What a task's `state` says: True while it runs and nobody waits for it, a TaskQueue of those who
# do, a function to be called at its end; None at its end, False once the result was taken.


class TaskQueue:
    """Tasks in the order of their time, `ph_key`; of the same time in that of their coming."""

    def __init__(self):
        self._tasks = []

    def peek(self):
        """The next task, or None."""
        return self._tasks[0] if self._tasks else None

    def push(self, task, at=None):
        """Put a task in, for the tick `at`, or for now."""
        task.data = None
        task.ph_key = time.ticks_ms() if at is None else at
        tasks = self._tasks
        place = len(tasks)
        while place and time.ticks_diff(tasks[place - 1].ph_key, task.ph_key) > 0:
            place -= 1
        tasks.insert(place, task)

    def pop(self):
        """Take the next task out; IndexError when there is none."""
        if not self._tasks:
            raise IndexError("empty heap")
        return self._tasks.pop(0)

    def remove(self, task):
        """Take this task out."""
        if task in self._tasks:
            self._tasks.remove(task)


class Task:
    """A coroutine that runs; scope: the globals of asyncio.core."""

    def __init__(self, coro, scope=None):
        self.coro = coro
        self.data = None  # what it waits for, then what it has come to
        self.state = True
        self.ph_key = 0
        if scope is not None:
            Task._scope = scope

    def done(self):
        return self.state is None or self.state is False

    def cancel(self):
        scope = Task._scope
        if self.done():
            return False
        if self is scope["cur_task"]:
            raise RuntimeError("can't cancel self")
        task = self
        while isinstance(task.data, Task):
            task = task.data  # whom it waits for is cancelled
        queue = scope["_task_queue"]
        if hasattr(task.data, "remove"):
            task.data.remove(task)
            queue.push(task)
        elif time.ticks_diff(task.ph_key, time.ticks_ms()) > 0:
            queue.remove(task)
            queue.push(task)
        task.data = scope["CancelledError"]
        return True

    def __iter__(self):
        if self.done():
            self.state = False
        elif self.state is True:
            self.state = TaskQueue()
        elif not isinstance(self.state, TaskQueue):
            raise RuntimeError("can't wait")
        return self

    def __next__(self):
        if self.done():
            raise self.data
        waiting = Task._scope["cur_task"]
        self.state.push(waiting)
        waiting.data = self
