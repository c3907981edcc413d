"""The journal's own thread, which makes appended records durable: it ends whenever the journal is closed."""

import threading
import time

from unicorn_assets.engines import journal
from unicorn_assets.engines.journal import Journal

KEY = b"0123456789abcdef"


class ClosedInBetween(Journal):
    """Its thread comes to an fsync, and only goes on when closing has begun."""

    def _fsync(self):
        if threading.current_thread() is self._committer:
            arrived.set()
            self._closing.wait()
            time.sleep(0.1)  # until `close` has woken this thread, which is not waiting
        super()._fsync()


arrived = threading.Event()


def test_closing_in_the_moment_of_a_commit_comes_to_an_end(tmp_path, monkeypatch):
    """Seen once: the fsync took the wake-up for news of a record and cleared it, and `close` waited for ever."""
    monkeypatch.setattr(journal, "COMMIT_SECONDS", 0.01)
    one = ClosedInBetween(tmp_path / "shard-0000.journal", lambda key, offset: None, writable=True)
    offset = one.append(KEY, b"an answer")
    assert arrived.wait(10)
    closing = threading.Thread(target=one.close, daemon=True)
    closing.start()
    closing.join(10)
    assert not closing.is_alive()
    again = Journal(one.path, lambda key, offset: None, writable=False)
    assert again.read(offset).payload == b"an answer"
    again.close()
