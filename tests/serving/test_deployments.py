from __future__ import annotations

import asyncio
import json
from pathlib import Path

from tidegate.serving import Announcements, DeploymentFiles, newest


def test_the_newest_file_wins_by_number(tmp_path: Path) -> None:
    files = DeploymentFiles(tmp_path)
    assert newest(tmp_path) is None
    for generation in (9, 10):
        files.publish({"generation": generation})
    (tmp_path / ".11.json.tmp").write_text("torn")
    found = newest(tmp_path)
    assert found is not None
    assert found[0] == 10
    assert json.loads(found[1]) == {"generation": 10}


async def wake_and_close(announcements: Announcements) -> None:
    assert await announcements.newer(0, 0) is None
    waiting = [asyncio.create_task(announcements.newer(0, 30)) for _ in range(3)]
    await asyncio.sleep(0)
    await asyncio.to_thread(announcements.announce, {"generation": 1})
    assert [json.loads(found or b"") for found in await asyncio.gather(*waiting)] == [{"generation": 1}] * 3
    assert await announcements.newer(0, 30) is not None
    late = asyncio.create_task(announcements.newer(1, 30))
    await asyncio.sleep(0)
    announcements.close()
    assert await late is None
    assert await announcements.newer(1, 30) is None


def test_everyone_who_waits_is_woken(tmp_path: Path) -> None:
    asyncio.run(wake_and_close(Announcements(tmp_path)))
