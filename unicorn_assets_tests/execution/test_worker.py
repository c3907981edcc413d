"""A worker's side of a conversation, in this process."""

import threading

import pytest

from unicorn_assets.execution import wire
from unicorn_assets.execution.lanes import Slot
from unicorn_assets.execution.worker import Worker


@pytest.fixture
def slot(tmp_path):
    """A slot whose worker takes conversations."""
    slot = Slot(tmp_path, "cpu", 0)
    slot.folder.mkdir(parents=True)
    worker = Worker(slot, "loaded", 60.0)
    with wire.listen(slot.folder) as listener:
        threading.Thread(target=worker._accept, args=(listener,), daemon=True).start()
        yield slot
    with worker._guard:
        job = worker._job
    if job is not None:  # nobody executes it
        job.channel.close()


def accepted(slot, **hello):
    channel = wire.connect(slot.folder)
    try:
        channel.send(**hello)
        return channel.receive(5)["accepted"]
    finally:
        channel.close()


HELLO = {"identity": "loaded", "client": "a run", "step": "s", "arguments": "{}"}


def test_a_worker_that_cannot_say_whom_it_works_for_works_all_the_same(slot, caplog):
    slot.holder.mkdir()
    assert accepted(slot, **HELLO)
    assert f"{slot.holder} cannot be written" in caplog.text


def test_a_worker_outlives_a_conversation_that_makes_no_sense(slot, caplog):
    with pytest.raises(wire.ClosedError):
        accepted(slot, nonsense=True)
    assert accepted(slot, **HELLO)
    assert "a conversation could not be begun" in caplog.text
