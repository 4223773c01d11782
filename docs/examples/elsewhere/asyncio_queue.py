# SPDX-License-Identifier: MIT
"""Two workers share a queue; what takes longer than a second is given up."""
import asyncio

JOBS = [("short", 0.001), ("endless", 3600), ("shorter", 0), ("longer", 0.005)]


async def fetch(name, seconds):
    await asyncio.sleep(seconds)
    return len(name)


async def worker(jobs, found):
    while True:
        name, seconds = await jobs.get()
        try:
            async with asyncio.timeout(1):
                found[name] = await fetch(name, seconds)
        except TimeoutError:
            found[name] = "too late"
        jobs.task_done()


async def main():
    jobs = asyncio.Queue(maxsize=2)
    found = {}
    async with asyncio.TaskGroup() as group:
        workers = [group.create_task(worker(jobs, found)) for _ in range(2)]
        for job in JOBS:
            await jobs.put(job)
        await jobs.join()
        for task in workers:
            task.cancel()
    for name, _ in JOBS:
        print(f"{name}: {found[name]}")


asyncio.run(main())
